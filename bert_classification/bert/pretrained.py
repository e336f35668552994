"""BERT with the head of a task, as the models begin with it."""

import logging
import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import (
    Any,
    Generic,
    Iterable,
    Iterator,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    TypeVar,
    Union,
)

import torch
from allennlp.common.checks import ConfigurationError
from transformers import (
    BertConfig,
    BertModel,
    BertPreTrainedModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as hf_logging

from bert_classification.archives import serialization
from bert_classification.bert.checkpoint import Checkpoint, load_tokenizer, resolve_checkpoint
from bert_classification.bert.config import check_settings, explain_errors
from bert_classification.bert.dropout import set_dropout
from bert_classification.bert.labels import (
    check_problem_type,
    label_settings,
    reinitialize_classifier,
    reorder_classifier,
)
from bert_classification.bert.memory import keep_freed_memory
from bert_classification.bert.packing import use_packed_attention
from bert_classification.bert.same_pieces import check_same_pieces, embed_new_pieces

logger = logging.getLogger(__name__)

Head = TypeVar("Head", bound=BertPreTrainedModel)

_MAY_BE_FRESH = re.compile(r"pooler\.|encoder\.layer\.\d+\.crossattention\.")
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_whole = ContextVar("whole", default=False)


@contextmanager
def whole_checkpoints() -> Iterator[None]:
    """
    Says that nothing is trained: a checkpoint that lacks weights, for which fresh ones would be
    drawn, or has layers that its configuration does not count, is an error.
    """
    token = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(token)


def nothing_is_trained() -> bool:
    """Tells whether `whole_checkpoints` is said."""
    return _whole.get()


class Pretrained(NamedTuple, Generic[Head]):
    """
    model : `BertPreTrainedModel`
        A BERT with the head of a task, in float32.
    has_head : `bool`
        Whether the checkpoint had the head, or it is a fresh one; true of a model without a head.
    tokenizer : `PreTrainedTokenizerFast`, optional
        `None` where none is known.
    """

    model: Head
    has_head: bool
    tokenizer: Optional[PreTrainedTokenizerFast]

    @property
    def cls_id(self) -> Optional[int]:
        """The piece that every text begins with; `None` where no tokenizer is known."""
        return None if self.tokenizer is None else self.tokenizer.cls_token_id


def load_pretrained(
    head_class: type[Head],
    bert_model: Union[str, BertModel],
    serialization_dir: Optional[str] = None,
    labels: Optional[Sequence[str]] = None,
    fresh_head: bool = False,
    encoder: Optional[Mapping[str, Any]] = None,
    part: str = serialization.MODEL,
    **config: Any,
) -> Pretrained[Head]:
    """
    Loads a BERT with the head of a task.

    # Parameters

    head_class : `Type[BertPreTrainedModel]`
        A `BertFor...` class of transformers; or `BertModel`, which has no head.
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub (`NAME` or `NAME@REVISION`), an archive of ours or the
        directory of its training,
        or a `BertModel` that gets a fresh head, and loses its pooler where the head has no use for
        one.
    serialization_dir : `str`, optional
        Given by AllenNLP. Training keeps the configuration there; where weights lie beside it
        already, of an archive or of an interrupted run, the model is built from it alone and
        `bert_model` is not looked at.
    labels : `Sequence[str]`, optional
        The labels of the data, for a head whose final layer `classifier` has a row for each. A
        checkpoint that was fine-tuned for the task has to have the same ones.
    fresh_head : `bool`, optional (default = `False`)
        With `labels`: a new final layer whatever the checkpoint has.
    encoder : `Mapping[str, Any]`, optional
        What a user has put in the place of the checkpoint's configuration.
    part : `str`, optional (default = `model`)
        Under which name training keeps the configuration.
    config : `Any`
        Entries of the configuration to replace, such as `num_labels`.

    # Raises

    `ConfigurationError`, see `check_settings`, `resolve_checkpoint`, `check_same_pieces`,
    `label_permutation`.
    """
    encoder = encoder or {}
    check_settings(encoder)
    if encoder and isinstance(bert_model, BertModel):
        raise ConfigurationError(
            "`encoder` has no effect on a `BertModel` that is there already; build it of a "
            "configuration that has these settings."
        )
    config = {**encoder, **config, **(label_settings(labels) if labels is not None else {})}
    saved = serialization.saved_directory(part, serialization_dir)
    tokenizer_directory = serialization.saved_directory(serialization.TOKENIZER, serialization_dir)
    tokenizer = None if tokenizer_directory is None else load_tokenizer(tokenizer_directory)
    if saved is not None and serialization.has_weights(serialization_dir):
        model, has_head = _build_saved(head_class, saved, config), True
    else:
        if isinstance(bert_model, BertModel):
            model, has_head = _put_head_on(head_class, bert_model, config)
        else:
            checkpoint = resolve_checkpoint(bert_model, part == serialization.DECODER)
            own = checkpoint.find_tokenizer()
            if tokenizer is not None and own is not None:
                check_same_pieces(tokenizer, own, checkpoint.name)
            model, has_head = _load_head(head_class, checkpoint, labels, fresh_head, config)
            if tokenizer is not None and own is not None:
                embed_new_pieces(model, tokenizer, own)
            tokenizer = tokenizer or own
        _check_rows(model, tokenizer)
        model.config.architectures = [head_class.__name__]
        serialization.save(part, serialization_dir, model.config.save_pretrained)
    set_dropout(model)
    use_packed_attention(model.base_model)
    keep_freed_memory()
    return Pretrained(model, has_head, tokenizer)


def _check_rows(model: PreTrainedModel, tokenizer: Optional[PreTrainedTokenizerFast]) -> None:
    embedded = model.get_input_embeddings().num_embeddings
    if tokenizer is not None and len(tokenizer) > embedded:
        raise ConfigurationError(
            f"The reader's tokenizer has {len(tokenizer)} word pieces and the model embeds "
            f"{embedded}; `new_tokens` need a checkpoint as `bert_model` that has a tokenizer."
        )


def _build_saved(head_class: type[Head], saved: str, config: Mapping[str, Any]) -> Head:
    """Builds the model of a configuration that training has saved; its weights come later."""
    with explain_errors(f"{saved} has no BERT that can be built"):
        return head_class(BertConfig.from_pretrained(saved, **config))


def _put_head_on(
    head_class: type[Head], bert: BertModel, config: Mapping[str, Any]
) -> tuple[Head, bool]:
    """
    Puts a fresh head over a `BertModel`, which stays the object it is; without a head nothing is
    fresh.
    """
    if head_class is BertModel:
        return bert.float(), True
    model = head_class(BertConfig(**{**bert.config.to_dict(), **config}))
    if model.bert.pooler is None:
        bert.pooler = None
    model.bert = bert
    model.float().tie_weights()
    return model, False


def _load_head(
    head_class: type[Head],
    checkpoint: Checkpoint,
    labels: Optional[Sequence[str]],
    fresh_head: bool,
    config: Mapping[str, Any],
) -> tuple[Head, bool]:
    """Gives the model with the checkpoint's weights, and whether its head's were among them."""
    theirs = checkpoint.config.to_dict()
    model, missing, mismatched = _load_weights(head_class, checkpoint, config)
    prefix = _encoder_prefix(model)
    _check_encoder(checkpoint.name, prefix, [*missing, *mismatched])
    # `classifier` is also what other heads of BERT call their final layer.
    fresh_head |= head_class.__name__ not in (theirs["architectures"] or [head_class.__name__])
    fresh = {key for key in missing if not key.startswith(prefix)}
    if labels is not None and fresh_head:
        reinitialize_classifier(model)
        fresh |= {"classifier.weight", "classifier.bias"}
    elif labels is not None and not fresh:
        check_problem_type(checkpoint.name, theirs["problem_type"], config.get("problem_type"))
        reorder_classifier(model.classifier, checkpoint.name, theirs["id2label"], labels)
    if mismatched and not fresh_head:
        raise ConfigurationError(
            f"{checkpoint.name}: {', '.join(mismatched)} have not the shape that its config.json "
            "says."
        )
    fresh |= set(mismatched)
    # Of BERT itself a pooler may be missing, as in a checkpoint of masked language modelling.
    drawn = sorted(fresh | set(missing))
    if drawn and _whole.get():
        raise ConfigurationError(
            f"{checkpoint.name} lacks {', '.join(drawn[:3])}{' and more' if drawn[3:] else ''}, "
            f"which a {head_class.__name__} has; it needs training (`allennlp train`)."
        )
    given = f"fresh {', '.join(drawn)}" if drawn else "the head of the checkpoint"
    logger.info("%s: %s", checkpoint.name, given)
    return model, not fresh


def _load_weights(
    head_class: type[Head], checkpoint: Checkpoint, config: Mapping[str, Any]
) -> tuple[Head, list[str], list[str]]:
    """Gives the model, the names of weights that are missing, and of those in another shape."""
    for key, value in config.items():
        setattr(checkpoint.config, key, value)
    with (
        quiet_transformers(),
        explain_errors(f"{checkpoint.name} has no weights of BERT that load"),
    ):
        weights = checkpoint.read_weights()
        model, report = head_class.from_pretrained(
            checkpoint.directory if weights is None else None,
            config=checkpoint.config,
            state_dict=weights,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    if _whole.get():
        _check_layers(checkpoint, report["unexpected_keys"])
    return model, list(report["missing_keys"]), [key for key, *_ in report["mismatched_keys"]]


def _encoder_prefix(model: BertPreTrainedModel) -> str:
    """Tells what the encoder's names of weights begin with: nothing where there is no head."""
    return "" if model.base_model is model else f"{model.base_model_prefix}."


def _check_encoder(name: str, prefix: str, keys: Sequence[str]) -> None:
    inner = (key for key in keys if key.startswith(prefix))
    missing = sorted(key for key in inner if not _MAY_BE_FRESH.match(key, len(prefix)))
    if missing:
        raise ConfigurationError(
            f"{name} lacks {len(missing)} weights of BERT, or has them in another shape, such as "
            f"{missing[0]}; it is damaged or of another kind."
        )


def _check_layers(checkpoint: Checkpoint, unexpected: Iterable[str]) -> None:
    """Raises `ConfigurationError` for layers that would be left out."""
    numbers = {int(match[1]) for match in map(_LAYER.search, unexpected) if match}
    counted = checkpoint.config.num_hidden_layers
    if numbers and max(numbers) >= counted:
        raise ConfigurationError(
            f"{checkpoint.name}: `num_hidden_layers` in its config.json is {counted}, and its "
            f"weights have {max(numbers) + 1} layers."
        )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """
    Switches off the progress bar and the report of every weight; what matters of it we say in one
    line.
    """
    verbosity, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(verbosity)
        if bars:
            hf_logging.enable_progress_bar()


def set_trainable(
    bert: BertModel, trainable: Union[bool, int], gradient_checkpointing: bool = False
) -> None:
    """
    Decides what of BERT is trained: all of it, nothing (`False` or 0), or the top layers and the
    pooler, by their number. With `gradient_checkpointing` a training step computes the layers twice
    and holds one layer's activations at a time.
    """
    layers = bert.config.num_hidden_layers
    if not isinstance(trainable, (bool, int)) or not 0 <= trainable <= layers:
        raise ConfigurationError(
            f"`trainable` is {trainable!r}; expected true, false, or the number of top layers to "
            f"train, up to {layers}."
        )
    if trainable is not True:
        bert.requires_grad_(False)
        trained = [*bert.encoder.layer[layers - trainable :], bert.pooler] if trainable else []
        for module in filter(None, trained):
            module.requires_grad_(True)
    if gradient_checkpointing:
        # transformers renamed it on the way to version 6.
        enable = getattr(bert, "activation_checkpointing_enable", None)
        (enable or bert.gradient_checkpointing_enable)({"use_reentrant": False})
