from typing import Any, Optional, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import RegularizerApplicator
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize
from transformers import BertModel

from bert_classification.bert.encoder import Encoded, TextInput, encode_field
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pooling import finish_vectors, make_vectors, pool_windows
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.bert.sentence_transformers import settle
from bert_classification.embedding.objectives import correlations, ranking_loss, similarity_loss
from bert_classification.embedding.retrieval_scores import retrieval_scores
from bert_classification.training.collected_metric import CollectedMetric


@Model.register("bert_for_embedding")
class BertForEmbedding(Model):
    """
    BERT without a head: a text to a vector, so that texts can be compared (Reimers and Gurevych
    2019). What it is trained for the reader's `objective` says: the similarities of pairs; to find
    the text that belongs to another one; or to find a text itself by another dropout (SimCSE, Gao
    et al. 2021).

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`; or a checkpoint of
        sentence-transformers, whose pooling and normalization are then the defaults.
    pooling : `str`, optional (default = `mean`)
        `mean` or `max` over the word pieces; `cls`, the first piece; `pooler`, that piece through
        BERT's pooler; `tokens`, a vector for each piece, which cannot be trained.
    layers : `Union[int, List[int]]`, optional (default = `-1`)
        The layer that is pooled, or those whose mean is: 0 for the embeddings, -1 for the last.
    normalize : `bool`, optional (default = `False`)
        Whether vectors have the length 1.
    dimensions : `int`, optional
        How many numbers of a vector are kept, the first ones; by default all.
    temperature : `float`, optional (default = `0.05`)
        To find texts: what cosines are divided by.
    symmetric : `bool`, optional (default = `False`)
        To find texts: whether those that belong to texts find these as well.
    index, trainable, regularizer, encoder, gradient_checkpointing, output_hidden_states,
    output_attentions, serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_embedding"
    starts_from = ("BertModel",)

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        pooling: Optional[str] = None,
        layers: Optional[Union[int, list[int]]] = None,
        normalize: Optional[bool] = None,
        dimensions: Optional[int] = None,
        temperature: float = 0.05,
        symmetric: bool = False,
        index: str = "bert",
        trainable: Any = True,
        regularizer: Optional[RegularizerApplicator] = None,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        if not temperature > 0:
            raise ConfigurationError(f"`temperature` is {temperature}; expected a number above 0.")
        pretrained = load_pretrained(BertModel, bert_model, serialization_dir, encoder=encoder)
        self.bert = pretrained.model
        given = {
            "pooling": pooling,
            "layers": layers,
            "normalize": normalize,
            "dimensions": dimensions,
        }
        self.settings = settle(given, bert_model, self.bert.config, serialization_dir)
        self.text_input = TextInput(
            index,
            pretrained.cls_id,
            output_hidden_states,
            output_attentions,
            self.settings.layers,
        )
        set_trainable(self.bert, trainable, gradient_checkpointing)
        self._freeze_unread()
        self._temperature = temperature
        self._symmetric = symmetric
        self._correlations = CollectedMetric(correlations)
        self._retrieval = CollectedMetric(retrieval_scores)

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        label: Optional[Tensor] = None,
        text_ids: Optional[Tensor] = None,
        **unknown: Any,
    ) -> dict[str, Tensor]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`, for each text of a
            record; shape `(batch_size, texts, length)` each, or `(batch_size, texts, windows,
            length)`. Where a record has fewer texts than another, the rest is padding.
        label : `Tensor`, optional
            The similarities of pairs, shape `(batch_size,)`.
        text_ids : `Tensor`, optional
            To find texts: shape `(batch_size, texts)`, equal for equal texts, 0 on padding.

        # Returns

        `embedding` of the first text, shape `(batch_size, width)`, or with `pooling: tokens`
        `(batch_size, length, width)` and `num_pieces` of shape `(batch_size,)`; of pairs
        `similarity`, the cosine, of shape `(batch_size,)`, NaN where there is none; and `loss`
        when `label` or `text_ids` was given.
        """
        refuse_unknown_arguments(unknown)
        encoded = self._encode(tokens)
        # (batch_size, texts, width)
        vectors = self._pool(tokens, encoded)
        output = {"embedding": vectors[:, 0], **encoded.layer_outputs}
        mask = self.text_input.get_tensors(tokens)["mask"]
        if self.settings.pooling == "tokens":
            output["num_pieces"] = mask[:, 0].sum(-1)
        elif vectors.size(1) > 1:
            cosines = cosine_similarity(vectors[:, 0], vectors[:, 1], dim=-1)
            has_pair = mask[:, 1].flatten(1).any(-1)
            output["similarity"] = cosines.masked_fill(~has_pair, torch.nan)
        if label is not None or text_ids is not None:
            self._check_training()
        if label is not None:
            output["loss"] = similarity_loss(vectors, label)
            self._correlations(output["similarity"].tolist(), label.tolist())
        if text_ids is not None:
            output["loss"] = self._ranking_loss(tokens, vectors, text_ids)
        return output

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """Takes padding out of vectors of pieces, and the similarity where there is no pair."""
        if "similarity" in output_dict:
            similarities = output_dict["similarity"].tolist()
            output_dict["similarity"] = [None if each != each else each for each in similarities]
        if "num_pieces" in output_dict:
            counts = output_dict.pop("num_pieces").tolist()
            texts = output_dict["embedding"].float().cpu().numpy()
            output_dict["embedding"] = [text[:count] for text, count in zip(texts, counts)]
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """
        Gives `pearson` and `spearman` correlation of cosines and labels; of a validation that finds
        texts, see `retrieval_scores`.
        """
        return {**self._correlations.get_metric(reset), **self._retrieval.get_metric(reset)}

    def _encode(self, tokens: TextFieldTensors) -> Encoded:
        wanted = None
        if self.settings.pooling in ("cls", "pooler"):
            wanted = torch.zeros_like(self.text_input.get_tensors(tokens)["mask"], dtype=torch.bool)
            wanted[..., 0] = True
        return encode_field(self.bert, tokens, self.text_input, wanted)

    def _pool(self, tokens: TextFieldTensors, encoded: Encoded) -> Tensor:
        mask = self.text_input.get_tensors(tokens)["mask"].bool()
        vectors = make_vectors(encoded, mask, self.settings)
        if mask.dim() == 4:
            if self.settings.pooling == "tokens":
                raise ConfigurationError(
                    "`dataset_reader.long_text` is windows, in which a piece may stand twice; with "
                    "`model.pooling: tokens` let it be truncate."
                )
            vectors = pool_windows(vectors, mask.any(-1), self.settings.pooling)
        return finish_vectors(vectors, self.settings)

    def _freeze_unread(self) -> None:
        """Freezes what no vector is made of: processes wait for the gradients of all the rest."""
        layers = self.bert.encoder.layer
        last = max(each % (len(layers) + 1) for each in self.settings.layers)
        unread = list(layers[last:])
        if self.settings.pooling != "pooler" and self.bert.pooler is not None:
            unread.append(self.bert.pooler)
        for module in unread:
            module.requires_grad_(False)

    def _check_training(self) -> None:
        if self.settings.pooling == "tokens":
            raise ConfigurationError(
                "`model.pooling` is tokens, a vector for each piece, and training and evaluation "
                "need one for a text; choose mean, cls, pooler or max."
            )

    def _ranking_loss(self, tokens: TextFieldTensors, vectors: Tensor, text_ids: Tensor) -> Tensor:
        if vectors.size(1) == 1:
            # The text itself by another dropout.
            again = self._pool(tokens, self._encode(tokens))
            vectors, text_ids = torch.cat([vectors, again], 1), text_ids.repeat(1, 2)
        elif not self.training:
            self._collect(normalize(vectors, dim=-1), text_ids)
        return ranking_loss(
            vectors, text_ids, self._temperature, self._symmetric, gather=self.training
        )

    def _collect(self, vectors: Tensor, text_ids: Tensor) -> None:
        rows, ids = vectors.detach().float().cpu().numpy(), text_ids.tolist()
        queries = [(row[0], own[1]) for row, own in zip(rows, ids)]
        others = [pair for row, own in zip(rows, ids) for pair in zip(own[1:], row[1:])]
        self._retrieval(queries, [(each, vector) for each, vector in others if each])
