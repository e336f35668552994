"""The plugins for AllenNLP that installed distributions state."""

from importlib.metadata import entry_points

GROUP = "allennlp.plugins"


def find_plugins() -> dict[str, str]:
    """Gives the modules, each with the name of its distribution."""
    return {
        plugin.value.partition(":")[0].strip(): plugin.dist.name
        for plugin in entry_points(group=GROUP)
    }
