"""
The config of an archive: plain JSON, and the names of classes in it are registered ones.

AllenNLP evaluates `config.json` as Jsonnet, which reads environment variables and files, and
imports and calls whatever a dotted `type` names.
"""

import json
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Iterator, Optional

from allennlp.common import Registrable
from allennlp.models.archival import CONFIG_NAME

from bert_classification.archives.extraction import InvalidArchiveError, describe_error, require
from bert_classification.archives.names import TRUST, take_from_archive, walk
from bert_classification.archives.nesting import MAX_DEPTH, is_too_deep

MAX_CONFIG_BYTES = 2**24
LATER_SECTIONS = ("data_loader", "validation_data_loader", "evaluation")
"""What `allennlp evaluate` builds from the config after the archive was opened."""
SEEDS = ("random_seed", "numpy_seed", "pytorch_seed")
MAX_WORKERS = 256

_allennlps_resolve_class_name: Any = Registrable.resolve_class_name
_dotted_names: ContextVar[Optional[frozenset[str]]] = ContextVar("dotted_names", default=None)


def read_config(directory: Path) -> dict[str, Any]:
    """
    Reads the config of an archive that was extracted, or of a directory of training, where what the
    archive brings along stands in the place of what training once found elsewhere.

    # Raises

    `InvalidArchiveError` when it is missing, not plain JSON, or would have something called.
    """
    path = directory / CONFIG_NAME
    require(path, CONFIG_NAME)
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise InvalidArchiveError(f"{path.name} is larger than {MAX_CONFIG_BYTES} bytes.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if is_too_deep(config):
            raise InvalidArchiveError(
                f"{path.name} is nested too deeply; expected at most {MAX_DEPTH} levels."
            )
        if isinstance(config, dict):
            take_from_archive(config, str(directory))
        _check_config(config)
    except (ValueError, RecursionError) as error:
        reason = describe_error(error)
        raise InvalidArchiveError(
            f"{path.name} is not plain JSON ({reason}), and Jsonnet is not evaluated in an archive."
        ) from error
    return config


def _check_config(config: Any) -> None:
    for key in ("model", "dataset_reader"):
        section = config.get(key) if isinstance(config, dict) else None
        named = isinstance(section, dict) and isinstance(section.get("type"), str)
        if not named and not (key == "model" and isinstance(section, str)):
            raise InvalidArchiveError(f"`{key}` with its `type` is missing in {CONFIG_NAME}.")
    _check_later_sections(config)
    registered = {name for names in Registrable._registry.values() for name in names}
    for keys, value in walk(config):
        key = keys[-1]
        if key == "type" or keys == ("model",) or keys[0] in LATER_SECTIONS:
            if isinstance(value, str) and "." in value and value not in registered:
                raise InvalidArchiveError(_explain_dotted_name(".".join(keys), value))
        if key == "trust_remote_code" and value:
            raise InvalidArchiveError(f"`{'.'.join(keys)}` asks for code from the model hub.")


def _check_later_sections(config: dict[str, Any]) -> None:
    for section in LATER_SECTIONS:
        if not isinstance(config.get(section), (dict, type(None))):
            raise InvalidArchiveError(f"`{section}` in {CONFIG_NAME} is no object.")
        workers = (config.get(section) or {}).get("num_workers")
        if isinstance(workers, int) and not 0 <= workers <= MAX_WORKERS:
            raise InvalidArchiveError(
                f"`{section}.num_workers` is {workers}; expected at most {MAX_WORKERS} processes."
            )
    for key in SEEDS:
        seed = config.get(key)
        if seed is not None and not (isinstance(seed, int) and 0 <= seed < 2**32):
            raise InvalidArchiveError(f"`{key}` is {seed!r}; expected a number below 2**32.")


def _explain_dotted_name(where: str, name: str) -> str:
    return (
        f"`{where}` is {name[:100]!r}, which is not a registered name, and an archive does not "
        f"choose what is imported and called (if you have made it yourself: {TRUST}=1)."
    )


def strings(value: Any) -> Iterator[str]:
    """Yields all strings in a config."""
    return (leaf for _, leaf in walk(value) if isinstance(leaf, str))


@contextmanager
def registered_names_only(but: frozenset[str]) -> Iterator[None]:
    """Permits to build registered classes only, and those under the caller's own names."""
    token = _dotted_names.set(but)
    try:
        yield
    finally:
        _dotted_names.reset(token)


def resolve_class_name(cls: Any, name: str) -> Any:
    """
    Finds the class of a name, as AllenNLP's function, whose place it takes. Outside of
    `registered_names_only`, of a training config for example, nothing changes.

    # Raises

    `InvalidArchiveError` for a dotted name that is neither registered nor the caller's own.
    """
    permitted = _dotted_names.get()
    unknown = name not in Registrable._registry[cls] and "." in name
    if permitted is not None and unknown and name not in permitted:
        raise InvalidArchiveError(_explain_dotted_name(cls.__name__, name))
    return _allennlps_resolve_class_name.__func__(cls, name)
