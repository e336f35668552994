"""
What is built and read for an archive, measured against its weights first: a few bytes of settings
may ask for more memory, or more time, than there is.
"""

import json
from pathlib import Path
from typing import Any, Mapping, Optional

import torch
from tokenizers import Tokenizer
from torch.overrides import TorchFunctionMode
from transformers import BertConfig

from bert_classification.archives import serialization
from bert_classification.archives.extraction import (
    InvalidArchiveError,
    describe_error,
    explain_failure,
)
from bert_classification.archives.names import walk
from bert_classification.archives.nearest import NEAREST, RECORDS, VECTORS
from bert_classification.archives.tokenizer_parts import check_parts
from bert_classification.archives.weights import State, count_weights

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "intermediate_size",
    "vocab_size",
    "max_position_embeddings",
    "type_vocab_size",
)
OPTIONAL_SIZES = ("num_attention_heads", "num_labels")
FOREIGN_SETTINGS = ("auto_map", "pruned_heads", "quantization_config", "_attn_implementation")
"""Settings of transformers that ask for code, or for a module that our weights are not of."""

FREE_BYTES = 2**20
BYTES_PER_ROW = 256
"""Of a text file; a word piece takes about 25 in tokenizer.json."""
FREE_ROWS = 1_000
FREE_ENTRIES = 10**6
"""Of a vocabulary of other models than ours, which may have more words than they embed."""
FREE_WEIGHTS = 2**25
COST_OF_A_TENSOR = 1_000
"""In weights; it bounds the time that many small tensors take."""

_FACTORIES = frozenset(
    getattr(torch, name)
    for name in (
        *("arange", "empty", "empty_strided", "eye", "full", "linspace", "logspace", "ones"),
        *("rand", "randint", "randn", "randperm", "zeros"),
    )
)
_ABOUT_MEMORY = frozenset(("device", "generator", "out", "pin_memory"))


def check_contents(directory: Path, state: State) -> None:
    """
    Measures what an archive holds beside its weights, before any of it is read.

    # Raises

    `InvalidArchiveError` for a BERT, a tokenizer or a vocabulary far larger than the weights, and
    for damaged settings of a BERT. Closer ones are compared one by one later, which says more.
    """
    rows = max((size for tensor in state.values() for size in tensor.shape), default=0)
    model = serialization.saved_directory(serialization.MODEL, str(directory))
    decoder = serialization.saved_directory(serialization.DECODER, str(directory))
    tokenizer = serialization.saved_directory(serialization.TOKENIZER, str(directory))
    entries = rows + FREE_ROWS if model else max(2 * rows, FREE_ENTRIES)
    _check_vocabulary(directory / "vocabulary", entries)
    for path in (directory / "vocabulary" / ".bert").rglob("*"):
        # `nearest.read_nearest` measures these, of which there may be more than rows.
        if path.parent.name != NEAREST or path.name not in (VECTORS, RECORDS):
            _check_bytes(path, rows)
    for part in filter(None, (model, decoder, tokenizer)):
        if state:
            _check_bert(_read_settings(Path(part, "config.json")), rows, count_weights(state))
    if tokenizer is not None:
        _check_tokenizer(Path(tokenizer), rows if state else None)


def check_numbers(model: Any, state: State) -> None:
    """
    Compares the numbers in the config of a model, its sizes, with its weights.

    # Raises

    `InvalidArchiveError` for one that exceeds both them and a million.
    """
    limit = max(count_weights(state), FREE_ENTRIES)
    for keys, value in walk(model, ("model",)):
        if isinstance(value, int) and abs(value) > limit and "seed" not in keys[-1]:
            raise InvalidArchiveError(
                f"`{'.'.join(keys)}` is {str(value)[:100]}, more than its weights are for."
            )


def _check_vocabulary(directory: Path, limit: int) -> None:
    for path in sorted(directory.glob("*")):
        if not path.is_file():
            continue
        entries = 0
        with open(path, "rb") as file:
            while part := file.read(2**16):
                entries += part.count(b"\n")
                if entries > limit or file.tell() > FREE_BYTES + BYTES_PER_ROW * limit:
                    raise InvalidArchiveError(
                        f"its vocabulary/{path.name} has more than {limit} entries, or far longer "
                        "ones than words are; that is not the vocabulary of its weights."
                    )


