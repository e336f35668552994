"""
What the command line says when it refuses an archive, a config or data: the sentence that says why,
on standard error, with exit status 1. A traceback tells a user nothing more; it is there for errors
of any other kind, and with `BERT_CLASSIFICATION_DEBUG=1` for all.

Python calls `sys.excepthook` for what nobody caught, and ends. So a caller in Python gets the
exception, as before.
"""

import logging
import os
import sys
from functools import wraps
from types import TracebackType
from typing import Any, Callable, Optional

from allennlp.common.checks import ConfigurationError

DEBUG = "BERT_CLASSIFICATION_DEBUG"
JSONNET_ERRORS = ("STATIC ERROR", "RUNTIME ERROR")
"""What the `RuntimeError` for a config that is no Jsonnet begins with."""
SPEAKING = frozenset(
    f"allennlp.{name}"
    for name in (
        "commands.build_vocab",
        "common.from_params",
        "common.params",
        "common.push_to_hf",
        "data.data_loaders.multiprocess_data_loader",
    )
)
"""Modules whose own errors, of the kinds below, are sentences about a config or a command."""
SPOKEN = (TypeError, ValueError, RuntimeError)


def is_command_line() -> bool:
    """Tells whether this process is an `allennlp` command."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return "allennlp.__main__" in sys.modules or getattr(spec, "name", "") == "allennlp.__main__"


def install_excepthook() -> None:
    """Lets a process of the command line end with a sentence where something was refused."""
    if not is_command_line():
        return
    previous = sys.excepthook

    def report(
        kind: type[BaseException], error: BaseException, traceback: Optional[TracebackType]
    ) -> None:
        if os.environ.get(DEBUG, "") not in ("", "0"):
            previous(kind, error, traceback)
        elif is_refusal(error):
            _say(str(error).strip())
        elif not isinstance(error, KeyboardInterrupt):
            previous(kind, error, traceback)

    sys.excepthook = report


def with_excepthook(prepare_global_logging: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a function of AllenNLP's that puts an excepthook of its own in the place of ours."""

    @wraps(prepare_global_logging)
    def prepare(*args: Any, **kwargs: Any) -> Any:
        result = prepare_global_logging(*args, **kwargs)
        install_excepthook()
        return result

    return prepare


def is_refusal(error: BaseException) -> bool:
    """Tells whether the message of an error says all that there is to say."""
    if isinstance(error, SPOKEN) and _raised_in(error) in SPEAKING:
        return True
    if isinstance(error, RuntimeError):
        return str(error).startswith(JSONNET_ERRORS)
    named_file = isinstance(error, OSError) and error.filename is not None
    return isinstance(error, (ConfigurationError, FileNotFoundError)) or named_file


def _raised_in(error: BaseException) -> str:
    """Names the module whose code has raised an error; nothing where it was not raised."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return "" if frame is None else frame.tb_frame.f_globals.get("__name__", "")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    record = logging.root.makeRecord("allennlp", logging.CRITICAL, "", 0, sentence, (), None)
    for handler in logging.root.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handle(record)
