from typing import Any, Optional, Union

from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import RegularizerApplicator
from allennlp.training.metrics import MeanAbsoluteError
from torch import Tensor
from torch.nn.functional import cosine_similarity, mse_loss
from transformers import BertModel

from bert_classification.bert.encoder import TextInput, encode_field
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pretrained import load_pretrained, set_trainable


@Model.register("bert_for_text_similarity")
class BertForTextSimilarity(Model):
    """
    BERT without a head: how near two texts are, by the cosine of their pooled vectors.

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`.
    index, trainable, regularizer, gradient_checkpointing, output_hidden_states, output_attentions,
    serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_text_similarity"

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        index: str = "bert",
        trainable: Any = True,
        regularizer: Optional[RegularizerApplicator] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        pretrained = load_pretrained(BertModel, bert_model, serialization_dir)
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model
        set_trainable(self.bert, trainable, gradient_checkpointing)
        self._error = MeanAbsoluteError()

    def forward(
        self, tokens: TextFieldTensors, label: Optional[Tensor] = None, **unknown: Any
    ) -> dict[str, Tensor]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            Shape `(batch_size, 2, length)` each.
        label : `Tensor`, optional
            Shape `(batch_size,)`.

        # Returns

        `similarity` of shape `(batch_size,)`, and `loss` when `label` was given.
        """
        refuse_unknown_arguments(unknown)
        encoded = encode_field(self.bert, tokens, self.text_input)
        first, second = encoded.pooled.unbind(1)
        output = {"similarity": cosine_similarity(first, second), **encoded.layer_outputs}
        if label is not None:
            output["loss"] = mse_loss(output["similarity"], label)
            self._error(output["similarity"], label)
        return output

    def make_output_human_readable(self, output_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        return {"mae": float(self._error.get_metric(reset)["mae"])}
