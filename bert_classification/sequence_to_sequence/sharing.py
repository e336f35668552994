"""Encoder and decoder with their weights in common (Rothe et al. 2020, BERT2BERT-share)."""

import torch
from allennlp.common.checks import ConfigurationError
from transformers import BertLMHeadModel, BertModel


def share_weights(encoder: BertModel, decoder: BertLMHeadModel) -> None:
    """
    Lets a decoder have the weights of an encoder, but for cross-attention and head, which it alone
    has.

    # Raises

    `ConfigurationError` when they are not of one shape.
    """
    own = dict(encoder.named_parameters())
    for name, parameter in list(decoder.bert.named_parameters()):
        if ".crossattention." in name:
            continue
        if name not in own or own[name].shape != parameter.shape:
            raise ConfigurationError(
                f"`model.tie` is true, but {name} is {(*parameter.shape,)} in the decoder and "
                f"{(*own[name].shape,) if name in own else 'missing'} in the encoder; leave out "
                "`model.decoder_bert_model`, or name a BERT of the same size."
            )
        path, _, last = name.rpartition(".")
        module: torch.nn.Module = decoder.bert.get_submodule(path)
        setattr(module, last, own[name])
    decoder.tie_weights()
