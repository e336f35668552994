"""How texts are to be continued, and Hugging Face's `generate`, which does it."""

from contextlib import contextmanager
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Sequence, Union

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    BertLMHeadModel,
    EncoderDecoderModel,
    GenerationConfig,
    PreTrainedTokenizerFast,
)
from transformers.modeling_outputs import BaseModelOutput

from bert_classification.data.records import RecordError
from bert_classification.data.values import get_flag, get_real, get_whole

Writer = Union[BertLMHeadModel, EncoderDecoderModel]

MAX_NEW_TOKENS = 20
MAX_BEAMS = 100
SAMPLING = ("temperature", "top_k", "top_p")
KEYS = ("max_new_tokens", "num_beams", "length_penalty", "do_sample", *SAMPLING, "seed")


class Generation(NamedTuple):
    """
    The settings of one continuation, with the names, meanings and defaults of Hugging Face's
    `GenerationConfig`. Continuations that are sampled with a `seed` do not depend on what else is
    predicted.
    """

    max_new_tokens: int = MAX_NEW_TOKENS
    num_beams: int = 1
    length_penalty: float = 1.0
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    seed: Optional[int] = None


class Read(NamedTuple):
    """
    What an encoder made of texts: `hidden_states`, shape `(texts, length, width)`, and the `mask`
    of what of them is text, shape `(texts, length)`.
    """

    hidden_states: Tensor
    mask: Tensor

    def rows(self, indices: list[int]) -> "Read":
        return Read(self.hidden_states[indices], self.mask[indices])


class Prompt(NamedTuple):
    """What the model has to know of a text to continue, beside its pieces."""

    text: str
    generation: Generation
    eos_token_id: int
    pad_token_id: int


def parse_generation(
    values: Mapping[str, Any], room: int, default: int = MAX_NEW_TOKENS
) -> Generation:
    """
    Reads the settings in a record.

    # Parameters

    values : `Mapping[str, Any]`
        The record; a key that is missing or null has its default.
    room : `int`
        How many pieces may be written, at least 1.
    default : `int`, optional (default = `20`)
        The `max_new_tokens` of a record that does not say it, where there is room for so many.

    # Raises

    `RecordError` for a value of the wrong type or out of range, and for one that would have no
    effect: `temperature`, `top_k` or `top_p` without `do_sample: true`, and `length_penalty`
    without beams.
    """
    settings = Generation(
        get_whole(values, "max_new_tokens", min(default, room), 1, room),
        get_whole(values, "num_beams", 1, 1, MAX_BEAMS),
        get_real(values, "length_penalty", 1.0, "from -10 to 10", lambda value: abs(value) <= 10),
        get_flag(values, "do_sample"),
        # Further from 1 the logits leave the range of float32.
        get_real(
            values, "temperature", 1.0, "from 0.01 to 100", lambda value: 0.01 <= value <= 100
        ),
        get_whole(values, "top_k", 50, 1, 2**31 - 1),
        get_real(values, "top_p", 1.0, "above 0 and up to 1", lambda value: 0 < value <= 1),
        get_whole(values, "seed", None, 0, 2**63 - 1),
    )
    idle = [key for key in SAMPLING if values.get(key) is not None and not settings.do_sample]
    if idle:
        raise RecordError(f"`{idle[0]}` works with `do_sample: true` only.")
    if values.get("length_penalty") is not None and settings.num_beams == 1:
        raise RecordError("`length_penalty` works with `num_beams` of at least 2 only.")
    return settings


def group_by_settings(settings: Sequence[Generation]) -> list[list[int]]:
    """
    Groups the indices of texts that are continued together: those with equal settings, except that
    one sampled with a seed stays alone, so that its result is its own.
    """
    groups: dict[Any, list[int]] = {}
    for index, setting in enumerate(settings):
        alone = setting.do_sample and setting.seed is not None
        groups.setdefault((setting, index if alone else None), []).append(index)
    return list(groups.values())


