"""The vector that a head over the pooled first piece reads of a text or a pair."""

from dataclasses import replace
from typing import Any

import torch
from allennlp.data import TextFieldTensors
from torch import Tensor

from bert_classification.bert.encoder import encode_pooled
from bert_classification.bert.pooling import pool_windows


def pooled_vectors(model: Any, tokens: TextFieldTensors) -> Tensor:
    """
    Computes the pooled first piece of each text; of a text in windows it is their mean.

    # Parameters

    model : `Model`
        One that `has_pooled_vector`; it is not to be in training.
    tokens : `TextFieldTensors`
        As its `forward` takes them.

    # Returns

    `Tensor`: float32 on the CPU, shape `(batch_size, width)`.
    """
    plain = replace(model.text_input, output_hidden_states=False, output_attentions=False)
    with torch.inference_mode():
        pooled = encode_pooled(model.bert, tokens, plain).pooled
        if pooled.dim() == 3:
            present = plain.get_tensors(tokens)["mask"].any(-1)
            pooled = pool_windows(pooled, present, "mean")
        return pooled.float().cpu()
