"""What `allennlp serve` permits; every field is an option of the command."""

import argparse
import math
from dataclasses import dataclass, field, fields
from typing import Any

from allennlp.common.checks import ConfigurationError

from bert_classification.predictor import TOKEN_BUDGET


def _option(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """
    Limits of the server. A number has to be above 0.

    # Raises

    `ConfigurationError`, which names the option.
    """

    max_batch_tokens: int = _option(TOKEN_BUDGET, "word pieces that are run together")
    max_wait_ms: float = _option(
        20.0, "milliseconds that a batch waits, when the one before it was larger"
    )
    max_queue: int = _option(128, "requests that wait or are run; more are answered by 503")
    timeout: float = _option(30.0, "seconds until a request is answered by 504")
    max_connections: int = _option(
        512, "connections; who comes then takes the room of the one that is idle for longest"
    )
    head_timeout: float = _option(
        10.0, "seconds until the head of a request is there; then the connection is closed"
    )
    max_body_bytes: int = _option(1 << 20, "bytes of a request; more are answered by 413")
    max_batch_records: int = _option(512, "records of a batch; more are answered by 413")
    max_record_tokens: int = _option(32768, "word pieces of one record, all its windows or choices")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not 0 < value < math.inf:
                raise ConfigurationError(
                    f"`{_flag(each.name)}` is {value}; expected a number above 0."
                )

    @staticmethod
    def add_options(parser: argparse.ArgumentParser) -> None:
        for each in fields(Settings):
            parser.add_argument(
                _flag(each.name),
                type=each.type,
                default=each.default,
                help=f"{each.metadata['help']} (default: {each.default})",
            )

    @staticmethod
    def of(args: argparse.Namespace) -> "Settings":
        return Settings(**{each.name: getattr(args, each.name) for each in fields(Settings)})


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
