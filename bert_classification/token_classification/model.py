from typing import Any, Optional, Union

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertForTokenClassification as PretrainedHead
from transformers import BertModel

from bert_classification.bert.dropout import head_dropout
from bert_classification.bert.encoder import TextInput, encode_field
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.token_classification.aggregation import (
    check_aggregation,
    first_pieces,
    word_probs,
)
from bert_classification.token_classification.alignment import Words
from bert_classification.token_classification.checkpoint import head_settings
from bert_classification.token_classification.entities import find_entities
from bert_classification.token_classification.span_f1 import SpanF1
from bert_classification.training.calibration import calibrated, make_calibration


@Model.register("bert_for_token_classification")
class BertForTokenClassification(Model):
    """
    BERT with a linear layer over each piece (Devlin et al. 2019, section 5.3), for spans in a text:
    names, places, terms.

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. A checkpoint that was fine-tuned for
        token classification, with the same tags, gives its final layer as well.
    dropout : `Optional[float]`, optional (default = `0.0`)
        Dropout on the vectors of the pieces, beside the dropout inside BERT; `null` for what the
        checkpoint says, its `classifier_dropout` or `hidden_dropout_prob`.
    num_labels : `int`, optional
        By default the number of tags in the vocabulary.
    aggregation : `str`, optional (default = `first`)
        How the probabilities of a word come from those of its pieces: `first`, `average` or `max`;
        see `word_probs`.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the tags in the vocabulary.
    initializer : `InitializerApplicator`, optional
        Initializes the final layer, by the names `weight` and `bias`.
    fresh_head : `bool`, optional (default = `False`)
        A new final layer even where the checkpoint has one, as for other tags than its own.
    index, trainable, regularizer, calibration, encoder, gradient_checkpointing,
    output_hidden_states, output_attentions, serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_token_classification"
    starts_from = ("BertForTokenClassification",)
    head_settings = staticmethod(head_settings)
    kept_settings = {"calibration.temperature": "calibration.temperature"}

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        dropout: Optional[float] = 0.0,
        num_labels: Optional[int] = None,
        aggregation: str = "first",
        index: str = "bert",
        label_namespace: str = "labels",
        trainable: Any = True,
        initializer: InitializerApplicator = InitializerApplicator(),
        regularizer: Optional[RegularizerApplicator] = None,
        fresh_head: bool = False,
        calibration: Optional[Union[str, dict[str, Any]]] = None,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        self.calibration = make_calibration(calibration, has_sets=False)
        self.aggregation = check_aggregation(aggregation)
        self._tags = vocab.get_index_to_token_vocabulary(label_namespace)
        num_labels = num_labels or vocab.get_vocab_size(label_namespace)
        pretrained = load_pretrained(
            PretrainedHead,
            bert_model,
            serialization_dir,
            encoder=encoder,
            labels=[self._tags.get(index, str(index)) for index in range(num_labels)],
            fresh_head=fresh_head,
        )
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model.base_model
        # Hugging Face's class has none either; a `BertModel` may bring one.
        self.bert.pooler = None
        self.dropout = head_dropout(dropout, self.bert.config)
        self.classifier = pretrained.model.classifier
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.classifier)
        self.entity_types = sorted({tag[2:] for tag in self._tags.values() if tag != "O"})
        self._span_f1 = SpanF1(self.entity_types)

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        word_ids: Tensor,
        words: Optional[list[Words]] = None,
        tags: Optional[Tensor] = None,
        wants_probs: Optional[list[bool]] = None,
        **unknown: Any,
    ) -> dict[str, Any]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            The windows of each text under the key `index`; shape `(batch_size, windows, length)`
            each.
        word_ids : `Tensor`
            The word that each piece stands for, or -1; shape `(batch_size, windows, length)`.
        words : `List[Words]`, optional
            The words of each text, for entities.
        tags : `Tensor`, optional
            The tags of the pieces, -100 where none is trained; shape `(batch_size, windows,
            length)`.
        wants_probs : `List[bool]`, optional
            At prediction: whether the readable output of each text has the probabilities of all
            tags.

        # Returns

        `logits` of shape `(batch_size, windows, length, num_labels)`, `probs` of the words, of
        shape `(batch_size, words, num_labels)`, `words`, and `loss` when `tags` was given.
        """
        refuse_unknown_arguments(unknown, gold="tags")
        encoded = encode_field(self.bert, tokens, self.text_input)
        raw = self.classifier(self.dropout(encoded.hidden_states))
        logits = calibrated(raw, self.calibration)
        probs = word_probs(logits.detach().softmax(-1), word_ids, self.aggregation)
        output: dict[str, Any] = {
            "logits": logits,
            "probs": probs,
            "words": words,
            **encoded.layer_outputs,
        }
        if self.calibration is not None:
            # A mean of probabilities may be highest for another tag than before.
            before = word_probs(raw.detach().softmax(-1), word_ids, self.aggregation)
            output["best"] = before.argmax(-1)
        if wants_probs is not None:
            output["wants_probs"] = wants_probs
        if tags is not None:
            output["loss"] = cross_entropy(
                raw.flatten(0, -2), tags.flatten(), ignore_index=IGNORE_INDEX
            )
            best = output.get("best", probs.argmax(-1))
            self._count_spans(best, tags, first_pieces(word_ids))
            if self.calibration is not None:
                self._collect(raw, tags, first_pieces(word_ids))
        return output

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """
        Puts in place of `logits`, `probs` and `words`: `tags`, `tokens` and `entities` of each
        text; and, where they are wanted, `probs`, of each token the probability of each tag.
        """
        texts: list[Words] = output_dict.pop("words")
        probs = output_dict.pop("probs")
        wanted = output_dict.pop("wants_probs", [])
        best = output_dict.pop("best", probs.argmax(-1))
        scores = probs.gather(-1, best.unsqueeze(-1)).squeeze(-1)
        del output_dict["logits"]
        if any(wanted):
            output_dict["probs"] = [
                self._name_probs(rows[: len(words.starts)]) if asked else None
                for rows, words, asked in zip(probs, texts, wanted)
            ]
        tags = self._names(best, [len(words.starts) for words in texts])
        output_dict["tags"] = tags
        output_dict["tokens"] = [words.tokens for words in texts]
        output_dict["entities"] = [
            find_entities(*text) for text in zip(texts, tags, scores.tolist())
        ]
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """Gives those of `SpanF1`, and with `calibration` those of `calibration_scores`."""
        metrics = self._span_f1.get_metric(reset)
        return metrics if self.calibration is None else metrics | self.calibration.metrics(reset)

    def _collect(self, raw: Tensor, tags: Tensor, first: Tensor) -> None:
        """Collects the words that were given a type: of the many others all models are sure."""
        rows, gold = raw.detach()[first].float(), tags[first]
        outside = [index for index, tag in self._tags.items() if tag == "O"]
        given = ~torch.isin(rows.argmax(-1), rows.new_tensor(outside)) & (gold != IGNORE_INDEX)
        assert self.calibration is not None
        self.calibration.collect(list(rows[given].cpu().numpy()), gold[given].tolist())

    def _count_spans(self, best: Tensor, tags: Tensor, first: Tensor) -> None:
        lengths = first.flatten(1).sum(-1).tolist()
        # (batch_size, words)
        gold = torch.nn.utils.rnn.pad_sequence(tags[first].split(lengths), batch_first=True)
        self._span_f1(self._names(best, lengths), self._names(gold, lengths))

    def _name_probs(self, probs: Tensor) -> list[dict[str, float]]:
        """Names the probabilities of the tags of each word, shape `(words, tags)`."""
        names = [self._tags.get(index, str(index)) for index in range(probs.size(-1))]
        return [dict(zip(names, row)) for row in probs.tolist()]

    def _names(self, indices: Tensor, lengths: list[int]) -> list[list[str]]:
        """Names the tags of each text, which has as many words as `lengths` says."""
        return [
            [self._tags.get(index, "O") for index in row[:length]]
            for row, length in zip(indices.tolist(), lengths)
        ]
