from typing import Any, Optional, Union

from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from torch import Tensor
from transformers import BertForSequenceClassification, BertModel

from bert_classification.bert.dropout import head_dropout
from bert_classification.bert.encoder import TextInput, encode_pooled
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pooling import pool_windows
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.classification.checkpoint import head_settings
from bert_classification.classification.label_weights import PerLabel, log_odds
from bert_classification.classification.objectives import MultiLabel, make_objective
from bert_classification.data.vocabulary import label_counts
from bert_classification.training.calibration import calibrated


@Model.register("bert_for_classification")
class BertForClassification(Model):
    """
    BERT with a linear layer over the pooled first piece (Devlin et al. 2019, section 4.1).

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. A checkpoint that was fine-tuned for
        classification, with the same labels, gives its final layer as well.
    dropout : `Optional[float]`, optional (default = `0.0`)
        Dropout on the pooled vector, beside the dropout inside BERT; `null` for what the
        checkpoint says, its `classifier_dropout` or `hidden_dropout_prob`.
    num_labels : `int`, optional
        By default the number of labels in the vocabulary.
    label_namespace : `str`, optional (default = `labels`)
        The namespace of the labels in the vocabulary.
    initializer : `InitializerApplicator`, optional
        Initializes the final layer, by the names `weight` and `bias`.
    problem_type : `str`, optional (default = `single_label_classification`)
        Or `multi_label_classification`, or `regression`; the reader's has to be the same.
    class_weights : `Union[str, List[float], Dict[str, float]]`, optional
        Of a single label: its weight in the loss; `balanced` weighs by the inverse of the counts in
        the instances that the vocabulary was made of.
    label_smoothing : `float`, optional (default = `0.0`)
        Of a single label: the share of the probability that is spread over all labels.
    top_k : `int`, optional
        Of a single label: add the most probable labels to the output, with their probabilities.
    pos_weight : `Union[float, List[float], Dict[str, float]]`, optional
        Of many labels: the weight of their presence in the loss.
    threshold : `Union[float, List[float], Dict[str, float]]`, optional (default = `0.5`)
        Of many labels: the probability from which on a label is given.
    tune_threshold : `str`, optional
        Of many labels: `global` or `per_label`; see `MultiLabel`.
    window_pooling : `str`, optional (default = `mean`)
        How the logits of a long text's windows become one: `mean` or `max`.
    fresh_head : `bool`, optional (default = `False`)
        A new final layer even where the checkpoint has one, as for other labels than its own.
    index, trainable, regularizer, calibration, encoder, gradient_checkpointing,
    output_hidden_states, output_attentions, serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_classification"
    starts_from = ("BertForSequenceClassification",)
    head_settings = staticmethod(head_settings)
    has_pooled_vector = True
    renamed_weights = {"problem.": "objective."}
    kept_settings = {
        "threshold": "objective.thresholds",
        "class_weights": "objective.class_weights",
        "pos_weight": "objective.pos_weight",
        "calibration.temperature": "calibration.temperature",
    }

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        dropout: Optional[float] = 0.0,
        num_labels: Optional[int] = None,
        index: str = "bert",
        label_namespace: str = "labels",
        trainable: Any = True,
        initializer: InitializerApplicator = InitializerApplicator(),
        regularizer: Optional[RegularizerApplicator] = None,
        problem_type: str = "single_label_classification",
        class_weights: Optional[Union[str, PerLabel]] = None,
        label_smoothing: Optional[float] = None,
        top_k: Optional[int] = None,
        pos_weight: Optional[Union[float, PerLabel]] = None,
        threshold: Optional[Union[float, PerLabel]] = None,
        tune_threshold: Optional[str] = None,
        window_pooling: str = "mean",
        fresh_head: bool = False,
        calibration: Optional[Union[str, dict[str, Any]]] = None,
        encoder: Optional[dict[str, Any]] = None,
        gradient_checkpointing: bool = False,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        serialization_dir: Optional[str] = None,
    ) -> None:
        super().__init__(vocab, regularizer, serialization_dir)
        self._window_pooling = check_pooling(window_pooling)
        names = label_names(vocab, label_namespace, num_labels)
        options = {
            "class_weights": class_weights,
            "label_smoothing": label_smoothing,
            "top_k": top_k,
            "pos_weight": pos_weight,
            "threshold": threshold,
            "tune_threshold": tune_threshold,
        }
        counts = label_counts(vocab, label_namespace)
        self.objective = make_objective(problem_type, names, counts, options)
        self.calibration = self.objective.make_calibration(calibration)
        pretrained = load_pretrained(
            BertForSequenceClassification,
            bert_model,
            serialization_dir,
            encoder=encoder,
            labels=self.objective.names,
            fresh_head=fresh_head,
            problem_type=problem_type,
        )
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model.base_model
        self.dropout = head_dropout(dropout, self.bert.config)
        self.classifier = pretrained.model.classifier
        if not pretrained.has_head and isinstance(self.objective, MultiLabel) and counts:
            self.classifier.bias.data.copy_(log_odds(counts))
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.classifier)

    def forward(  # type: ignore[override]
        self, tokens: TextFieldTensors, label: Optional[Tensor] = None, **unknown: Any
    ) -> dict[str, Tensor]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            length)` each, or `(batch_size, windows, length)`.
        label : `Tensor`, optional
            Shape `(batch_size,)`: indices of labels, or numbers; of many labels `(batch_size,
            num_labels)`, 1 where a label is given.

        # Returns

        `logits` of shape `(batch_size, num_labels)`; `probs` of the same shape, or of a regression
        `score` of shape `(batch_size,)`; and `loss` when `label` was given.
        """
        refuse_unknown_arguments(unknown)
        encoded = encode_pooled(self.bert, tokens, self.text_input)
        logits = self.classifier(self.dropout(encoded.pooled))
        if logits.dim() == 3:
            present = self.text_input.get_tensors(tokens)["mask"].any(-1)
            logits = pool_windows(logits, present, self._window_pooling)
        raw, logits = logits, calibrated(logits, self.calibration)
        output = {"logits": logits, **self.objective.output(logits), **encoded.layer_outputs}
        if label is not None:
            output["loss"] = self.objective.loss(raw, label)
            self.objective.update(logits, label)
            if self.calibration is not None:
                self.calibration.collect(*self.objective.predictions(raw, logits, label))
        return output

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """Adds the name of the most probable `label`, or of all `labels` above their thresholds."""
        output_dict.update(self.objective.decode(output_dict))
        return output_dict

    decode = make_output_human_readable

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """
        Gives those of the objective, see `SingleLabel`, `MultiLabel` and `Regression`, and with
        `calibration` those of `calibration_scores`.
        """
        metrics = self.objective.metrics(reset)
        return metrics if self.calibration is None else metrics | self.calibration.metrics(reset)


def label_names(vocab: Vocabulary, namespace: str, num_labels: Optional[int]) -> list[str]:
    """Lists the labels in the order of the logits; those beyond the vocabulary by their index."""
    # To look at a namespace that is not there would create it, empty, and that cannot be saved.
    known = namespace in vocab.get_namespaces()
    names = vocab.get_index_to_token_vocabulary(namespace) if known else {}
    return [names.get(index, str(index)) for index in range(num_labels or len(names))]


def check_pooling(pooling: str) -> str:
    if pooling not in ("mean", "max"):
        raise ConfigurationError(f"`window_pooling` is {pooling!r}; expected `mean` or `max`.")
    return pooling
