"""
How archives are opened: as data. Whatever stands in one, nothing of it is executed.

`load_archive` takes the place of AllenNLP's, and with it of what `allennlp predict`, `evaluate` and
`serve`, `Predictor.from_path` and `Model.from_archive` open, for archives of any model, since a
hostile one could claim to be of any. Against AllenNLP's way:

- Members are extracted one by one (see `extraction`).
- `config.json` is plain JSON, as training writes it. AllenNLP evaluates it as Jsonnet, which reads
  environment variables and files.
- `type` in it is a registered name. AllenNLP imports and calls whatever a dotted one names.
- Further archives that it names are files, not URLs, and are opened in the same way.
- Weights are tensors, in safetensors or in PyTorch's format, and are compared with the model before
  they are loaded.

What the caller gives, such as `--overrides`, is trusted as before. So is all when the environment
has `BERT_CLASSIFICATION_TRUST_ARCHIVES=1`, and inside `with trusted_archives():`, for files of
one's own that need it: then AllenNLP's functions run as they are.
"""

import json
import logging
import os
import shutil
import tempfile
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Iterator, Optional, Sized, Union
from urllib.parse import urlparse

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path
from allennlp.common.meta import META_NAME, Meta
from allennlp.common.params import parse_overrides, remove_keys_from_params, with_overrides
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model, archival

from bert_classification.archives import serialization, weights
from bert_classification.archives.config import TRUST, read_config, registered_names_only, strings
from bert_classification.archives.extraction import (
    InvalidArchiveError,
    extract,
    prefix_errors,
    require,
)

logger = logging.getLogger(__name__)

MAX_DEPTH = 3
"""Of archives whose config names another one."""
VOCABULARY = "vocabulary/non_padded_namespaces.txt"

_allennlps_load_archive: Any = archival.load_archive
_allennlps_extracted_archive: Any = archival.extracted_archive
_trusted = ContextVar("trusted", default=False)
_depth = ContextVar("depth", default=0)


@contextmanager
def trusted_archives() -> Iterator[None]:
    """AllenNLP's own behaviour, for archives one has made oneself."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def are_trusted() -> bool:
    return _trusted.get() or os.environ.get(TRUST, "") not in ("", "0")


def load_archive(
    archive_file: Union[str, os.PathLike],
    cuda_device: int = -1,
    overrides: Union[str, dict[str, Any]] = "",
    weights_file: Optional[str] = None,
) -> archival.Archive:
    """
    Opens an archive, or a directory of training; takes and gives what AllenNLP's function does.

    # Raises

    `ConfigurationError`, in one sentence, for what is not opened.
    """
    if are_trusted():
        return _allennlps_load_archive(archive_file, cuda_device, overrides, weights_file)
    logger.info("opening archive %s", archive_file)
    with (
        prefix_errors(archive_file),
        _one_deeper(archive_file),
        _contents(archive_file) as directory,
    ):
        return _load(directory, cuda_device, overrides, weights_file)


@contextmanager
def extracted_archive(resolved_archive_file: Any, cleanup: bool = True) -> Iterator[str]:
    """Takes the place of AllenNLP's function, which extracts anything to anywhere."""
    if are_trusted():
        with _allennlps_extracted_archive(resolved_archive_file, cleanup) as extracted:
            yield extracted
        return
    directory = tempfile.mkdtemp()
    try:
        with prefix_errors(resolved_archive_file):
            extract(Path(resolved_archive_file), Path(directory))
        yield directory
    except BaseException:
        cleanup = True
        raise
    finally:
        if cleanup:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _one_deeper(archive_file: object) -> Iterator[None]:
    depth = _depth.get()
    if depth and urlparse(str(archive_file)).scheme:
        raise InvalidArchiveError(
            "the config of another archive asks for it, and it is not a file."
        )
    if depth >= MAX_DEPTH:
        raise InvalidArchiveError(f"{depth} archives within each other ask for it.")
    token = _depth.set(depth + 1)
    try:
        yield
    finally:
        _depth.reset(token)


