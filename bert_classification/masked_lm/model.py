from typing import Any, Optional, Union

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from allennlp.training.metrics import CategoricalAccuracy
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertForMaskedLM as PretrainedHead
from transformers import BertModel

from bert_classification.bert.encoder import TextInput, encode_field
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.bert.word_pieces import tokenizer_of_model
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.objectives.mask_filling import FillMaskQuery, fill_mask, fill_texts
from bert_classification.objectives.masking import Masking
from bert_classification.training.perplexity import CorpusPerplexity


@Model.register("bert_for_masked_lm")
class BertForMaskedLM(Model):
    """
    BERT with a head that predicts hidden word pieces (Devlin et al. 2019, section 3.1). The logits,
    which are most of a small BERT's training cost, are computed only where there is a label or a
    mask to fill. The weights of the last layer are BERT's embeddings of word pieces.

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. A checkpoint that was pre-trained
        gives its head as well.
    mlm_probability : `float`, optional (default = `0.15`)
        The share of word pieces to be predicted.
    whole_word_mask : `bool`, optional (default = `False`)
        Mask all word pieces of a word together; see `Masking`.
    tokenizer : `str`, optional
        The checkpoint whose tokenizer the reader has, where it is not that of `bert_model`. In
        training, and in an archive, it is known.
    trainable : `Union[bool, int]`, optional (default = `True`)
        Whether BERT, with its embeddings, is trained, or how many of its top layers are; what the
        head has of its own always is.
    initializer : `InitializerApplicator`, optional
        Initializes the layer before the last, by the names `dense.weight`, `dense.bias`,
        `LayerNorm.weight` and `LayerNorm.bias`; the weights of the last are BERT's.
    index, regularizer, encoder, gradient_checkpointing, output_hidden_states, output_attentions,
    serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_masked_lm"
    starts_from = ("BertForMaskedLM",)

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
        initializer(self.cls.predictions.transform)
        self._accuracy = CategoricalAccuracy()
        self._perplexity = CorpusPerplexity()

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        label: Optional[Tensor] = None,
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
        query : `List[FillMaskQuery]`, optional
            At prediction: what to give for the masks that `tokens` have.

        # Returns

        With `query`, `probs`: for each text a tensor of shape `(masks, pieces)`; with `label`, or
        without `query`, `loss`, the mean over the pieces to predict.
        """
        refuse_unknown_arguments(unknown)
        if label is None and query is None:
            tokens, label = self.mask(tokens)
        masks = self.text_input.get_tensors(tokens)["input_ids"] == self._tokenizer.mask_id
        predicted = masks if label is None else label != IGNORE_INDEX
        encoded = encode_field(self.bert, tokens, self.text_input, wanted=predicted | masks)
        output: dict[str, Any] = {**encoded.layer_outputs}
        if label is not None:
            # (pieces to predict, vocab_size)
            logits = self.cls(encoded.hidden_states[predicted])
            output["loss"] = self._loss(logits, label[predicted])
        if query is not None:
            probs = self.cls(encoded.hidden_states[masks]).softmax(-1)
            output["probs"] = list(probs.split(masks.sum(-1).tolist()))
            output["query"] = query
        return output

    def log_probs_at(self, tokens: TextFieldTensors, positions: Tensor) -> Tensor:
        """
        Computes the log-probabilities of all pieces at one position of each text.

        # Parameters

        tokens : `TextFieldTensors`
            As those of `forward`.
        positions : `Tensor`
            Shape `(batch_size,)`.

        # Returns

        `Tensor` of shape `(batch_size, pieces)`, float32.
        """
        rows = torch.arange(len(positions), device=positions.device)
        wanted = torch.zeros_like(self.text_input.get_tensors(tokens)["mask"], dtype=torch.bool)
        wanted[rows, positions] = True
        encoded = encode_field(self.bert, tokens, self.text_input, wanted)
        return self.cls(encoded.hidden_states[rows, positions]).float().log_softmax(-1)

    def mask(self, tokens: TextFieldTensors) -> tuple[TextFieldTensors, Tensor]:
        """Masks some pieces of a text field, and gives the label for `forward` beside it."""
        tensors = self.text_input.get_tensors(tokens)
        masked = self.masking(tensors["input_ids"], tensors["mask"])
        return {self.text_input.index: {**tensors, "input_ids": masked.input_ids}}, masked.label

    def _loss(self, logits: Tensor, label: Tensor) -> Tensor:
        loss = cross_entropy(logits, label, reduction="sum")
        self._accuracy(logits, label)
        self._perplexity(loss.item(), len(label))
        return loss / max(len(label), 1)

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """
        Puts in place of `probs` and `query`: `fills`, for each text and each of its masks the
        pieces and their probabilities, and `text` with the best ones.
        """
        if "query" not in output_dict:
            return output_dict
        queries, probs = output_dict.pop("query"), output_dict.pop("probs")
        fills = [fill_mask(query, rows, self._tokenizer) for query, rows in zip(queries, probs)]
        mask_token = self._tokenizer.pretrained.mask_token
        output_dict["fills"] = fills
        output_dict["text"] = [
            fill_texts(query, masks, mask_token)[0] for query, masks in zip(queries, fills)
        ]
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """Gives `perplexity` and `accuracy`, over all pieces that were to be predicted."""
        return {
            "perplexity": self._perplexity.get_metric(reset)["perplexity"],
            "accuracy": float(self._accuracy.get_metric(reset)),
        }
