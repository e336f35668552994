"""
While an archive is opened, its thread makes no connection and touches no file that the archive's
config names: the second line behind `names`, for parameters that nobody here knows.

Python tells of each file, connection and so on before it happens (an audit hook, which is added at
the first archive and does nothing outside of `sealed`). Files that the code itself names stay open
to it: its modules, the caches of what the user once loaded. The model hub's client is offline in
the whole process meanwhile, so that it asks its cache and no more.
"""

import os
import sys
import tempfile
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, Callable, Iterable, Iterator, NamedTuple, Optional

from allennlp.common import util
from huggingface_hub import constants

from bert_classification.archives.extraction import InvalidArchiveError

_CONNECTIONS = frozenset(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"))
_CODE = (".py", ".pyc", ".so")

_allennlps_spacy_download: Callable[..., Any] = util.spacy_download


class Seal(NamedTuple):
    """
    root : `str`
        The directory of the archive's members, which may be read.
    named : `FrozenSet[str]`
        Absolute paths: how the strings in its config could be meant.
    broad : `FrozenSet[str]`
        Directories in which all else lies, as `.` and `/` may name: of these only what is directly
        in them counts.
    permitted : `FrozenSet[str]`
        Directories that the caller names, which may be read whoever else names them.
    """

    root: str
    named: frozenset[str]
    broad: frozenset[str]
    permitted: frozenset[str]


_seal: ContextVar[Optional[Seal]] = ContextVar("seal", default=None)
_offline_lock = Lock()
_offline: list[Any] = []
"""What `HF_HUB_OFFLINE` was, once for each archive that is being opened."""


@contextmanager
def sealed(
    root: str = "", strings: Iterable[str] = (), permitted: Iterable[str] = ()
) -> Iterator[None]:
    """
    Closes what lies outside of an archive, as the strings in its config may name it, but for the
    directories among what the caller names.
    """
    _add_hook()
    named = frozenset(filter(None, (_as_path(each) for each in strings if each)))
    callers = frozenset(_as_path(each) for each in permitted if each and os.path.isdir(each))
    seal = Seal(os.path.realpath(root) if root else "", named, _broad_directories(), callers)
    token = _seal.set(seal)
    try:
        with _hub_offline():
            yield
    finally:
        _seal.reset(token)


def spacy_download(model: str, *args: Any, **kwargs: Any) -> None:
    """Downloads a model of spaCy, but not for an archive."""
    if _seal.get() is not None:
        raise InvalidArchiveError(
            f"it needs the spaCy model {model!r}, which is not installed, and nothing is "
            f"downloaded for an archive: python -m spacy download {model}"
        )
    _allennlps_spacy_download(model, *args, **kwargs)


@contextmanager
def _hub_offline() -> Iterator[None]:
    with _offline_lock:
        _offline.append(constants.HF_HUB_OFFLINE)
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        with _offline_lock:
            before = _offline.pop()
            constants.HF_HUB_OFFLINE = bool(_offline) or before


@lru_cache(maxsize=1)
def _add_hook() -> None:
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple) -> None:
    seal = _seal.get()
    if seal is None:
        return
    if event in _CONNECTIONS and not _is_local(arguments):
        raise InvalidArchiveError("it asks for the network, and an archive is opened without.")
    if event == "open" or event.startswith(("os.", "shutil.", "subprocess.")):
        for argument in arguments:
            path = _as_path(argument) if isinstance(argument, (str, bytes, os.PathLike)) else ""
            if path and seal.named and _is_named(path, seal):
                raise InvalidArchiveError(
                    f"its config names {path}, and an archive names nothing outside of itself."
                )


def _is_local(arguments: tuple) -> bool:
    """Tells whether a connection is to a socket of this machine's file system."""
    return len(arguments) == 2 and isinstance(arguments[1], (str, bytes))


def _is_named(path: str, seal: Seal) -> bool:
    if path.endswith(_CODE) or "__pycache__" in path:
        return False
    if seal.root and Path(os.path.realpath(path)).is_relative_to(seal.root):
        return False
    if any(Path(path).is_relative_to(each) for each in seal.permitted):
        return False
    if path in seal.named or os.path.dirname(path) in seal.named:
        return True
    narrow = seal.named - seal.broad
    return any(str(parent) in narrow for parent in Path(path).parents)


def _as_path(text: Any) -> str:
    try:
        return os.path.abspath(os.path.expanduser(os.fsdecode(text)))
    except (ValueError, OSError):  # There may be no working directory, for example.
        return ""


def _broad_directories() -> frozenset[str]:
    here = filter(None, (_as_path("."), _as_path("~")))
    directories = {*here, sys.prefix, sys.base_prefix, tempfile.gettempdir()}
    above = {str(parent) for directory in directories for parent in Path(directory).parents}
    return frozenset(directories | above)
