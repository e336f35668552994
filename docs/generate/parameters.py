"""The parameters of classes: what their constructors take, and what their docstrings say of it."""

import importlib
import inspect
import json
import pkgutil
import re
from typing import Any, Iterator, NamedTuple, Optional

from allennlp.common import FromParams
from allennlp.common.from_params import infer_constructor_params

import bert_classification

# AllenNLP gives these to every model and predictor.
GIVEN = {"vocab", "model", "dataset_reader", "frozen"}


def classes_of_configs() -> list[type]:
    """Gives our classes that AllenNLP makes of a section of a config."""
    found = set()
    for module in pkgutil.walk_packages(bert_classification.__path__, "bert_classification."):
        for value in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(value) and issubclass(value, FromParams):
                found.add(value)
    ours = [each for each in found if each.__module__.startswith("bert_classification.")]
    return sorted(ours, key=lambda each: (each.__module__, each.__name__))


CLASSES = classes_of_configs()


def entries_of(docstring: Optional[str]) -> Iterator[tuple[str, str]]:
    """Yields the parameters of a docstring, each with the words that stand behind its colon."""
    text = inspect.cleandoc(docstring or "")
    for section in re.findall(r"^# Parameters\b.*\n((?:(?!#).*\n?)*)", text, re.MULTILINE):
        # An entry is not indented, and its list of names may go on in the next line.
        for entry in re.split(r"\n(?=\S)(?<!,\n)", section.strip()):
            parts = re.fullmatch(r"([\w,\s]+?) ?:(.*)", entry, re.DOTALL)
            if parts:
                yield from ((name.strip(), parts[2]) for name in parts[1].split(","))


def named_parameters(init: Any) -> tuple[set[str], bool]:
    """Gives the names of a constructor, and whether it hands others on to its base."""
    parameters = list(inspect.signature(init).parameters.values())[1:]
    others = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    named = {each.name for each in parameters if each.kind not in others}
    return named, any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


def parameters_of(kind: Any) -> tuple[set[str], set[str]]:
    """Gives the names that a class must document, its own, and those that it may document."""
    own = named_parameters(kind.__init__)[0] if "__init__" in vars(kind) else set()
    permitted: set[str] = set()
    for each in [each for each in kind.__mro__ if "__init__" in vars(each)]:
        named, hands_on = named_parameters(each.__init__)
        permitted |= named
        if not hands_on:
            break
    return own, permitted


def resolve(name: str) -> Any:
    """Gives the class or package that a docstring refers to."""
    if name.startswith("bert_classification."):
        return importlib.import_module(name)
    bases = {each for kind in CLASSES for each in kind.__mro__}
    return next((each for each in bases if each.__name__ == name), None)


def place_of(words: str) -> Optional[str]:
    """Gives the class or package where an entry says that its parameter is documented."""
    there = re.search(r"See `([\w.]+)`", words)
    if there and (there[1][0].isupper() or there[1].startswith("bert_classification.")):
        return there[1]
    return None


def words_of(kind: Any, name: str) -> str:
    """Gives what the docstring of a class, or of one that it refers to, says of a parameter."""
    for each in kind.__mro__:
        words = dict(entries_of(each.__doc__)).get(name)
        if words is not None:
            there = place_of(words)
            return dict(entries_of(resolve(there).__doc__))[name] if there else words
    return ""


class Key(NamedTuple):
    """
    A key of a section of a config.

    name : `str`
    type : `str`
        Without modules; empty where nothing says it.
    default : `Optional[str]`
        In JSON; `None` where the key is needed, and empty where the default is an object.
    description : `str`
        In Markdown.
    """

    name: str
    type: str
    default: Optional[str]
    description: str


def _type_of(annotation: Any, words: str) -> str:
    """Gives a type as a config's reader understands it: no modules, `Lazy` or `Optional`."""
    text = re.sub(r"\b[a-z_]\w*\.(?=\w)", "", inspect.formatannotation(annotation))
    text = re.sub(r"\bLazy\[(\w+)\]", r"\1", text).replace(", NoneType", "")
    text = re.sub(r"^Optional\[(.*)\]$", r"\1", text)
    documented = re.match(r"\s*`([^`]+)`", words)
    return (documented[1] if documented else "") if annotation in (Any, EMPTY) else text


EMPTY = inspect.Parameter.empty


def _default_of(parameter: inspect.Parameter) -> Optional[str]:
    if parameter.default is EMPTY:
        return None
    try:
        return json.dumps(parameter.default)
    except TypeError:
        return ""


def keys_of(kind: Any, constructor: Any = None) -> list[Key]:
    """Gives all parameters by which a class is made of a config, the inherited ones last."""
    keys = []
    for name, parameter in infer_constructor_params(kind, constructor).items():
        if name != "self" and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            words = words_of(kind, name)
            description = inspect.cleandoc(words.partition("\n")[2])
            type_ = _type_of(parameter.annotation, words)
            keys.append(Key(name, type_, _default_of(parameter), description))
    own = named_parameters(kind.__init__)[0]
    return sorted(keys, key=lambda key: key.name not in own)
