from typing import Any, Optional, Union

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from allennlp.training.metrics import CategoricalAccuracy
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertForPreTraining as PretrainedHead
from transformers import BertModel

from bert_classification.bert.encoder import TextInput, encode_field
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.bert.word_pieces import tokenizer_of_model
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.objectives.mask_filling import FillMaskQuery, fill_mask, fill_texts
from bert_classification.objectives.masking import Masking
from bert_classification.objectives.next_sentence import LABELS
from bert_classification.training.perplexity import CorpusPerplexity


@Model.register("bert_for_pretraining")
class BertForPreTraining(Model):
    """
    BERT with the two heads it was pre-trained with (Devlin et al. 2019, section 3.1): one predicts
    hidden word pieces, the other whether the second segment follows the first. The loss is the sum
    of both. The logits of word pieces are computed only where there is a label or a mask to fill;
    the weights of their layer are BERT's embeddings.

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. Pre-training goes on from its
        weights, with its heads where it has them. For a BERT from scratch, see `BertFromScratch`.
    mlm_probability : `float`, optional (default = `0.15`)
        The share of word pieces to be predicted.
    whole_word_mask : `bool`, optional (default = `False`)
        Mask all word pieces of a word together; see `Masking`.
    tokenizer : `str`, optional
        The checkpoint whose tokenizer the reader has, where it is not that of `bert_model`. In
        training, and in an archive, it is known.
    trainable : `Union[bool, int]`, optional (default = `True`)
        Whether BERT, with its embeddings, is trained, or how many of its top layers are; what the
        heads have of their own always is.
    initializer : `InitializerApplicator`, optional
        Initializes the layers that are the heads' own, by the names `transform.dense.weight`,
        `transform.LayerNorm.weight`, `seq_relationship.weight` and the same with `bias`.
    index, regularizer, encoder, gradient_checkpointing, output_hidden_states, output_attentions,
    serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_pretraining"
    starts_from = ("BertForPreTraining",)

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        mlm_probability: float = 0.15,
        whole_word_mask: bool = False,
        tokenizer: Optional[str] = None,
        index: str = "bert",
        trainable: Any = True,
        initializer: InitializerApplicator = InitializerApplicator(),
        regularizer: Optional[RegularizerApplicator] = None,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        self._tokenizer = tokenizer_of_model(bert_model, tokenizer, serialization_dir)
        self.masking = Masking(self._tokenizer, mlm_probability, whole_word_mask)
        pretrained = load_pretrained(PretrainedHead, bert_model, serialization_dir, encoder=encoder)
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model.base_model
        self.cls = pretrained.model.cls
        set_trainable(self.bert, trainable, gradient_checkpointing)
        transform, seq_relationship = self.cls.predictions.transform, self.cls.seq_relationship
        own = {"transform": transform, "seq_relationship": seq_relationship}
        initializer(torch.nn.ModuleDict(own))
        self._mlm_accuracy = CategoricalAccuracy()
        self._perplexity = CorpusPerplexity()
        self._nsp_accuracy = CategoricalAccuracy()

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        label: Optional[Tensor] = None,
        next_sentence_label: Optional[Tensor] = None,
        query: Optional[list[FillMaskQuery]] = None,
        **unknown: Any,
    ) -> dict[str, Any]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            length)` each.
        label : `Tensor`, optional
            The ids of the pieces to predict, -100 elsewhere; shape `(batch_size, length)`. Without
            `label` and `query` pieces of `tokens` are masked and predicted.
        next_sentence_label : `Tensor`, optional
            Shape `(batch_size,)`; 0 where the second segment follows the first, otherwise 1.
        query : `List[FillMaskQuery]`, optional
            At prediction: what to give for the masks that `tokens` have.

        # Returns

        `logits` and `probs` of the next sentence, of shape `(batch_size, 2)`. With `query`,
        `fill_probs`: for each pair a tensor of shape `(masks, pieces)`; otherwise `loss`, the mean
        over the pieces to predict, plus the mean over the pairs where `next_sentence_label` was
        given.
        """
        refuse_unknown_arguments(unknown)
        if label is None and query is None:
            tokens, label = self.mask(tokens)
        masks = self.text_input.get_tensors(tokens)["input_ids"] == self._tokenizer.mask_id
        predicted = masks if label is None else label != IGNORE_INDEX
        encoded = encode_field(self.bert, tokens, self.text_input, wanted=predicted | masks)
        logits = self.cls.seq_relationship(encoded.pooled)
        output = {"logits": logits, "probs": logits.softmax(-1), **encoded.layer_outputs}
        if label is not None:
            # (pieces to predict, vocab_size)
            piece_logits = self.cls.predictions(encoded.hidden_states[predicted])
            output["loss"] = self._piece_loss(piece_logits, label[predicted])
            if next_sentence_label is not None:
                output["loss"] = output["loss"] + cross_entropy(logits, next_sentence_label)
                self._nsp_accuracy(logits, next_sentence_label)
        else:
            probs = self.cls.predictions(encoded.hidden_states[masks]).softmax(-1)
            output["fill_probs"] = list(probs.split(masks.sum(-1).tolist()))
            output["query"] = query
        return output

    def mask(self, tokens: TextFieldTensors) -> tuple[TextFieldTensors, Tensor]:
        """Masks some pieces of a text field, and gives the label for `forward` beside it."""
        tensors = self.text_input.get_tensors(tokens)
        masked = self.masking(tensors["input_ids"], tensors["mask"])
        return {self.text_input.index: {**tensors, "input_ids": masked.input_ids}}, masked.label

    def _piece_loss(self, logits: Tensor, label: Tensor) -> Tensor:
        loss = cross_entropy(logits, label, reduction="sum")
        self._mlm_accuracy(logits, label)
        self._perplexity(loss.item(), len(label))
        return loss / max(len(label), 1)

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """
        Adds `label`, `is_next` or `not_next`, and puts in place of `fill_probs` and `query`:
        `fills`, for each pair and each of its masks the pieces and their probabilities, and `text`
        and `text_pair` with the best ones.
        """
        labels = output_dict["probs"].argmax(-1).tolist()
        output_dict["label"] = [LABELS[index] for index in labels]
        if "query" not in output_dict:
            return output_dict
        queries, probs = output_dict.pop("query"), output_dict.pop("fill_probs")
        fills = [fill_mask(query, rows, self._tokenizer) for query, rows in zip(queries, probs)]
        mask_token = self._tokenizer.pretrained.mask_token
        filled = [fill_texts(query, masks, mask_token) for query, masks in zip(queries, fills)]
        output_dict["fills"] = fills
        output_dict["text"], output_dict["text_pair"] = map(list, zip(*filled))
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """
        Gives `perplexity` and `mlm_accuracy`, over all pieces that were to be predicted, and
        `nsp_accuracy`, over all pairs.
        """
        return {
            "perplexity": self._perplexity.get_metric(reset)["perplexity"],
            "mlm_accuracy": float(self._mlm_accuracy.get_metric(reset)),
            "nsp_accuracy": float(self._nsp_accuracy.get_metric(reset)),
        }
