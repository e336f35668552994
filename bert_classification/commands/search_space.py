"""What `allennlp tune` may vary: read from a file, and checked against the config."""

import inspect
import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Optional

import _jsonnet
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.params import with_overrides

from bert_classification.commands.config_keys import SECTIONS, parameters_of
from bert_classification.data.json_values import describe

EXTERNAL = re.compile(r"std\.extVar\(\s*(['\"])(?P<name>[^'\"]+)\1\s*\)")
TYPES = ("categorical", "discrete_uniform", "float", "int", "loguniform", "uniform")
RANGE = {"low", "high", "log", "step"}


class Parameter(NamedTuple):
    """
    name : `str`
        A key of the config, `trainer.optimizer.lr`, or a variable, `std.extVar('lr')`.
    type : `str`
        Of Optuna's `suggest_...`.
    attributes : `Dict[str, Any]`
        The arguments of that function, but the name.
    """

    name: str
    type: str
    attributes: dict[str, Any]

    def suggest(self, trial: Any) -> Any:
        return getattr(trial, f"suggest_{self.type}")(self.name, **self.attributes)

    def has(self, value: Any) -> bool:
        """Tells whether a value can be drawn."""
        if "choices" in self.attributes:
            return value in self.attributes["choices"]
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and self.attributes["low"] <= value <= self.attributes["high"]


class Space(NamedTuple):
    """
    config : `str`
        The file of the config.
    overrides : `str`
    parameters : `List[Parameter]`
    external : `bool`
        Whether the parameters are variables of the config, or keys of it.
    source : `str`
        The texts that all of it was read from.
    """

    config: str
    overrides: str
    parameters: list[Parameter]
    external: bool
    source: str

    def make_config(self, values: dict[str, Any]) -> dict[str, Any]:
        """Makes the config of these values."""
        if self.external:
            variables = {name: str(value) for name, value in values.items()}
            return Params.from_file(self.config, self.overrides, variables).as_dict(quiet=True)
        config = Params.from_file(self.config, self.overrides).as_dict(quiet=True)
        return with_overrides(config, values) if values else config

    def default(self) -> Optional[dict[str, Any]]:
        """Gives the values that the config has itself, where all of them can be drawn."""
        if self.external:
            return None
        flat = dict(_leaves(self.make_config({})))
        values = {each.name: flat.get(each.name) for each in self.parameters}
        return values if all(each.has(values[each.name]) for each in self.parameters) else None


def read_space(config: str, path: str, overrides: str = "") -> Space:
    """
    Reads a space, JSON or Jsonnet: allennlp-optuna's list of `{"type": "float", "attributes":
    {"name": "lr", "low": 1e-5, "high": 1e-4, "log": true}}`, whose names are variables of the
    config; or an object from keys of the config to `{"low": ..., "high": ...}`, with `log` and
    `step`, or to a list of choices.

    # Raises

    `ConfigurationError` that names the key: for one that the config does not have or use, and for
    what is no range.
    """
    value = _evaluate(path)
    if isinstance(value, list) and value:
        parameters = [_external(each, path) for each in value]
    elif isinstance(value, dict) and value:
        parameters = [_ranged(key, each, path) for key, each in value.items()]
    else:
        raise ConfigurationError(
            f"{path}: expected an object from keys to ranges, or a list of parameters, got "
            f"{describe(value)}."
        )
    source = _sources(config)
    space = Space(config, overrides, parameters, isinstance(value, list), source + overrides)
    _check_names(space, path)
    return space


def _evaluate(path: str) -> Any:
    try:
        return json.loads(_jsonnet.evaluate_file(path))
    except RuntimeError as error:
        raise ConfigurationError(f"{path}: {str(error).strip()}") from error


def _sources(config: str) -> str:
    """Gives the text of a config with all that it imports."""
    texts = [_read(Path(config))]
    for name in re.findall(r"import\s+['\"]([^'\"]+)['\"]", texts[0]):
        imported = Path(config).parent / name
        if imported.is_file():
            texts.append(_sources(str(imported)))
    return "\n".join(texts)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror}).") from error


def _external(value: Any, path: str) -> Parameter:
    attributes = value.get("attributes") if isinstance(value, dict) else None
    if not isinstance(attributes, dict) or not isinstance(attributes.get("name"), str):
        raise ConfigurationError(
            f'{path}: expected `{{"type": ..., "attributes": {{"name": ..., ...}}}}`, got '
            f"{describe(value)}."
        )
    others = {key: each for key, each in attributes.items() if key != "name"}
    return _checked(Parameter(attributes["name"], str(value.get("type")), others), path)


def _ranged(key: str, value: Any, path: str) -> Parameter:
    if isinstance(value, list) and value:
        return Parameter(key, "categorical", {"choices": value})
    if not isinstance(value, dict) or not {"low", "high"} <= value.keys() <= RANGE:
        raise ConfigurationError(
            f'{path}: `{key}`: expected `{{"low": ..., "high": ...}}`, with `log` or `step`, or a '
            f"list of choices, got {describe(value)}."
        )
    whole = all(isinstance(value[end], int) for end in ("low", "high"))
    return _checked(Parameter(key, "int" if whole else "float", dict(value)), path)


def _checked(parameter: Parameter, path: str) -> Parameter:
    name, kind, attributes = parameter
    if kind not in TYPES:
        raise ConfigurationError(
            f"{path}: `{name}`: `type` is {kind!r}; expected one of {', '.join(TYPES)}."
        )
    from optuna.trial import Trial

    signature = inspect.signature(getattr(Trial, f"suggest_{kind}"))
    try:
        signature.bind(None, name, **attributes)
    except TypeError as error:
        raise ConfigurationError(f"{path}: `{name}`: {error}.") from error
    low, high = attributes.get("low", 0), attributes.get("high", 0)
    numbers = all(type(end) in (int, float) for end in (low, high))
    if not numbers or low > high or (attributes.get("log") and low <= 0):
        raise ConfigurationError(
            f"{path}: `{name}`: `low` is {low!r} and `high` {high!r}; expected two numbers, the "
            "lower first, above 0 with `log`."
        )
    return parameter


def _check_names(space: Space, path: str) -> None:
    if space.external:
        known = {match["name"] for match in EXTERNAL.finditer(space.source)}
    else:
        config = space.make_config({})
        known = {key for key, _ in _leaves(config)} | _parameters(config)
    for each in space.parameters:
        if each.name in known:
            continue
        near = get_close_matches(each.name, known, 1)
        hint = f"; did you mean `{near[0]}`?" if near else "."
        place = f"std.extVar('{each.name}')" if space.external else each.name
        raise ConfigurationError(f"{path}: {space.config} has no `{place}`{hint}")


def _parameters(config: dict[str, Any]) -> set[str]:
    """Lists the keys that the classes of a config take, whether it has them or not."""
    known = set()
    for section, registry in SECTIONS.items():
        given = config.get(section)
        if isinstance(given, dict):
            kind = str(given.get("type", registry.default_implementation))
            known |= {f"{section}.{name}" for name in parameters_of(registry, kind)}
    return known


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yields what stands under each key of a config, with the keys that lead to it."""
    for key, each in value.items():
        yield f"{prefix}{key}", each
        if isinstance(each, dict):
            yield from _leaves(each, f"{prefix}{key}.")