@contextmanager
def _contents(archive_file: Any) -> Iterator[Path]:
    local = cached_path(archive_file)
    if os.path.isdir(local):
        yield Path(local)
        return
    with extracted_archive(local) as extracted:
        try:
            yield Path(extracted)
        except ConfigurationError as error:
            if extracted not in str(error):
                raise
            text = str(error).replace(extracted, str(archive_file))
            raise ConfigurationError(text) from error


def _load(
    directory: Path, cuda_device: int, overrides: Any, weights_file: Optional[str]
) -> archival.Archive:
    weights_path = Path(weights_file) if weights_file else weights.find_weights(directory)
    require(directory / VOCABULARY, VOCABULARY)
    meta = _read_meta(directory / META_NAME)
    written = read_config(directory)
    if isinstance(overrides, dict):
        overrides = json.dumps(overrides)
    replaced = parse_overrides(overrides)
    config = Params(with_overrides(written, replaced) if replaced else written)
    with registered_names_only(frozenset(strings(replaced))), serialization.reading_weights():
        reader, validation_reader = archival._load_dataset_readers(
            config.duplicate(), str(directory)
        )
        model = _load_model(config.duplicate(), str(directory), weights_path, cuda_device)
    for each in (reader, validation_reader):
        _check_num_pieces(each, model)
    return archival.Archive(model, config, reader, validation_reader, meta)


def _read_meta(path: Path) -> Optional[Meta]:
    if not path.exists():
        return None
    try:
        meta = Meta.from_path(path)
        archival._check_version_compatibility(path.name, meta)
        return meta
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidArchiveError(f"{META_NAME} is not what AllenNLP writes ({error}).") from None


def _load_model(config: Params, directory: str, weights_path: Path, cuda_device: int) -> Model:
    """As `Model._load`, which reads and loads weights in its own way."""
    model_type = config["model"] if isinstance(config["model"], str) else config["model"]["type"]
    model_class: Any = Model.by_name(model_type)
    if isinstance(model_class, type) and _overrides_load(model_class):
        return Model.load(config, directory, weights_path, cuda_device)
    state = weights.read_weights(weights_path)
    bert = serialization.saved_directory(serialization.MODEL, directory)
    if bert is not None:
        weights.check_size(Path(bert), state)
    vocab = _load_vocabulary(config.get("vocabulary", Params({})), directory)
    model_params = config.get("model")
    # What they would initialize is loaded below.
    remove_keys_from_params(model_params)
    model = Model.from_params(vocab=vocab, params=model_params, serialization_dir=directory)
    model = model.cuda(cuda_device) if cuda_device >= 0 else model.cpu()
    model.extend_embedder_vocab()
    state = weights.rename_weights(model, state)
    weights.check_fit(model, state)
    model.load_state_dict(state, strict=False)
    return model


def _overrides_load(model_class: Any) -> bool:
    return model_class._load.__func__ is not Model._load.__func__  # type: ignore[attr-defined]


def _load_vocabulary(params: Params, directory: str) -> Vocabulary:
    name = params.pop_choice("type", Vocabulary.list_available(), True)
    vocabulary_class, _ = Vocabulary.resolve_class_name(name)
    padding, unknown = params.get("padding_token"), params.get("oov_token")
    try:
        return vocabulary_class.from_files(os.path.join(directory, "vocabulary"), padding, unknown)
    except (OSError, ValueError, AssertionError) as error:
        raise InvalidArchiveError(f"its vocabulary cannot be read ({error}).") from None


def _check_num_pieces(reader: DatasetReader, model: Model) -> None:
    tokenizer, bert = getattr(reader, "tokenizer", None), getattr(model, "bert", None)
    # Readers of other packages may have a tokenizer without pieces to count.
    if not isinstance(tokenizer, Sized) or bert is None:
        return
    embedded = bert.embeddings.word_embeddings.num_embeddings
    if len(tokenizer) > embedded:
        raise InvalidArchiveError(
            f"its tokenizer has {len(tokenizer)} word pieces and its model embeds {embedded}; they "
            "are not of the same BERT."
        )
