"""AllenNLP's list of plugins."""

import importlib
import sys
from typing import Callable, Iterable, Iterator

from allennlp_compat.hook import repair
from allennlp_compat.plugins import find_plugins


@repair("allennlp.common.plugins")
def plugins_that_are_installed() -> Iterator[None]:
    """
    Imports, in every directory, the plugins that installed distributions state as entry points of
    the group `allennlp.plugins`; AllenNLP 2.10.1 takes plugins from a file in the working directory
    or from its own short list. Whoever asks `discover_plugins` sees what AllenNLP finds.
    """
    yield
    module = sys.modules["allennlp.common.plugins"]
    import_theirs = module.import_plugins

    def import_plugins() -> None:
        discover = module.discover_plugins
        module.discover_plugins = lambda: dict.fromkeys(
            [*_import_each(find_plugins(), module.logger.error), *discover()]
        )
        try:
            import_theirs()
        finally:
            module.discover_plugins = discover

    module.import_plugins = import_plugins


@repair("allennlp.commands")
def plugins_are_there_when_options_are_read() -> Iterator[None]:
    """
    Imports plugins before the options of one of AllenNLP's own commands are read. AllenNLP does so
    behind that, where a command that a plugin has put in its place is not asked for its options.
    """
    yield
    module = sys.modules["allennlp.commands"]
    parse_theirs, subcommands = module.parse_args, module.Subcommand

    def parse_args(prog=None):
        name = next(iter(sys.argv[1:]), "")
        if (
            name not in subcommands.list_available()
            or not subcommands.by_name(name).requires_plugins
        ):
            return parse_theirs(prog)
        import_theirs = module.import_plugins
        import_theirs()
        # A second time takes a while, and brings nothing.
        module.import_plugins = lambda: None
        try:
            return parse_theirs(prog)
        finally:
            module.import_plugins = import_theirs

    module.parse_args = parse_args


def _import_each(plugins: Iterable[str], complain: Callable[[str], None]) -> Iterator[str]:
    """
    Yields the plugins that can be imported. Nobody named these for this run, so one that fails
    takes down only the commands that need it.
    """
    for plugin in plugins:
        try:
            importlib.import_module(plugin)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            complain(f"Plugin {plugin} could not be loaded: {reason}")
        else:
            yield plugin