def continue_texts(
    model: Writer,
    texts: list[Tensor],
    prompt: Prompt,
    read: Optional[Read] = None,
) -> list[Tensor]:
    """
    Continues texts that share their settings, with `model.generate` and its cache.

    # Parameters

    texts : `List[Tensor]`
        The piece ids of each text, shape `(length,)`.
    prompt : `Prompt`
        Any one of them.
    read : `Read`, optional
        For a model with an encoder; `texts` are then the beginnings of what is written.

    # Returns

    `List[Tensor]`: the ids of each continuation, with the piece that ended it, if it was ended.
    """
    # Padding stands on the left, so that all continuations begin in one column.
    # Both (texts, length)
    input_ids = pad_sequence(texts, True, prompt.pad_token_id, padding_side="left")
    mask = pad_sequence([torch.ones_like(ids) for ids in texts], True, 0, padding_side="left")
    with SeededGenerator(prompt.generation.seed, model.device).resume():
        sequences = model.generate(
            **_inputs(input_ids, mask, read), generation_config=_config(prompt, texts[0])
        )
    return [_until(row, prompt.eos_token_id) for row in sequences[:, input_ids.size(1) :]]


def stream_text(
    model: Writer, text: Tensor, prompt: Prompt, read: Optional[Read] = None
) -> Iterator[int]:
    """
    Yields the continuation that `continue_texts` gives one text, shape `(length,)`, piece by piece;
    between two of them the model and the random generators are free. Beams are known at their end
    only.
    """
    if prompt.generation.num_beams > 1:
        yield from continue_texts(model, [text], prompt, read)[0].tolist()
        return
    config = _config(prompt, text)
    config.max_new_tokens, config.return_dict_in_generate = 1, True
    draws = SeededGenerator(prompt.generation.seed, model.device)
    sequences, cache = text.unsqueeze(0), None
    for _ in range(prompt.generation.max_new_tokens):
        mask = torch.ones_like(sequences)
        with draws.resume():
            longer = model.generate(
                **_inputs(sequences, mask, read), generation_config=config, past_key_values=cache
            )
        sequences, cache = longer.sequences, longer.past_key_values
        yield int(sequences[0, -1])
        if sequences[0, -1] == prompt.eos_token_id:
            return


def _inputs(written: Tensor, mask: Tensor, read: Optional[Read]) -> dict[str, Any]:
    if read is None:
        return {"input_ids": written, "attention_mask": mask}
    # `generate` changes it for beams.
    encoder_outputs = BaseModelOutput(last_hidden_state=read.hidden_states)
    return {
        "decoder_input_ids": written,
        # By its length `generate` finds what of it the cache has not seen.
        "decoder_attention_mask": mask,
        "encoder_outputs": encoder_outputs,
        "attention_mask": read.mask,
    }


def _config(prompt: Prompt, text: Tensor) -> GenerationConfig:
    unused = {"seed"} if prompt.generation.do_sample else {"seed", *SAMPLING}
    if prompt.generation.num_beams == 1:
        unused.add("length_penalty")
    settings = {
        key: value for key, value in prompt.generation._asdict().items() if key not in unused
    }
    return GenerationConfig(
        **settings,
        # Of an encoder and decoder: what is written begins with it already.
        decoder_start_token_id=int(text[0]),
        eos_token_id=prompt.eos_token_id,
        pad_token_id=prompt.pad_token_id,
        use_cache=True,
    )


class SeededGenerator:
    """With a seed, draws of its own that leave the global generators as they were."""

    def __init__(self, seed: Optional[int], device: torch.device) -> None:
        self._seed = seed
        self._devices = [device] if device.type == "cuda" else []
        self._states: list[Tensor] = []

    @contextmanager
    def resume(self) -> Iterator[None]:
        """Draws from the seed on, and later from where it stopped."""
        if self._seed is None:
            yield
            return
        with torch.random.fork_rng(self._devices):
            if self._states:
                torch.set_rng_state(self._states[0])
                for device, state in zip(self._devices, self._states[1:]):
                    torch.cuda.set_rng_state(state, device)
            else:
                torch.manual_seed(self._seed)
            yield
            self._states = [torch.get_rng_state(), *map(torch.cuda.get_rng_state, self._devices)]


def _until(ids: Tensor, end: int) -> Tensor:
    """Cuts ids after the first `end`."""
    ended = (ids == end).int()
    return ids[ended.cumsum(0) - ended == 0]


def join_pieces(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> str:
    """
    Joins word pieces to running text that follows a text: with a space before it, unless its first
    piece belongs to the word or the punctuation before it. `[SEP]` is left out.
    """
    shown = tokenizer.convert_ids_to_tokens(
        [index for index in ids if index != tokenizer.sep_token_id]
    )
    return tokenizer.clean_up_tokenization(" ".join(["", *shown]).replace(" ##", ""))
