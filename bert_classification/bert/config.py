"""The configuration of a checkpoint, and the reasons not to run it."""

import os

from allennlp.common.checks import ConfigurationError
from transformers import AutoConfig, BertConfig


def read_config(name: str) -> BertConfig:
    """
    The configuration of a checkpoint.

    # Parameters

    name : `str`
        A directory, or a name on the model hub.

    # Raises

    `ConfigurationError` when there is no such checkpoint, when it is not a BERT, or when its
    position embeddings are not absolute: transformers 5 would run it as if they were, without a
    word.
    """
    name = os.fspath(name)
    if os.path.isabs(name) or name.startswith((".", "~")):
        name = os.path.expanduser(name)
        if not os.path.isdir(name):
            raise ConfigurationError(f"There is no BERT in {name}: no such directory.")
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigurationError(
            f"{name} is neither a directory with a BERT (config.json, weights, tokenizer) nor a "
            f"name that the model hub or its local cache knows: {reason}"
        ) from error
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
