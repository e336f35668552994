"""The token embedder `bert-pretrained`: BERT under the models of AllenNLP, and yours."""

from typing import Any, Optional, Union

from allennlp.common.checks import ConfigurationError
from allennlp.modules import ScalarMix, TokenEmbedder
from allennlp.nn.util import batched_span_select
from torch import Tensor
from transformers import BertModel

from bert_classification.bert.encoder import LAST_LAYER, TextInput, encode_field, is_layer
from bert_classification.bert.pretrained import load_pretrained, set_trainable

SUB_TOKEN_MODES = ("average", "first", "last", "pieces")


@TokenEmbedder.register("bert-pretrained")
class PretrainedBertEmbedder(TokenEmbedder):
    """
    Embeds what the token indexer `bert-pretrained` gives, without padding: a vector for each token,
    for taggers, parsers and all models of words, where the indexer has `token_mask`; or one for
    each word piece, for models of whole texts.

    # Parameters

    pretrained_model : `Union[str, BertModel]`
        As in the indexer: a directory, a name on the model hub, an archive of ours or the directory
        of its training; or a `BertModel`.
    layers : `Union[int, List[int]]`, optional (default = `-1`)
        The layer whose output is taken, or several, of which the mean is; 0 is the embeddings, -1
        the last layer.
    scalar_mix : `bool`, optional (default = `False`)
        A learned mixture of `layers` in the place of their mean (Peters et al. 2018), by default of
        all but the embeddings.
    sub_token_mode : `str`, optional (default = `average`)
        What of a token's pieces is its vector: `first`, `last`, or their `average`. With `pieces`
        each has its own, `[CLS]` the first, as `bert_pooler` needs it.
    trainable, encoder, gradient_checkpointing, serialization_dir :
        See `bert_classification.bert`.
    """

    def __init__(
        self,
        pretrained_model: Union[str, BertModel],
        layers: Optional[Union[int, list[int]]] = None,
        scalar_mix: bool = False,
        sub_token_mode: str = "average",
        trainable: Any = True,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__()
        if sub_token_mode not in SUB_TOKEN_MODES:
            raise ConfigurationError(
                f"`sub_token_mode` is {sub_token_mode!r}; expected one of "
                f"{', '.join(SUB_TOKEN_MODES)}."
            )
        pretrained = load_pretrained(
            BertModel, pretrained_model, serialization_dir, encoder=encoder
        )
        bert, cls_id = pretrained.model, pretrained.cls_id
        # What reads single pieces has no use for it, and one without gradient disturbs training.
        bert.pooler = None
        set_trainable(bert, trainable, gradient_checkpointing)
        self.bert = bert
        self._layers = _check_layers(layers, scalar_mix, bert.config.num_hidden_layers)
        self._mix = ScalarMix(len(self._layers)) if scalar_mix else None
        self._sub_token_mode = sub_token_mode
        is_last = self._layers == [bert.config.num_hidden_layers]
        self._text_input = TextInput(
            cls_id=cls_id,
            output_hidden_states=scalar_mix,
            layers=LAST_LAYER if is_last or scalar_mix else tuple(self._layers),
        )

    def get_output_dim(self) -> int:
        return self.bert.config.hidden_size

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor,
        mask: Tensor,
        offsets: Tensor,
        wordpiece_mask: Optional[Tensor] = None,
        token_spans: Optional[Tensor] = None,
    ) -> Tensor:
        """
        # Parameters

        input_ids, token_type_ids, mask, offsets, wordpiece_mask, token_spans : `Tensor`
            As the indexer makes them.

        # Returns

        `Tensor` of shape `(batch_size, tokens, width)`, or `(batch_size, pieces, width)`.

        # Raises

        `ConfigurationError` when the indexer's `token_mask` does not fit `sub_token_mode`.
        """
        check_level(self._sub_token_mode, token_mask=token_spans is not None)
        field = {"input_ids": input_ids, "token_type_ids": token_type_ids, "mask": mask}
        if wordpiece_mask is not None:
            field["mask"] = wordpiece_mask
        # (batch_size, pieces, width)
        vectors = self._vectors({self._text_input.index: field})
        return vectors if token_spans is None else self._of_tokens(vectors, token_spans)

    def _vectors(self, tokens: dict[str, dict[str, Tensor]]) -> Tensor:
        encoded = encode_field(self.bert, tokens, self._text_input)
        if self._mix is None:
            return encoded.hidden_states
        # (batch_size, layers, pieces, width)
        layers = encoded.layer_outputs["hidden_states"][:, self._layers]
        return self._mix(list(layers.unbind(1)))

    def _of_tokens(self, vectors: Tensor, spans: Any) -> Tensor:
        if self._sub_token_mode in ("first", "last"):
            # (batch_size, tokens)
            pieces = spans[..., 0 if self._sub_token_mode == "first" else 1]
            return vectors.gather(1, pieces.unsqueeze(-1).expand(-1, -1, vectors.size(-1)))
        # (batch_size, tokens, pieces of the longest token, width), and the same without the width.
        selected, mask = batched_span_select(vectors, spans)
        mask = mask.unsqueeze(-1)
        return (selected * mask).sum(2) / mask.sum(2)


def check_level(sub_token_mode: str, token_mask: bool) -> None:
    """
    Raises `ConfigurationError` when an embedder makes vectors of tokens, and the mask of its
    indexer is of word pieces, or the other way round.
    """
    if sub_token_mode == "pieces" and token_mask:
        raise ConfigurationError(
            "The token indexer `bert-pretrained` has `token_mask: true`, and its embedder "
            "`sub_token_mode: pieces`: the mask is of tokens and the vectors are of word pieces. "
            "Take one of the two out."
        )
    if sub_token_mode != "pieces" and not token_mask:
        raise ConfigurationError(
            "The token embedder `bert-pretrained` makes a vector for each token "
            f"(`sub_token_mode: {sub_token_mode}`): say `token_mask: true` of its token indexer. "
            "For models of whole texts, as on `bert_pooler`, say `sub_token_mode: pieces` of the "
            "embedder."
        )


def _check_layers(
    layers: Optional[Union[int, list[int]]], scalar_mix: bool, num_layers: int
) -> list[int]:
    """Gives the layers, counted from the embeddings, 0, to the last."""
    if layers is None:
        return list(range(1, num_layers + 1)) if scalar_mix else [num_layers]
    wanted = layers if isinstance(layers, list) else [layers]
    if not wanted or not all(is_layer(each, num_layers) for each in wanted):
        raise ConfigurationError(
            f"`layers` is {layers}; expected numbers from 0, the embeddings, to {num_layers}, the "
            "last layer, or counted from the last, -1."
        )
    return [layer % (num_layers + 1) for layer in wanted]
