from typing import Any, Optional, Union

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from allennlp.training.metrics import CategoricalAccuracy, FBetaMeasure
from torch import IntTensor, Tensor
from torch.nn.functional import cross_entropy
from transformers import BertForSequenceClassification, BertModel

from bert_classification.checkpoint import load_pretrained, set_trainable
from bert_classification.encoder import encode_field, refuse_unknown_arguments


@Model.register("bert_for_classification")
class BertForClassification(Model):
    """
    BERT with a linear layer over the pooled first piece (Devlin et al. 2019, section 4.1).

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. A checkpoint that was fine-tuned for
        classification gives its final layer as well.
    dropout : `float`, optional (default = `0.0`)
        Dropout on the pooled vector, beside the dropout inside BERT.
    num_labels : `int`, optional
        By default the number of labels in the vocabulary.
    index : `str`, optional (default = `bert`)
        The key of the token indexer in the reader's `token_indexers`.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the labels in the vocabulary.
    trainable : `Union[bool, int]`, optional (default = `True`)
        Whether BERT is trained, or how many of its top layers are; the final layer always is.
    initializer : `InitializerApplicator`, optional
        Initializes the final layer, by the names `weight` and `bias`.
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

    default_predictor = "bert_for_classification"

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        dropout: float = 0.0,
        num_labels: Optional[int] = None,
        index: str = "bert",
        label_namespace: str = "labels",
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
        self._label_namespace = label_namespace
        num_labels = num_labels or vocab.get_vocab_size(label_namespace)
        pretrained, _ = load_pretrained(
            BertForSequenceClassification, bert_model, serialization_dir, num_labels=num_labels
        )
        self.bert = pretrained.bert
        self.dropout = torch.nn.Dropout(dropout)
        self.classifier = pretrained.classifier
        self._internals = (output_hidden_states, output_attentions)
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.classifier)
        self._accuracy = CategoricalAccuracy()
        self._f1 = FBetaMeasure()
        self._micro_f1 = FBetaMeasure(average="micro")

    def forward(
        self, tokens: TextFieldTensors, label: Optional[IntTensor] = None, **unknown: Any
    ) -> dict[str, Tensor]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            length)` each.
        label : `IntTensor`, optional
            Shape `(batch_size,)`.

        # Returns

        `logits` and `probs` of shape `(batch_size, num_labels)`, and `loss` when `label` was given.
        """
        refuse_unknown_arguments(unknown)
        encoded = encode_field(self.bert, tokens, self._index, *self._internals)
        logits = self.classifier(self.dropout(encoded.pooled))
        output = {"logits": logits, "probs": logits.softmax(-1), **encoded.internals}
        if label is not None:
            output["loss"] = cross_entropy(logits, label)
            for metric in (self._accuracy, self._f1, self._micro_f1):
                metric(logits, label)
        return output

    def make_output_human_readable(self, output_dict: dict[str, Tensor]) -> dict[str, Any]:
        """Adds `label`: for each text the name of the most probable label."""
        names = self.vocab.get_index_to_token_vocabulary(self._label_namespace)
        best = output_dict["probs"].argmax(-1).tolist()
        output_dict["label"] = [names.get(index, str(index)) for index in best]
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """`accuracy`, `macro_f1`, `micro_f1`, and `f1/LABEL` for each label."""
        f1 = self._f1.get_metric(reset)["fscore"]
        names = self.vocab.get_index_to_token_vocabulary(self._label_namespace)
        return {
            "accuracy": float(self._accuracy.get_metric(reset)),
            "macro_f1": sum(f1) / len(f1),
            "micro_f1": float(self._micro_f1.get_metric(reset)["fscore"]),
            **{f"f1/{names.get(index, index)}": float(value) for index, value in enumerate(f1)},
        }
