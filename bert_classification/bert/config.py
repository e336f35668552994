"""The configuration of a checkpoint, and the reasons not to run it."""

import os
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Callable, Iterator, Mapping

from allennlp.common.checks import ConfigurationError
from transformers import AutoConfig, BertConfig, EncoderDecoderConfig
from transformers.activations import ACT2FN

from bert_classification.bert.halves import config_of_half


@contextmanager
def explain_errors(what: str) -> Iterator[None]:
    """
    Turns what transformers raises over a file of a checkpoint into a `ConfigurationError` that
    begins with `what`.
    """
    try:
        yield
    except ConfigurationError:
        raise
    # A file that is damaged, or of another kind, ends there in an error of any class: TypeError,
    # AttributeError, RecursionError, those of safetensors, pickle and huggingface_hub.
    except Exception as error:
        raise ConfigurationError(f"{what} ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    """Gives the first sentence of an error; what follows is advice for other users."""
    sentence = " ".join(str(error).split()).split(". ")[0].rstrip(".")[:300]
    known = isinstance(error, (OSError, ValueError)) and sentence
    return sentence if known else f"{type(error).__name__}: {sentence}".rstrip(": ")


def read_config(name: str, decoder: bool = False) -> BertConfig:
    """
    Reads the configuration of a checkpoint.

    # Parameters

    name : `str`
        A directory, or a name on the model hub.
    decoder : `bool`, optional (default = `False`)
        Of a checkpoint of encoder and decoder, that of the second half.

    # Raises

    `ConfigurationError` when there is no such checkpoint, when it is not a BERT, or when its
    position embeddings are not absolute: transformers 5 would run it as if they were, without a
    word.
    """
    if (os.path.isabs(name) or name.startswith(".")) and not os.path.isdir(name):
        raise ConfigurationError(f"There is no BERT in {name}: no such directory.")
    what = (
        f"{name} is neither a directory with a BERT (config.json, weights, tokenizer) nor a name "
        "that the model hub or its local cache knows"
    )
    file = os.path.join(name, "config.json")
    with explain_errors(
        f"{file}: expected that of a BERT, `model_type` included" if os.path.isfile(file) else what
    ):
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    if isinstance(config, EncoderDecoderConfig):
        config = config_of_half(name, config, decoder)
    if config.model_type != "bert":
        raise ConfigurationError(
            f"{name} is a checkpoint of type {config.model_type!r}; bert_classification runs "
            "`bert` only."
        )
    positions = getattr(config, "position_embedding_type", None) or "absolute"
    if positions != "absolute":
        raise ConfigurationError(
            f"{name} has position embeddings of type {positions!r}; transformers 5 knows absolute "
            "ones only."
        )
    return config


def _is_probability(value: Any) -> bool:
    return _is_number(value) and 0 <= value < 1


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


SETTINGS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "hidden_dropout_prob": (_is_probability, "a number from 0 to below 1"),
    "attention_probs_dropout_prob": (_is_probability, "a number from 0 to below 1"),
    "classifier_dropout": (
        lambda value: value is None or _is_probability(value),
        "null or a number from 0 to below 1",
    ),
    "layer_norm_eps": (lambda value: _is_number(value) and 0 < value < 1, "a small number above 0"),
    "initializer_range": (lambda value: _is_number(value) and 0 < value, "a number above 0"),
    "hidden_act": (
        lambda value: isinstance(value, str) and value in ACT2FN,
        f"one of {', '.join(ACT2FN)}",
    ),
}
"""What of a configuration may be another than the checkpoint's: no weight depends on it."""


def check_settings(settings: Mapping[str, Any]) -> None:
    """
    Looks at what a model's `encoder` puts in the place of a checkpoint's configuration: only what
    changes no size. `initializer_range` matters for a fresh head.

    # Raises

    `ConfigurationError` for any other key, and for values that a key cannot have.
    """
    for key, value in settings.items():
        if key not in SETTINGS:
            kind = "it belongs to the weights" if hasattr(BertConfig(), key) else "no BERT has it"
            meant = "".join(
                f"; did you mean `{each}`?" for each in get_close_matches(key, SETTINGS, 1)
            )
            raise ConfigurationError(
                f"`model.encoder.{key}` cannot be set ({kind}{meant}); what can: "
                f"{', '.join(SETTINGS)}."
            )
        is_right, expected = SETTINGS[key]
        if not is_right(value):
            raise ConfigurationError(f"`model.encoder.{key}` is {value!r}; expected {expected}.")
