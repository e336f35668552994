from typing import Any, Optional, Union

from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from allennlp.training.metrics import CategoricalAccuracy, F1Measure
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertForNextSentencePrediction as PretrainedHead
from transformers import BertModel

from bert_classification.bert.encoder import TextInput, encode_pooled
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.labels import label_settings
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.objectives.next_sentence import IS_NEXT, LABELS
from bert_classification.training.calibration import calibrated, make_calibration
from bert_classification.training.collected_metric import CollectedMetric


@Model.register("bert_for_next_sentence_prediction")
class BertForNextSentencePrediction(Model):
    """
    Says of two texts whether the second follows the first, by a linear layer over the pooled first
    piece (Devlin et al. 2019, section 3.1). Output 0 is always `is_next`, output 1 `not_next`, as
    in the checkpoints; the vocabulary has no part in it.

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. A checkpoint that was pre-trained as
        the original BERT gives its final layer as well.
    initializer : `InitializerApplicator`, optional
        Initializes the final layer, by the names `weight` and `bias`.
    index, trainable, regularizer, calibration, encoder, gradient_checkpointing,
    output_hidden_states, output_attentions, serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_next_sentence_prediction"
    starts_from = ("BertForNextSentencePrediction",)
    has_pooled_vector = True
    kept_settings = {"calibration.temperature": "calibration.temperature"}

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        index: str = "bert",
        trainable: Any = True,
        initializer: InitializerApplicator = InitializerApplicator(),
        regularizer: Optional[RegularizerApplicator] = None,
        calibration: Optional[Union[str, dict[str, Any]]] = None,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        self.calibration = make_calibration(calibration)
        pretrained = load_pretrained(
            PretrainedHead, bert_model, serialization_dir, encoder=encoder, **label_settings(LABELS)
        )
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model.base_model
        self.cls = pretrained.model.cls
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.cls.seq_relationship)
        self._accuracy = CategoricalAccuracy()
        self._f1 = F1Measure(positive_label=IS_NEXT)
        self._auc = CollectedMetric(area_under_curve)

    def forward(  # type: ignore[override]
        self, tokens: TextFieldTensors, label: Optional[Tensor] = None, **unknown: Any
    ) -> dict[str, Tensor]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            length)` each.
        label : `Tensor`, optional
            Shape `(batch_size,)`; 0 where the second text follows the first, otherwise 1.

        # Returns

        `logits` and `probs` of shape `(batch_size, 2)`, and `loss` when `label` was given.
        """
        refuse_unknown_arguments(unknown)
        encoded = encode_pooled(self.bert, tokens, self.text_input)
        raw = self.cls(encoded.pooled)
        logits = calibrated(raw, self.calibration)
        output = {"logits": logits, "probs": logits.softmax(-1), **encoded.layer_outputs}
        if label is not None:
            output["loss"] = cross_entropy(raw, label)
            self._accuracy(logits, label)
            self._f1(logits, label)
            scores = output["probs"][:, IS_NEXT].tolist()
            self._auc(scores, (label == IS_NEXT).tolist())
            if self.calibration is not None:
                self.calibration.collect(list(raw.detach().float().cpu().numpy()), label.tolist())
        return output

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """Adds `label`, `is_next` or `not_next`, and `is_next_probability`."""
        probs = output_dict["probs"]
        output_dict["label"] = [LABELS[index] for index in probs.argmax(-1).tolist()]
        output_dict["is_next_probability"] = probs[:, IS_NEXT]
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """
        Gives `accuracy`, `f1` of `is_next`, and with `reset`, at the end of an epoch or an
        evaluation, `auc`: it sorts all pairs, and all processes meet for it. With `calibration`
        those of `calibration_scores` as well.
        """
        return {
            "accuracy": float(self._accuracy.get_metric(reset)),
            "f1": float(self._f1.get_metric(reset)["f1"]),
            **self._auc.get_metric(reset),
            **({} if self.calibration is None else self.calibration.metrics(reset)),
        }


def area_under_curve(scores: list[float], positive: list[bool]) -> dict[str, float]:
    """
    Computes `auc`, of the ROC curve; 0.5 where the pairs are all of one kind, which leaves it
    undefined.
    """
    return {"auc": roc_auc_score(positive, scores) if len(set(positive)) == 2 else 0.5}
