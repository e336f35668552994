"""Archives that are there only when they are whole."""

import logging
import os
import tarfile
from pathlib import Path
from typing import Optional, Union

from allennlp.common.checks import ConfigurationError
from allennlp.models import archival

from bert_classification.archives.carried_files import pack_files
from bert_classification.archives.extraction import InvalidArchiveError
from bert_classification.archives.whole_files import is_whole, replace_file

logger = logging.getLogger(__name__)

_allennlps_archive_model = archival.archive_model


def archive_model(
    serialization_dir: Union[str, os.PathLike],
    weights: str = archival._DEFAULT_WEIGHTS,
    archive_path: Optional[Union[str, os.PathLike]] = None,
    include_in_archive: Optional[list[str]] = None,
) -> str:
    """
    Makes the archive of a training; takes and gives what AllenNLP's function does. A kill, or a
    full disk, leaves the archive that was there before, or none.

    # Raises

    `InvalidArchiveError` for weights that are damaged.
    """
    target = Path(serialization_dir if archive_path is None else archive_path)
    if target.is_dir():
        target = target / "model.tar.gz"
    path = Path(serialization_dir, weights)
    if path.exists() and not is_whole(path):
        raise InvalidArchiveError(
            f"{path} is damaged: its checksums are wrong; no archive is made of it."
        )
    pack_files(str(serialization_dir))
    with replace_file(target) as aside:
        _allennlps_archive_model(serialization_dir, weights, aside, include_in_archive)
    logger.info("The model is in %s", target)
    return str(target)


def check_new_file(output_file: str) -> None:
    """
    Looks for what would fail, or overwrite something, after all work is done.

    # Raises

    `ConfigurationError` for a file that is there already, or cannot be written.
    """
    output = Path(output_file)
    if os.path.lexists(output):
        raise ConfigurationError(f"{output_file} is there already; name a new file.")
    if not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise ConfigurationError(
            f"{output_file} cannot be written: {output.parent} is no directory to write in."
        )


def write_tar(directory: Path, output: Path) -> None:
    """
    Packs what is in a directory; only a file that is complete gets the name `output`.

    # Raises

    `ConfigurationError` when it cannot be written.
    """
    try:
        with replace_file(output) as aside:
            with tarfile.open(aside, "w:gz") as archive:
                for path in sorted(directory.iterdir()):
                    archive.add(path, arcname=path.name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{output} cannot be written ({reason}).") from error
