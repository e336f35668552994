from typing import Any, Optional, Union

from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from allennlp.training.metrics import CategoricalAccuracy
from torch import IntTensor, Tensor
from torch.nn.functional import cross_entropy
from transformers import BertForMaskedLM as PretrainedForMaskedLM
from transformers import BertModel

from bert_classification.checkpoint import load_pretrained, set_trainable
from bert_classification.encoder import encode_field
from bert_classification.fills import Query, best_fills, filled_texts
from bert_classification.masking import IGNORED, Masking
from bert_classification.model_inputs import refuse_unknown_arguments, tensors_of
from bert_classification.perplexity import CorpusPerplexity
from bert_classification.tokenization import pieces_of_model


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
    index : `str`, optional (default = `bert`)
        The key of the token indexer in the reader's `token_indexers`.
    trainable : `Union[bool, int]`, optional (default = `True`)
        Whether BERT, with its embeddings, is trained, or how many of its top layers are; what the
        head has of its own always is.
    initializer : `InitializerApplicator`, optional
        Initializes the layer before the last, by the names `dense.weight`, `dense.bias`,
        `LayerNorm.weight` and `LayerNorm.bias`; the weights of the last are BERT's.
    regularizer : `RegularizerApplicator`, optional
        As in every AllenNLP model.
    gradient_checkpointing : `bool`, optional (default = `False`)
        Less memory for more time: a training step computes each layer's activations twice.
    output_hidden_states, output_attentions : `bool`, optional (default = `False`)
        Add the hidden states of all layers, or the attention weights, to the output; see
        `encoder.Encoded`.
    serialization_dir : `str`, optional
        Given by AllenNLP; see `load_pretrained`.
    """

    default_predictor = "bert_for_masked_lm"

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
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer)
        self._index = index
        self._pieces = pieces_of_model(bert_model, tokenizer, serialization_dir)
        self.masking = Masking(self._pieces, mlm_probability, whole_word_mask)
        pretrained, _ = load_pretrained(PretrainedForMaskedLM, bert_model, serialization_dir)
        self.bert = pretrained.bert
        self.cls = pretrained.cls
        self._internals = (output_hidden_states, output_attentions)
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.cls.predictions.transform)
        self._accuracy = CategoricalAccuracy()
        self._perplexity = CorpusPerplexity()

    def forward(
        self,
        tokens: TextFieldTensors,
        label: Optional[IntTensor] = None,
        query: Optional[list[Query]] = None,
        **unknown: Any,
    ) -> dict[str, Any]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            length)` each.
        label : `IntTensor`, optional
            The ids of the pieces to predict, -100 elsewhere; shape `(batch_size, length)`. Without
            `label` and `query` pieces of `tokens` are masked and predicted.
        query : `List[Query]`, optional
            At prediction: what to give for the masks that `tokens` have.

        # Returns

        With `query`, `probs`: for each text a tensor of shape `(masks, pieces)`; otherwise `loss`,
        the mean over the pieces to predict.
        """
        refuse_unknown_arguments(unknown)
        if label is None and query is None:
            tokens, label = self.masked(tokens)
        encoded = encode_field(self.bert, tokens, self._index, *self._internals)
        output: dict[str, Any] = {**encoded.internals}
        if label is not None:
            wanted = label != IGNORED
            logits = self.cls(encoded.hidden_states[wanted])
            output["loss"] = self._loss(logits, label[wanted])
        else:
            wanted = tensors_of(tokens, self._index)["input_ids"] == self._pieces.mask_id
            probs = self.cls(encoded.hidden_states[wanted]).softmax(-1)
            output["probs"] = list(probs.split(wanted.sum(-1).tolist()))
            output["query"] = query
        return output

    def masked(self, tokens: TextFieldTensors) -> tuple[TextFieldTensors, Tensor]:
        """The text field with some pieces masked, and the label for `forward`."""
        tensors = tensors_of(tokens, self._index)
        masked = self.masking(tensors["input_ids"], tensors["mask"])
        return {self._index: {**tensors, "input_ids": masked.input_ids}}, masked.label

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
        fills = [best_fills(query, rows, self._pieces) for query, rows in zip(queries, probs)]
        mask_token = self._pieces.pretrained.mask_token
        output_dict["fills"] = fills
        output_dict["text"] = [
            filled_texts(query, masks, mask_token)[0] for query, masks in zip(queries, fills)
        ]
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """`perplexity` and `accuracy`, over all pieces that were to be predicted."""
        return {
            "perplexity": self._perplexity.get_metric(reset)["perplexity"],
            "accuracy": float(self._accuracy.get_metric(reset)),
        }
