"""The decorator of the package `overrides`, which AllenNLP brought along until 2.8."""

import sys
import typing
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Iterator

from allennlp_compat.hook import log, repair, stand_in_for


@repair("overrides", "allennlp.common.util")
def overrides_without_checks() -> Iterator[None]:
    """
    Lets the decorator be a mark and nothing else in modules on AllenNLP: since version 4 it
    compares signatures, which were never alike in readers and models, and 3.1 does not understand
    the bytecode of Python 3.12.
    """
    yield
    module = sys.modules.get("overrides")
    for name in ("overrides", "override"):
        original = getattr(module, name, None)
        if original is not None and original is not mark and not isinstance(original, _Decorator):
            setattr(module, name, _Decorator(original))
            log(f"overrides.{name}: without checks in modules on AllenNLP")


class _Decorator:
    """
    The decorator for the module that uses it. It looks at the frames of its callers for the bases,
    so it has to be called by them and not by us: `__call__` is a property.
    """

    def __init__(self, original) -> None:
        self._original = original
        self.__doc__ = original.__doc__

    @property
    def __call__(self):
        names = sys._getframe(1).f_globals.values()
        return mark if any(_is_of_allennlp(value) for value in names) else self._original


def _is_of_allennlp(value) -> bool:
    if isinstance(value, type):
        homes = [each.__module__ for each in value.__mro__]
    elif isinstance(value, ModuleType):
        homes = [value.__name__]
    else:
        homes = [value.__module__] if isinstance(value, FunctionType) else []
    return any(str(home).partition(".")[0] in ("allennlp", "allennlp_models") for home in homes)


def mark(method=None, **options):
    if method is None:
        return mark
    with suppress(AttributeError):
        method.__override__ = True
    return method


class EnforceOverrides:
    """As a base it enforces nothing."""


@stand_in_for("overrides")
def fill_overrides(module: ModuleType) -> None:
    """
    Is the package where it is not installed: most projects on AllenNLP import it, and had it from
    AllenNLP's own requirements.
    """
    module.__dict__.update(
        overrides=mark, override=mark, final=typing.final, EnforceOverrides=EnforceOverrides
    )
    log("stand-in for overrides")
