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


def _installed() -> list[str]:
    return ["bert_classification"] if importlib.util.find_spec("bert_classification") else []