def _check_bytes(path: Path, rows: int) -> None:
    limit = FREE_BYTES + BYTES_PER_ROW * rows
    if path.is_file() and path.stat().st_size > limit:
        raise InvalidArchiveError(
            f"its {path.name} has {path.stat().st_size} bytes, more than the {limit} that a BERT "
            "with its weights may need."
        )


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = describe_error(error)
        raise InvalidArchiveError(
            f"the configuration of its BERT is damaged ({reason})."
        ) from error
    if not isinstance(settings, dict):
        raise InvalidArchiveError(f"the configuration of its BERT is no object ({path.name}).")
    return settings


def _check_bert(settings: Mapping[str, Any], rows: int, given: int) -> None:
    if settings.get("model_type") != "bert":
        raise InvalidArchiveError(
            f"the configuration of its BERT has the `model_type` {settings.get('model_type')!r}."
        )
    width, layers, inner, *embedded = (_get_size(settings, key) for key in SIZES)
    for key in OPTIONAL_SIZES:
        if key in settings and _get_size(settings, key) > max(width, rows):
            raise InvalidArchiveError(
                f"`{key}` of its BERT is {settings[key]}, more than its weights are for."
            )
    for key in ("id2label", "label2id"):
        if isinstance(settings.get(key), dict) and len(settings[key]) > rows + FREE_ROWS:
            raise InvalidArchiveError(
                f"`{key}` of its BERT has {len(settings[key])} labels; it has {rows} rows."
            )
    foreign = next((key for key in FOREIGN_SETTINGS if settings.get(key)), None)
    if foreign is not None:
        raise InvalidArchiveError(
            f"`{foreign}` stands in the configuration of its BERT, and no BERT of ours has that."
        )
    asked = width * (sum(embedded) + layers * (4 * width + 2 * inner))
    if asked > 2 * given:
        raise InvalidArchiveError(
            f"the configuration of its BERT is that of {asked} weights; it has {given}."
        )
    with explain_failure("the configuration of its BERT"):
        BertConfig.from_dict(dict(settings))


def _get_size(settings: Mapping[str, Any], key: str) -> int:
    value = settings.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise InvalidArchiveError(
            f"the configuration of its BERT is damaged: `{key}` is {str(value)[:100]}; expected a "
            "positive number."
        )
    return value


def _check_tokenizer(directory: Path, rows: Optional[int]) -> None:
    """Counts its word pieces, and looks at what else its settings would open."""
    settings = directory / "tokenizer_config.json"
    for key, value in _read_settings(settings).items() if settings.is_file() else ():
        if value and (key.endswith(("_file", "_path", "_dir")) or key == "auto_map"):
            raise InvalidArchiveError(
                f"`{key}` in tokenizer_config.json is {value!r}; a tokenizer is read from the "
                "archive alone."
            )
    path = directory / "tokenizer.json"
    if not path.is_file():
        return
    check_parts(path)
    with explain_failure(f"its {path.name}"):
        read = Tokenizer.from_file(str(path))
    pieces = read.get_vocab_size()
    if read.get_vocab_size(with_added_tokens=False) == 0:
        raise InvalidArchiveError("its tokenizer has no word pieces.")
    if rows is not None and max(pieces - 1, *read.get_vocab().values()) >= rows:
        raise InvalidArchiveError(
            f"its tokenizer has {pieces} word pieces, or numbers for them, that its model does not "
            f"embed, which has {rows} rows at most; they are not of the same BERT."
        )


class BoundedConstruction(TorchFunctionMode):
    """
    Inside, tensors are made only up to a few times the weights of an archive, for models of any
    kind: each is measured, on PyTorch's device `meta`, before it is made.
    """

    def __init__(self, state: State) -> None:
        super().__init__()
        self._given = count_weights(state)
        self._limit = 3 * self._given + FREE_WEIGHTS
        self._asked = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _FACTORIES:
            on_meta = {key: kwargs[key] for key in kwargs.keys() - _ABOUT_MEMORY}
            self._count(func(*args, **on_meta, device="meta").numel())
        return func(*args, **kwargs)

    def _count(self, weights: int) -> None:
        self._asked += weights + COST_OF_A_TENSOR
        if self._asked > self._limit:
            raise InvalidArchiveError(
                f"its model is one of more than {self._limit} weights; it has {self._given}."
            )
