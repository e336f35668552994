"""What stands in place of names and packages that AllenNLP imports and that are not there."""

import importlib
import sys
from typing import Iterator

from allennlp_compat.hook import log


class StandIn(type(sys)):
    """
    A module in place of one that is missing, while AllenNLP imports names from it for parts that
    few use. Any name is a class that fails with `advice` when it, or an attribute of it, is used
    after the import.

    # Parameters

    base : `type`
        What the classes inherit from, where AllenNLP inherits from one of them.
    """

    def __init__(self, name: str, advice: str, base: type = object) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._advice = advice
        self._base = base
        self._importing = True

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        return _make_class(self, f"{self.__name__}.{name}")

    def refuse(self, name: str) -> None:
        if not self._importing:
            package = self.__name__.partition(".")[0]
            raise ModuleNotFoundError(f"{name} is not there: {self._advice}", name=package)


class _MissingClass(type):
    def __getattr__(cls, name: str):
        module = vars(cls).get("_stand_in")
        if module is None or name.startswith("_"):
            raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")
        module.refuse(f"{cls._name}.{name}")
        return _make_class(module, f"{cls._name}.{name}")


def _make_class(module: StandIn, name: str) -> type:
    def refuse(self, *args, **kwargs) -> None:
        module.refuse(name)

    body = {"__init__": refuse, "_stand_in": module, "_name": name}
    return _MissingClass(name.rpartition(".")[2], (module._base,), body)


def stand_in(names: list[str], base: type = object, package: str = "") -> Iterator[None]:
    """
    Puts stand-ins for a package and its submodules into `sys.modules`, where the package cannot be
    imported, and takes them away again.
    """
    advice = _reason_not_to_import(names[0], package or names[0])
    if advice is None:
        yield
        return
    modules = {name: StandIn(name, advice, base) for name in names}
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    sys.modules.update(modules)
    log(f"stand-in for {names[0]}: {advice}")
    try:
        yield
    finally:
        for name, module in modules.items():
            module._importing = False
            sys.modules.pop(name, None)


def _reason_not_to_import(name: str, package: str) -> str | None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return f"`pip install {package}`."
        return f"the installed {package} cannot be imported ({error})."
    except Exception as error:
        # One that was built for another PyTorch fails in ways of its own.
        return f"the installed {package} cannot be imported ({type(error).__name__}: {error})."
    return None
