from typing import Any, Optional, Union

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from allennlp.training.metrics import CategoricalAccuracy
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BertForMultipleChoice as PretrainedHead
from transformers import BertModel

from bert_classification.bert.dropout import head_dropout
from bert_classification.bert.encoder import TextInput, encode_pooled
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.multiple_choice.mean_reciprocal_rank import MeanReciprocalRank
from bert_classification.training.calibration import calibrated, make_calibration


@Model.register("bert_for_multiple_choice")
class BertForMultipleChoice(Model):
    """
    Chooses among texts that may go on from a prompt: a linear layer gives each pair of prompt and
    choice a score, by the pooled first piece (Devlin et al. 2019, section 4.4).

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. A checkpoint that was fine-tuned for
        multiple choice gives its final layer as well.
    dropout : `Optional[float]`, optional (default = `0.0`)
        Dropout on the pooled vector, beside the dropout inside BERT; `null` for what the
        checkpoint says, its `classifier_dropout` or `hidden_dropout_prob`.
    initializer : `InitializerApplicator`, optional
        Initializes the final layer, by the names `weight` and `bias`.
    index, trainable, regularizer, calibration, encoder, gradient_checkpointing,
    output_hidden_states, output_attentions, serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_multiple_choice"
    starts_from = ("BertForMultipleChoice",)
    kept_settings = {"calibration.temperature": "calibration.temperature"}

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        dropout: Optional[float] = 0.0,
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
        pretrained = load_pretrained(PretrainedHead, bert_model, serialization_dir, encoder=encoder)
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model.base_model
        self.dropout = head_dropout(dropout, self.bert.config)
        self.classifier = pretrained.model.classifier
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.classifier)
        self._accuracy = CategoricalAccuracy()
        self._mrr = MeanReciprocalRank()

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        choices: Optional[list[list[str]]] = None,
        label: Optional[Tensor] = None,
        **unknown: Any,
    ) -> dict[str, Any]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`, for each pair of prompt
            and choice; shape `(batch_size, num_choices, length)` each. Where a record has fewer
            choices than another, the rest is padding.
        choices : `List[List[str]]`, optional
            The texts of the choices, for the output.
        label : `Tensor`, optional
            The index of the right choice; shape `(batch_size,)`.

        # Returns

        `logits`, `probs` and `is_choice`, which is false on padding, of shape `(batch_size,
        num_choices)`, `choices` as given, and `loss` when `label` was given. The logits of padding
        are the lowest number there is, its probabilities 0.
        """
        refuse_unknown_arguments(unknown)
        encoded = encode_pooled(self.bert, tokens, self.text_input)
        # (batch_size, num_choices)
        scores = self.classifier(self.dropout(encoded.pooled)).squeeze(-1)
        is_choice = self.text_input.get_tensors(tokens)["mask"].any(-1)
        raw = scores.masked_fill(~is_choice, torch.finfo(scores.dtype).min)
        logits = calibrated(raw, self.calibration).clamp(min=torch.finfo(raw.dtype).min)
        output: dict[str, Any] = {
            "logits": logits,
            "probs": logits.softmax(-1),
            "is_choice": is_choice,
            **encoded.layer_outputs,
        }
        if choices is not None:
            output["choices"] = choices
        if label is not None:
            output["loss"] = cross_entropy(raw, label)
            self._accuracy(logits, label)
            self._mrr(logits, label)
            if self.calibration is not None:
                rows = zip(raw.detach().float().cpu().numpy(), is_choice.sum(-1).tolist())
                self.calibration.collect([row[:count] for row, count in rows], label.tolist())
        return output

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """
        Adds `label`, the index of the most probable choice, and `choice`, its text; takes padding
        out of `logits` and `probs`, which become lists of vectors.
        """
        counts = output_dict.pop("is_choice").sum(-1).tolist()
        output_dict["label"] = output_dict["probs"].argmax(-1).tolist()
        for key in ("logits", "probs"):
            rows = output_dict[key].detach().float().cpu().numpy()
            output_dict[key] = [row[:count] for row, count in zip(rows, counts)]
        if "choices" in output_dict:
            choices = output_dict.pop("choices")
            output_dict["choice"] = [
                texts[index] for texts, index in zip(choices, output_dict["label"])
            ]
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """
        Gives `accuracy`, and `mrr`: the mean of 1 / rank of the right choice; with `calibration`
        those of `calibration_scores` as well.
        """
        return {
            "accuracy": float(self._accuracy.get_metric(reset)),
            "mrr": float(self._mrr.get_metric(reset)),
            **({} if self.calibration is None else self.calibration.metrics(reset)),
        }
