"""The start of every command."""

import gc
import importlib
import sys
from contextlib import contextmanager
from typing import Iterator

from allennlp_compat.hook import log, repair
from allennlp_compat.overlay import Overlay


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """
    Stops the search for garbage during imports, which make a million objects that all stay: to
    search them again and again is a second of a command's start. Those there at the end are never
    searched again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@repair("allennlp.commands")
def commands_start_without_searching_for_garbage() -> Iterator[None]:
    with _no_search_for_garbage():
        yield


@repair("allennlp.common.util")
def plugins_are_looked_up_once() -> Iterator[None]:
    """
    Makes Python forget what lies in its directories once for all modules of a plugin; AllenNLP
    does so before each, and allennlp-models has five hundred.
    """
    yield
    module = sys.modules["allennlp.common.util"]
    import_one = module.import_module_and_submodules
    module.importlib = Overlay(importlib, invalidate_caches=lambda: None)
    running = False

    def import_module_and_submodules(package_name: str, exclude=None) -> None:
        # The function calls itself by this name.
        nonlocal running
        if running:
            return import_one(package_name, exclude)
        importlib.invalidate_caches()
        running = True
        try:
            with _no_search_for_garbage():
                import_one(package_name, exclude)
        finally:
            running = False

    module.import_module_and_submodules = import_module_and_submodules
    log("import_module_and_submodules: directories are read once")
