"""What a model may be given; each usual mistake has a message with its cause and what to change."""

from typing import Any, Mapping, Optional

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors
from torch import Tensor
from transformers import BertModel

KEYS = ("input_ids", "token_type_ids", "mask")
WAY = (
    'A reader makes tensors of texts, and `Predictor.from_path(archive).predict_json({"text": '
    "...})` takes them as they are."
)


def get_tensors(tokens: TextFieldTensors, index: str) -> dict[str, Tensor]:
    """
    Gives the `input_ids`, `token_type_ids` and `mask` of a text field, shape `(*, length)` each.

    # Raises

    `ConfigurationError` when `tokens` is not what the indexer `bert-pretrained` makes under the key
    `index`.
    """
    field: Any = tokens.get(index) if isinstance(tokens, Mapping) else None
    if not isinstance(field, Mapping) or any(key not in field for key in KEYS):
        raise ConfigurationError(_misfit(tokens, index))
    shapes = {getattr(field[key], "shape", None) for key in KEYS}
    if len(shapes) > 1 or len(shapes.pop() or ()) < 2:
        given = (f"{key} {_describe(field[key])}" for key in KEYS)
        raise ConfigurationError(
            f"`tokens` has tensors of other shapes than (batch_size, length): {', '.join(given)}. "
            "They are tensors of one shape; a single text is a batch of one, `ids.unsqueeze(0)`."
        )
    return dict(field)


def _misfit(tokens: Any, index: str) -> str:
    wanted = f'`tokens={{"{index}": {{"input_ids": ..., "token_type_ids": ..., "mask": ...}}}}`'
    given = tokens.get(index, tokens) if isinstance(tokens, Mapping) else tokens
    if isinstance(given, Mapping) and "input_ids" in given:
        return (
            f"`tokens` has {', '.join(given)}, which is what a tokenizer of transformers gives; "
            f"expected {wanted}, where `mask` is its attention_mask. {WAY}"
        )
    if isinstance(given, Mapping):
        return (
            f"`tokens` has no tensors under {index!r}, but {', '.join(given) or 'nothing'}. Let "
            "`model.index` be the key in `dataset_reader.token_indexers` of the indexer, which has "
            "to be of type `bert-pretrained`."
        )
    first = given[0] if isinstance(given, (list, tuple)) and given else given
    kind = "raw text" if isinstance(first, str) else "bare ids, without token types and mask"
    return f"`tokens` is {kind} ({_describe(given)}); expected {wanted}, tensors. {WAY}"


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"Tensor {(*value.shape,)}"
    return f"{type(value).__name__} {str(value)[:40]}"


def refuse_unknown_arguments(unknown: Mapping[str, Any], gold: str = "label") -> None:
    """
    Raises `ConfigurationError` for arguments that `forward` does not know, such as `labels`, where
    the argument is `gold`.
    """
    if "labels" in unknown:
        raise ConfigurationError(
            f"`forward` got `labels`; in AllenNLP the argument is `{gold}`: "
            f"`model(tokens=..., {gold}=...)`, and a reader's field has the same name."
        )
    if unknown:
        raise ConfigurationError(
            f"`forward` got {', '.join(unknown)}, which this model does not know; the fields of "
            "the dataset reader have the names of the model's arguments."
        )


def check_run(
    bert: BertModel,
    input_ids: Tensor,
    token_type_ids: Tensor,
    mask: Tensor,
    cls_id: Optional[int] = None,
) -> None:
    """
    Looks for what would end in an error of PyTorch's that names no cause, or in numbers that mean
    nothing. With `cls_id` every text has to begin with that piece.

    # Raises

    `ConfigurationError` with the cause and the setting to change.
    """
    if getattr(bert, "_is_replica", False):
        raise ConfigurationError(
            "The model runs in torch.nn.DataParallel, where each GPU has a loss of its own and all "
            "count into the same metrics at once. For several GPUs write "
            '`"distributed": {"cuda_devices": [0, 1]}` into the config.'
        )
    if bert.training and torch.is_grad_enabled() and bert.dtype is torch.float16:
        raise ConfigurationError(
            "The weights are in half precision (float16) and in training, where small gradients "
            "become 0. Train them in float32, `model.float()`, and on a GPU with "
            "`trainer.use_amp: true`; `model.half()` is for prediction: `model.eval()` first."
        )
    if not input_ids.numel() or input_ids.is_floating_point():
        raise ConfigurationError(
            f"`input_ids` is {_describe(input_ids)} of {input_ids.dtype}; expected whole numbers, "
            "at least one."
        )
    if input_ids.size(-1) > bert.config.max_position_embeddings:
        raise ConfigurationError(
            f"A text of {input_ids.size(-1)} word pieces; this BERT has "
            f"{bert.config.max_position_embeddings} positions. Set `max_pieces` of the token "
            "indexer, or leave it out, and longer texts are cut."
        )
    # On a GPU the look would wait for the device at every batch.
    if input_ids.device.type == "cpu":
        _check_numbers(bert, input_ids, token_type_ids, mask, cls_id)


def _check_numbers(
    bert: BertModel,
    input_ids: Tensor,
    token_type_ids: Tensor,
    mask: Tensor,
    cls_id: Optional[int],
) -> None:
    pieces, types = bert.config.vocab_size, bert.config.type_vocab_size
    beyond = input_ids[(input_ids < 0) | (input_ids >= pieces)]
    if len(beyond):
        raise ConfigurationError(
            f"Word piece {beyond[0]} is beyond the {pieces} that this BERT embeds: the tokenizer "
            "(`dataset_reader.token_indexers.bert.pretrained_model`) and the weights "
            "(`model.bert_model`) are of different checkpoints. Name one in both."
        )
    beyond = token_type_ids[(token_type_ids < 0) | (token_type_ids >= types)]
    if len(beyond):
        raise ConfigurationError(
            f"Token type {beyond[0]} is beyond the {types} that this BERT has (`type_vocab_size`): "
            "0 is the first text, 1 its pair. A BERT with one type takes no pairs."
        )
    if not mask.any():
        raise ConfigurationError(
            f"No text of the batch has a word piece: `mask`, {_describe(mask)}, is false all over."
        )
    # (texts,), without those that have no piece.
    first = input_ids[mask.bool() & (mask.cumsum(-1) == 1)]
    others = first[first != cls_id]
    if cls_id is not None and len(others):
        raise ConfigurationError(
            f"A text begins with word piece {others[0]} and not with [CLS] ({cls_id}), whose "
            "vector stands for the text: ids without special tokens. Let the tokenizer add them "
            f"(`add_special_tokens=True`). {WAY}"
        )
