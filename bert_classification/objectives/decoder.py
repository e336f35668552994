"""BERT as a decoder: loaded with a causal mask, and the loss of what it predicts."""

from typing import Any, Mapping, Optional, Union

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertLMHeadModel, BertModel, GenerationConfig

from bert_classification.archives import serialization
from bert_classification.bert.packing import use_packed_attention
from bert_classification.bert.pretrained import Pretrained, load_pretrained

PIECES_AT_ONCE = 2048
"""Over how many pieces the vocabulary's logits are computed in one go."""


def load_decoder(
    bert_model: Union[str, BertModel],
    serialization_dir: Optional[str],
    add_cross_attention: bool = False,
    part: str = serialization.MODEL,
    encoder: Optional[Mapping[str, Any]] = None,
) -> Pretrained[BertLMHeadModel]:
    """
    Loads a BERT with a causal mask and the head of language modelling; see `load_pretrained`. With
    `add_cross_attention` its layers look at an encoder's states as well. The weights of a
    `BertModel` are copied.
    """
    pretrained = load_pretrained(
        BertLMHeadModel,
        bert_model,
        serialization_dir,
        part=part,
        encoder=encoder,
        is_decoder=True,
        add_cross_attention=add_cross_attention,
    )
    model = pretrained.model
    if model.bert is bert_model:
        # Its layers see what follows, and the head is tied to other embeddings.
        model.bert = BertModel(model.config, add_pooling_layer=False)
        model.bert.load_state_dict(bert_model.state_dict(), strict=False)
        model.tie_weights()
        use_packed_attention(model.bert)
    # An archive does not carry those of the checkpoint, which would hold in training alone.
    model.generation_config = GenerationConfig()
    return pretrained


def piece_losses(
    head: torch.nn.Module,
    hidden_states: Tensor,
    targets: Tensor,
    predicted: Tensor,
    label_smoothing: float = 0.0,
) -> Tensor:
    """
    Computes the negative log-probability of each target, shape `(batch_size, length)` as `targets`
    and `predicted`; zero where nothing is predicted, and no logits are computed there.
    """
    # (pieces, width) and (pieces,)
    states, labels = hidden_states[predicted], targets[predicted]
    parts = zip(states.split(PIECES_AT_ONCE), labels.split(PIECES_AT_ONCE))
    losses = torch.cat(
        [
            cross_entropy(head(part), label, reduction="none", label_smoothing=label_smoothing)
            for part, label in parts
        ]
    )
    return losses.new_zeros(predicted.shape).masked_scatter(predicted, losses)
