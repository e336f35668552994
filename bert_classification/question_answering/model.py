from typing import Any, Optional, Union

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model
from allennlp.nn import InitializerApplicator, RegularizerApplicator
from torch import Tensor
from transformers import BertForQuestionAnswering as PretrainedHead
from transformers import BertModel

from bert_classification.bert.dropout import head_dropout
from bert_classification.bert.encoder import TextInput, encode_field
from bert_classification.bert.inputs import refuse_unknown_arguments
from bert_classification.bert.pretrained import load_pretrained, set_trainable
from bert_classification.question_answering.dataset_reader import ANSWER_NAMESPACE, IMPOSSIBLE
from bert_classification.question_answering.spans import best_spans, span_loss, window_logits
from bert_classification.question_answering.squad_scores import SquadScores, is_exact
from bert_classification.training.calibration import make_calibration
from bert_classification.training.calibration_scores import SomeRight


@Model.register("bert_for_question_answering")
class BertForQuestionAnswering(Model):
    """
    BERT with a linear layer that scores each piece as the start and as the end of the answer
    (Devlin et al. 2019, sections 4.2 and 4.3).

    # Parameters

    vocab : `Vocabulary`
    bert_model : `Union[str, BertModel]`
        A directory, a name on the model hub, or a `BertModel`. A checkpoint that was fine-tuned for
        question answering gives its final layer as well.
    dropout : `Optional[float]`, optional (default = `0.0`)
        Dropout on the hidden states, beside the dropout inside BERT; `null` for what the
        checkpoint says, its `classifier_dropout` or `hidden_dropout_prob`.
    n_best : `int`, optional (default = `20`)
        How many answers to give for a question; their probabilities sum up to 1.
    max_answer_length : `int`, optional (default = `30`)
        The most word pieces in an answer.
    handle_impossible_answer : `bool`, optional
        Whether "no answer" is an answer that may be given; by default whether the data the
        vocabulary was made of have impossible questions.
    null_score_diff_threshold : `float`, optional (default = `0.0`)
        "No answer" is given when its score is above that of the best answer by more than this. The
        best value for the validation data is among the metrics, as `best_threshold`.
    initializer : `InitializerApplicator`, optional
        Initializes the final layer, by the names `weight` and `bias`.
    index, trainable, regularizer, calibration, encoder, gradient_checkpointing,
    output_hidden_states, output_attentions, serialization_dir :
        See `bert_classification.bert`.
    """

    default_predictor = "bert_for_question_answering"
    starts_from = ("BertForQuestionAnswering",)
    kept_settings = {"calibration.temperature": "calibration.temperature"}

    def __init__(
        self,
        vocab: Vocabulary,
        bert_model: Union[str, BertModel],
        dropout: Optional[float] = 0.0,
        n_best: int = 20,
        max_answer_length: int = 30,
        handle_impossible_answer: Optional[bool] = None,
        null_score_diff_threshold: float = 0.0,
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
        self.calibration = make_calibration(calibration, SomeRight)
        if n_best < 1 or max_answer_length < 1:
            raise ConfigurationError(
                f"`n_best` is {n_best} and `max_answer_length` {max_answer_length}; expected at "
                "least 1 each."
            )
        self.n_best = n_best
        self.max_answer_length = max_answer_length
        self.null_score_diff_threshold = null_score_diff_threshold
        self.handle_impossible_answer = (
            IMPOSSIBLE in vocab.get_token_to_index_vocabulary(ANSWER_NAMESPACE)
            if handle_impossible_answer is None
            else handle_impossible_answer
        )
        pretrained = load_pretrained(
            PretrainedHead, bert_model, serialization_dir, encoder=encoder, num_labels=2
        )
        self.text_input = TextInput(
            index, pretrained.cls_id, output_hidden_states, output_attentions
        )
        self.bert = pretrained.model.base_model
        # Nothing here is pooled; a `BertModel` that was made elsewhere may have a pooler.
        self.bert.pooler = None
        self.dropout = head_dropout(dropout, self.bert.config)
        self.qa_outputs = pretrained.model.qa_outputs
        set_trainable(self.bert, trainable, gradient_checkpointing)
        initializer(self.qa_outputs)
        self._scores = SquadScores()

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        windows: Tensor,
        offsets: Tensor,
        metadata: list[dict[str, Any]],
        start_positions: Optional[Tensor] = None,
        end_positions: Optional[Tensor] = None,
        answers: Optional[list[list[str]]] = None,
        **unknown: Any,
    ) -> dict[str, Any]:
        """
        # Parameters

        tokens : `TextFieldTensors`
            What the indexer `bert-pretrained` gives under the key `index`; shape `(batch_size,
            windows, length)` each. A question with fewer windows has empty ones.
        windows : `Tensor`
            Shape `(batch_size, windows, 5)`; see `spans.context_windows`.
        offsets : `Tensor`
            Shape `(batch_size, pieces, 2)`; see `spans.character_offsets`.
        metadata : `List[Dict[str, Any]]`
            The `context` of each question, and its `id`; `wants_logits` where its readable output
            is to have the logits.
        start_positions, end_positions : `Tensor`, optional
            Shape `(batch_size, windows)`.
        answers : `List[List[str]]`, optional
            The gold answers of each question, for the metrics; none where it is impossible.

        # Returns

        `start_logits` and `end_logits` of shape `(batch_size, windows, length)`, lowest on padding;
        `loss` when `start_positions` were given; and, but in training, the answers as in
        `spans.BestSpans`, and `metadata`.
        """
        refuse_unknown_arguments(unknown)
        encoded = encode_field(self.bert, tokens, self.text_input)
        # (batch_size, windows, length, 2)
        logits = self.qa_outputs(self.dropout(encoded.hidden_states))
        # Padding takes no part in a softmax: the loss of a window is the same in every batch.
        padding = ~self.text_input.get_tensors(tokens)["mask"].unsqueeze(-1)
        logits = logits.masked_fill(padding, torch.finfo(logits.dtype).min)
        start_logits, end_logits = logits.unbind(-1)
        output = {"start_logits": start_logits, "end_logits": end_logits, **encoded.layer_outputs}
        if start_positions is not None and end_positions is not None:
            output["loss"] = span_loss(start_logits, end_logits, start_positions, end_positions)
        if not self.training:
            spans = best_spans(
                start_logits, end_logits, windows, offsets, self.n_best, self.max_answer_length
            )
            output.update(spans._asdict(), metadata=metadata)
            if any(each.get("wants_logits") for each in metadata):
                output.update(windows=windows, offsets=offsets)
            if answers is not None:
                self._score(output, answers)
        return output

    def _score(self, output: dict[str, Any], answers: list[list[str]]) -> None:
        diffs = (output["null_score"] - output["span_scores"][:, 0]).tolist()
        best = [
            source["context"][start:end]
            for source, start, end in zip(
                output["metadata"],
                output["span_starts"][:, 0].tolist(),
                output["span_ends"][:, 0].tolist(),
            )
        ]
        given = ["" if self._is_null(diff) else text for diff, text in zip(diffs, best)]
        self._scores(given, best, diffs, answers)
        if self.calibration is not None:
            self._collect(output, answers)

    def _collect(self, output: dict[str, Any], answers: list[list[str]]) -> None:
        """Collects the scores of the answers to each question, and which of them are right."""
        assert self.calibration is not None
        tensors = ("span_scores", "span_starts", "span_ends", "null_score")
        columns = (output[key].tolist() for key in tensors)
        for source, scores, starts, ends, null, known in zip(output["metadata"], *columns, answers):
            spans = self._spans(scores, starts, ends, null)
            given = len(spans) - 1 if self._is_null(null - scores[0]) else 0
            right = [is_exact(source["context"][start:end], known) for start, end in spans]
            row = (numpy.array(list(spans.values())), given)
            self.calibration.collect([row], [numpy.array(right)])

    def _is_null(self, null_score_diff: float) -> bool:
        return self.handle_impossible_answer and null_score_diff > self.null_score_diff_threshold

    def make_output_human_readable(self, output_dict: dict[str, Any]) -> dict[str, Any]:
        """
        Gives for each question `answer`, with `start` and `end` in characters of the context, and
        `score`, its probability among the `n_best` ones; `null_score`, the score of no answer (a
        sum of logits), and `null_score_diff`, by how much it is above that of the best answer. No
        answer is the answer `""` from 0 to 0; it is among `n_best` when the model handles
        impossible questions. Logits are taken out, but where a question wants them: then `logits`
        has a window each, as `spans.WindowLogits`.
        """
        tensors = ("span_scores", "span_starts", "span_ends", "null_score")
        columns = [output_dict.pop(key).tolist() for key in tensors]
        metadata = output_dict.pop("metadata")
        logits = [output_dict.pop(key) for key in ("start_logits", "end_logits")]
        if "windows" in output_dict:
            questions = zip(*logits, output_dict.pop("windows"), output_dict.pop("offsets"))
            output_dict["logits"] = [
                window_logits(*question) if source.get("wants_logits") else None
                for source, question in zip(metadata, questions)
            ]
        decoded = [self._decode(*question) for question in zip(metadata, *columns)]
        for key in decoded[0]:
            output_dict[key] = [question[key] for question in decoded]
        if any(source["id"] is not None for source in metadata):
            output_dict["id"] = [source["id"] for source in metadata]
        return output_dict

    decode = make_output_human_readable

    def _decode(
        self,
        source: dict[str, Any],
        scores: list[float],
        starts: list[int],
        ends: list[int],
        null_score: float,
    ) -> dict[str, Any]:
        spans = self._spans(scores, starts, ends, null_score)
        temperature = 1.0 if self.calibration is None else float(self.calibration.temperature)
        probs = (torch.tensor(list(spans.values())) / temperature).softmax(0).tolist()
        answers = [
            {"answer": source["context"][start:end], "start": start, "end": end, "score": prob}
            for (start, end), prob in zip(spans, probs)
        ]
        diff = null_score - scores[0]
        return {
            **answers[-1 if self._is_null(diff) else 0],
            "n_best": sorted(answers, key=lambda answer: -answer["score"]),
            "null_score": null_score,
            "null_score_diff": diff,
        }

    def _spans(
        self, scores: list[float], starts: list[int], ends: list[int], null_score: float
    ) -> dict[tuple[int, int], float]:
        """Gives the score of each answer by its characters, that of no answer as the last."""
        # Two pieces may stand for the same character; the better of two equal answers stays.
        spans: dict[tuple[int, int], float] = {}
        for start, end, score in zip(starts, ends, scores):
            if score > float("-inf"):
                spans.setdefault((start, end), score)
        if self.handle_impossible_answer or not spans:
            spans[0, 0] = null_score
        return spans

    def get_metrics(self, reset: bool = False) -> dict[str, float]:
        """
        Gives exact match and F1 in percent, see `SquadScores`, and with `calibration` those of
        `calibration_scores`.
        """
        metrics = self._scores.get_metric(reset)
        return metrics if self.calibration is None else metrics | self.calibration.metrics(reset)
