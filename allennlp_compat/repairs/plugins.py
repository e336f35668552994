"""AllenNLP's list of plugins."""

import importlib.util
import sys
from typing import Iterator

from allennlp_compat.hook import repair


@repair("allennlp.common.plugins")
def plugin_of_every_directory() -> Iterator[None]:
    """
    Imports our plugin in every directory, so that `allennlp serve` is there wherever
    `bert_classification` is installed. AllenNLP 2.10.1 takes the subcommands of plugins from a file
    in the working directory or from its own short list. Whoever asks `discover_plugins` sees what
    AllenNLP finds.
    """
    yield
    module = sys.modules["allennlp.common.plugins"]
    import_theirs = module.import_plugins

    def import_plugins() -> None:
        discover = module.discover_plugins
        module.discover_plugins = lambda: dict.fromkeys([*_installed(), *discover()])
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


def _installed() -> list[str]:
    return ["bert_classification"] if importlib.util.find_spec("bert_classification") else []
