"""Runs each repair around the modules it concerns, while they are imported."""

import os
import sys
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Callable, Iterator

Repair = Callable[[], Iterator[None]]
Fill = Callable[[ModuleType], None]

REPAIRS: dict[str, list[Callable[[], AbstractContextManager]]] = {}
STAND_INS: dict[str, Fill] = {}

USERS_OF_TRANSFORMERS = (
    "allennlp.data.data_loaders.data_collator",
    "allennlp.common.cached_transformers",
    "allennlp.training.optimizers",
)
"""One of these is the first to import transformers; repairs of that itself are bound to all."""

PACKAGES = ("allennlp", "allennlp_models", "overrides")


def install() -> None:
    """
    Registers the import hook; called by `import torch`, and by packages that need the repairs in
    case that is switched off.
    """
    if not any(type(finder).__qualname__ == "RepairingFinder" for finder in sys.meta_path):
        sys.meta_path.insert(0, RepairingFinder())


def repair(*modules: str) -> Callable[[Repair], Repair]:
    """
    Binds a repair to the modules it concerns. It is a generator: what stands before its `yield`
    runs before such a module is executed, what stands after runs when the module is complete; an
    exception of the module is raised at the `yield`.
    """

    def register(function: Repair) -> Repair:
        for module in modules:
            REPAIRS.setdefault(module, []).append(contextmanager(function))
        return function

    return register


def stand_in_for(name: str) -> Callable[[Fill], Fill]:
    """Binds a function that fills a module to a package; it is that package where there is none."""

    def register(function: Fill) -> Fill:
        STAND_INS[name] = function
        return function

    return register


def log(message: str) -> None:
    if os.environ.get("ALLENNLP_COMPAT_LOG"):
        print(f"allennlp_compat: {message}", file=sys.stderr)


def _load_repairs() -> None:
    if not REPAIRS:
        import allennlp_compat.repairs  # noqa: F401  they bind themselves
        from allennlp_compat.versions import warn_of_newer

        warn_of_newer()


class RepairingFinder:
    """
    Finds the modules that have repairs, by asking the other finders and wrapping the loader they
    give.
    """

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in PACKAGES:
            return None
        _load_repairs()
        if name not in REPAIRS:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None and name in STAND_INS and "allennlp" in sys.modules:
            return ModuleSpec(name, _FillingLoader(STAND_INS[name]))
        if spec is not None and spec.loader is not None:
            spec.loader = _RepairingLoader(spec.loader, REPAIRS[name])
        return spec


class _FillingLoader:
    def __init__(self, fill: Fill) -> None:
        self.exec_module = fill

    def create_module(self, spec) -> None:
        return None


class _RepairingLoader:
    def __init__(self, loader, repairs: list[Callable[[], AbstractContextManager]]) -> None:
        self._loader = loader
        self._repairs = repairs

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        with ExitStack() as started:
            for repair in self._repairs:
                started.enter_context(repair())
            self._loader.exec_module(module)
