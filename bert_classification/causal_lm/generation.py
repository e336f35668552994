"""How a text is to be continued, and Hugging Face's `generate` over texts with different wishes."""

from contextlib import contextmanager
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import BertLMHeadModel, GenerationConfig

from bert_classification.records import RecordError, describe

MAX_NEW_TOKENS = 20
MAX_BEAMS = 100
SAMPLING = ("temperature", "top_k", "top_p")
KEYS = ("max_new_tokens", "num_beams", "do_sample", *SAMPLING, "seed")


class Generation(NamedTuple):
    """
    The settings of one continuation, with the names, meanings and defaults of Hugging Face's
    `GenerationConfig`. Continuations that are sampled with a `seed` do not depend on what else is
    predicted.
    """

    max_new_tokens: int = MAX_NEW_TOKENS
    num_beams: int = 1
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    seed: Optional[int] = None


def parse_generation(values: Mapping[str, Any], room: int) -> Generation:
    """
    The settings in a record.

    # Parameters

    values : `Mapping[str, Any]`
        The record; a key that is missing or null has its default. Without `max_new_tokens` a
        continuation ends where the positions do.
    room : `int`
        How many pieces may follow the prompt, at least 1.

    # Raises

    `RecordError` for a value of the wrong type or out of range, and for `temperature`, `top_k` or
    `top_p` without `do_sample: true`, where they would have no effect.
    """
    settings = Generation(
        _whole(values, "max_new_tokens", min(MAX_NEW_TOKENS, room), 1, room),
        _whole(values, "num_beams", 1, 1, MAX_BEAMS),
        _get(values, "do_sample", False, "true or false", lambda value: isinstance(value, bool)),
        # Further from 1 the logits leave the range of float32.
        _number(values, "temperature", 1.0, "from 0.01 to 100", lambda value: 0.01 <= value <= 100),
        _whole(values, "top_k", 50, 1, 2**31 - 1),
        _number(values, "top_p", 1.0, "above 0 and up to 1", lambda value: 0 < value <= 1),
        _whole(values, "seed", None, 0, 2**63 - 1),
    )
    idle = [key for key in SAMPLING if values.get(key) is not None and not settings.do_sample]
    if idle:
        raise RecordError(f"`{idle[0]}` works with `do_sample: true` only.")
    return settings


def _whole(values: Mapping[str, Any], key: str, default: Any, low: int, high: int) -> Any:
    expected = f"a whole number from {low} to {high}"
    return _get(values, key, default, expected, lambda value: _is_whole(value, low, high))


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _number(
    values: Mapping[str, Any], key: str, default: float, limits: str, fits: Callable[[Any], bool]
) -> float:
    return float(
        _get(
            values,
            key,
            default,
            f"a number {limits}",
            lambda value: type(value) in (int, float) and fits(value),
        )
    )


def _get(
    values: Mapping[str, Any], key: str, default: Any, expected: str, fits: Callable[[Any], bool]
) -> Any:
    value = values.get(key)
    if value is None:
        return default
    if not fits(value):
        raise RecordError(f"`{key}`: expected {expected}, got {describe(value)}.")
    return value


def generate(
    model: BertLMHeadModel,
    prompts: Sequence[Tensor],
    settings: Sequence[Generation],
    eos_token_id: int,
    pad_token_id: int,
) -> list[Tensor]:
    """
    Continues each prompt as its settings say, with `model.generate` and its cache. Prompts with
    equal settings are continued together; one with a seed alone, so that its draws are its own.

    # Parameters

    prompts : `Sequence[Tensor]`
        The piece ids of each prompt, shape `(length,)`.
    eos_token_id, pad_token_id : `int`
        The piece that ends a text, and the one that fills up the shorter prompts of a group.

    # Returns

    `List[Tensor]`: the ids of each continuation, with the piece that ended it, if it was ended.
    """
    groups: dict[Any, list[int]] = {}
    for number, setting in enumerate(settings):
        alone = setting.seed is not None and setting.do_sample
        groups.setdefault((setting, number if alone else None), []).append(number)
    continuations: dict[int, Tensor] = {}
    for (setting, _), numbers in groups.items():
        config = _config(setting, eos_token_id, pad_token_id)
        with _seeded(setting.seed, model.device):
            generated = _generate_together(model, [prompts[number] for number in numbers], config)
        continuations.update(zip(numbers, generated))
    return [continuations[number] for number in range(len(prompts))]


def _config(setting: Generation, eos_token_id: int, pad_token_id: int) -> GenerationConfig:
    wishes = {key: value for key, value in setting._asdict().items() if key != "seed"}
    if not setting.do_sample:
        wishes = {key: value for key, value in wishes.items() if key not in SAMPLING}
    return GenerationConfig(
        **wishes, eos_token_id=eos_token_id, pad_token_id=pad_token_id, use_cache=True
    )


@contextmanager
def _seeded(seed: Optional[int], device: torch.device) -> Iterator[None]:
    """With a seed, draws of its own that leave the global generators as they were."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _generate_together(
    model: BertLMHeadModel, prompts: list[Tensor], config: GenerationConfig
) -> list[Tensor]:
    # Padding stands on the left, so that all continuations begin at the same place.
    input_ids = pad_sequence(prompts, True, config.pad_token_id, padding_side="left")
    mask = pad_sequence([torch.ones_like(ids) for ids in prompts], True, 0, padding_side="left")
    sequences = model.generate(input_ids, attention_mask=mask, generation_config=config)
    return [_until(row, config.eos_token_id) for row in sequences[:, input_ids.size(1) :]]


def _until(ids: Tensor, end: int) -> Tensor:
    """The ids up to the first `end`, with it."""
    ended = (ids == end).int()
    return ids[ended.cumsum(0) - ended == 0]
