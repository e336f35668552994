"""
Configs and overrides as they are read: each is an object. AllenNLP goes on with any other JSON
until it fails, and its Jsonnet ends the process where a directory is to be read.
"""

import os
from functools import wraps
from typing import Any, Callable

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from bert_classification.data.json_values import describe


def with_checks_of_file(from_file: Callable[..., Params]) -> Callable[..., Params]:
    """Wraps `Params.from_file`: `ConfigurationError` for a file that is no config."""

    @wraps(from_file)
    def read(cls: type[Params], params_file: Any, *args: Any, **kwargs: Any) -> Params:
        if os.path.isdir(cached_path(params_file)):
            raise ConfigurationError(f"{params_file} is a directory; expected a config in Jsonnet.")
        try:
            params = from_file(cls, params_file, *args, **kwargs)
        except ValueError as error:
            raise ConfigurationError(f"{params_file}: {error}") from error
        if not isinstance(params.params, dict):
            raise ConfigurationError(
                f"{params_file}: expected an object, got {describe(params.params)}."
            )
        return params

    return read


def with_checks_of_overrides(parse: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Wraps AllenNLP's function: `ConfigurationError` for overrides that are no object."""

    @wraps(parse)
    def parse_overrides(*args: Any, **kwargs: Any) -> dict[str, Any]:
        overrides = parse(*args, **kwargs)
        if not isinstance(overrides, dict):
            raise ConfigurationError(
                f"`--overrides`: expected an object, got {describe(overrides)}."
            )
        return overrides

    return parse_overrides
