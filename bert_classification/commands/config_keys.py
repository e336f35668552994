"""Keys of a config that its class does not have, said before anything is read."""

import inspect
import logging
from difflib import get_close_matches
from typing import Any, Mapping

from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.models import Model
from allennlp.training import Trainer

logger = logging.getLogger(__name__)

SECTIONS: dict[str, Any] = {
    "dataset_reader": DatasetReader,
    "validation_dataset_reader": DatasetReader,
    "model": Model,
    "trainer": Trainer,
}


def check_keys(config: Mapping[str, Any]) -> None:
    """
    Raises `ConfigurationError` for the first key of a section that its class, one of ours, does not
    know, with the one that is probably meant. AllenNLP's trainer takes any key and ignores it, so
    that configs of earlier versions have some: those that resemble none are a warning.
    """
    for section, registry in SECTIONS.items():
        given = config.get(section)
        if not isinstance(given, Mapping):
            continue
        known = parameters_of(registry, str(given.get("type", registry.default_implementation)))
        for key in [key for key in given if known and key not in known]:
            near = get_close_matches(key, known, 1)
            hint = f"; did you mean `{near[0]}`?" if near else "."
            message = f"`{section}.{key}`: there is no such parameter{hint}"
            if near or section != "trainer":
                raise ConfigurationError(message)
            logger.warning("%s AllenNLP ignores it.", message)


def parameters_of(registry: Any, name: str) -> set[str]:
    """Gives the keys that a class of ours may be given, and `type`; of another's none."""
    kind, constructor = Registrable._registry[registry].get(name, (None, None))
    if kind is None or not kind.__module__.startswith("bert_classification."):
        return set()
    makers = [vars(each)["__init__"] for each in kind.__mro__ if "__init__" in vars(each)]
    if constructor:
        makers.insert(0, getattr(kind, constructor))
    known = {"type", "run_sanity_checks"}
    for make in makers:
        parameters = inspect.signature(make).parameters.values()
        known |= {each.name for each in parameters}
        if not any(each.kind is each.VAR_KEYWORD for each in parameters):
            break
    return known
