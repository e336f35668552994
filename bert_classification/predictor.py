"""
What all our predictors share: records in, one output for each, and an error in the place of a bad
one.
"""

import copy
import logging
from typing import Any, Optional, Sequence, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict, sanitize
from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor
from transformers import BertModel

from bert_classification.archives.nesting import is_too_deep
from bert_classification.bert.precision import set_precision
from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.foreign_reader import ForeignReader
from bert_classification.data.json_values import dump_json
from bert_classification.data.outcomes import (
    each_or_error,
    replace_successes,
    sentence_of,
    successes,
)
from bert_classification.data.piece_names import add_piece_names
from bert_classification.data.piece_tokens import TokensField
from bert_classification.data.records import RecordError, expect_object
from bert_classification.data.text_field import num_word_pieces
from bert_classification.data.values import get_real
from bert_classification.reader import BertReader

logger = logging.getLogger(__name__)

ABSTAIN: dict[str, JsonDict] = {
    "abstain_below": {
        "description": "The confidence below which the output has `abstain: true`.",
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 1,
    }
}
"""The setting of a record that all predictors with `can_abstain` know."""

TOKEN_BUDGET = 2048
"""Word pieces in one run of BERT, with which it is fastest on two cores; see `benchmarks/`."""


class BertPredictor(Predictor):
    """
    The base of our predictors: one record, a JSONL batch and a served batch go the same way.

    A record that is not what the task expects, or that fails in the model, gets the output
    `{"error": ...}`; the others are not touched. Keys of the input that are not the task's are
    carried into the output, but for `error`, which would say what is not so, and the gold value of
    a labelled record as `gold`.

    # Parameters

    model, dataset_reader, frozen :
        As in every AllenNLP predictor.
    token_budget : `int`, optional (default = `2048`)
        How many word pieces, of all windows and choices, run through BERT at once; records of like
        lengths run together. A single record that has more runs alone.
    precision : `str`, optional (default = `float32`)
        Or `bfloat16`, `float16`, or `int8` on the CPU; see `precision.set_precision`. On the
        command line `--predictor-args '{"precision": "int8"}'`. The model's BERT is changed in
        place: predictors of one model share it.
    max_record_tokens : `int`, optional
        The most word pieces of one record, in all of its windows or choices; by default any number.

    # Attributes of its class

    What a task is, for its page, the server's description and the tests of all tasks.

    input_keys : `Tuple[str, ...]`
        The keys of a record that the task knows; others are carried into the output.
    gold_key : `str`
        The key of the label in a record, if there is one.
    output_keys : `Tuple[str, ...]`
        The keys that the output has at least.
    example : `JsonDict`
        A record that shows what the task does.
    settings : `Dict[str, JsonDict]`
        Those of `input_keys` that ask for something beside the texts, and hold for their record
        alone: a JSON schema of each, for the server's description.
    text_key : `str`
        The key of the one text that makes a record; empty where a record needs more than one.
    takes_any_reader : `bool`
        Whether the texts alone make the fields of a record, so that any reader makes them.
    segment_keys : `Tuple[str, ...]`
        The attributes of the reader's example that hold the first and the second text which BERT
        reads, where word importance can be told; of a list, BERT reads each one in its own row.
    attacked_keys : `Tuple[str, ...]`
        Those of them whose words an attack may change; by default all.
    can_abstain : `bool`
        Whether the output for a record tells how sure it is; see `judge`.
    tells_doubt : `bool`
        Whether `distributions` tells how sure a prediction is, of a record that has
        `asks_for_doubt` too.
    writes_lines : `bool`
        Whether `dump_line` writes one line of JSON.
    writes_tags : `bool`
        Whether `dump_conll` writes an output as words with tags.
    can_embed : `bool`
        Whether the output for a `text` has its vector as `embedding`.
    can_rank : `bool`
        Whether `ranking_records` and `ranking_scores` tell how well documents fit a query.
    """

    input_keys: tuple[str, ...] = ()
    gold_key: str = ""
    output_keys: tuple[str, ...] = ()
    example: JsonDict = {}
    settings: Any = {}
    text_key: str = ""
    takes_any_reader: bool = False
    segment_keys: tuple[str, ...] = ()
    attacked_keys: tuple[str, ...] = ()
    can_abstain: bool = False
    tells_doubt: Any = False
    asks_for_doubt: JsonDict = {}
    writes_lines: Any = True
    writes_tags: bool = False
    can_embed: Any = False
    can_rank: Any = False

    _dataset_reader: Any
    _model: Any

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        frozen: bool = True,
        token_budget: int = TOKEN_BUDGET,
        precision: str = "float32",
        max_record_tokens: Optional[int] = None,
    ) -> None:
        super().__init__(model, dataset_reader, frozen)
        self._dataset_reader = self._adapt(dataset_reader)
        check_count("token_budget", token_budget)
        if max_record_tokens is not None and max_record_tokens < 1:
            raise ConfigurationError(
                f"`max_record_tokens` is {max_record_tokens}; expected at least 1."
            )
        self._token_budget = token_budget
        self._max_record_tokens = max_record_tokens
        self._kinds_of_failures: set[type] = set()
        self.precision = precision
        self._bert = find_bert(model)
        set_precision(self._bert, precision)
        if self._dataset_reader.tokenizer is not None:
            embedded = self.get_interpretable_layer().num_embeddings
            add_piece_names(self._model.vocab, self._dataset_reader.tokenizer, embedded)

    def _adapt(self, reader: DatasetReader) -> Union[BertReader, ForeignReader]:
        if isinstance(reader, BertReader):
            return reader
        if not self.takes_any_reader:
            task = getattr(self._model, "default_predictor", None) or type(self).__name__
            raise ConfigurationError(
                f"The predictor of `{task}` needs the reader of its task, whose fields no other "
                f"makes; `dataset_reader` is a {type(reader).__name__}. Let `dataset_reader.type` "
                f"be `{task}`."
            )
        return ForeignReader(reader, self._model.vocab, self.gold_key)

    @property
    def labels(self) -> Sequence[str]:
        """Lists the labels that the task knows, in the order of `probs`; none where it has none."""
        return ()

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self.predict_batch_json([inputs])[0]

    def predict_batch_json(self, inputs: Sequence[JsonDict]) -> list[JsonDict]:
        outcomes = self.instances_or_errors(inputs)
        predictions = self.outputs_or_errors(successes(outcomes))
        results = replace_successes(outcomes, predictions)
        return [self.output(record, result) for record, result in zip(inputs, results)]

    def predict_instance(self, instance: Instance) -> JsonDict:
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        for instance in instances:
            self._dataset_reader.apply_token_indexers(instance)
            instance.index_fields(self._model.vocab)
        lengths = [num_word_pieces(instance) for instance in instances]
        batches = token_batches(lengths, self._token_budget)
        outputs: list[JsonDict] = [{} for _ in instances]
        for indices in batches:
            with torch.inference_mode():
                batch = self._run_model([instances[i] for i in indices])
            for index, output in zip(indices, batch):
                outputs[index] = output
        return outputs

    def _run_model(self, instances: list[Instance]) -> list[JsonDict]:
        """As AllenNLP's, but an output that is `None` is left out and not written as a word."""
        return [
            {key: to_json_value(value) for key, value in output.items() if value is not None}
            for output in self._model.forward_on_instances(instances)
        ]

    def outputs_or_errors(self, instances: list[Instance]) -> list[Union[JsonDict, Exception]]:
        """
        Calls `predict_batch_instance`; in the place of an instance that fails the exception stands.
        """
        return each_or_error(instances, self.predict_batch_instance, self._log_failure)

    def instances_or_errors(
        self, inputs: Sequence[JsonDict], max_record_tokens: Optional[int] = None
    ) -> list[Any]:
        """
        Makes the instance of each record, or the exception why there is none; the model is not run.
        A record of more than `max_record_tokens` word pieces, by default the predictor's, is an
        error before they are built.
        """
        limit = self._max_record_tokens if max_record_tokens is None else max_record_tokens
        parsed = [self._parse_or_error(record) for record in inputs]
        built = self._dataset_reader.instances_or_errors(successes(parsed), limit)
        for each in built:
            if isinstance(each, Exception):
                self._log_failure(each)
        return replace_successes(parsed, built)

    def output(self, record: JsonDict, result: Union[JsonDict, Exception]) -> JsonDict:
        """Makes the output for a record, of its prediction or the reason why there is none."""
        if isinstance(result, Exception):
            return {**self._carried(record), "error": sentence_of(result)}
        return {**self._carried(record), **self.judge(record, result)}

    def judge(self, record: JsonDict, prediction: JsonDict) -> JsonDict:
        """
        Adds to a prediction, where its model is calibrated or its record asks for `abstain_below`,
        its `confidence`; `abstain`, whether that is too low; and as `label_set`, best first, the
        labels that a conformal model cannot rule out. What explains a record stays as it is.
        """
        calibration = getattr(self._model, "calibration", None)
        asked = record.get("abstain_below") if isinstance(record, dict) else None
        if not self.can_abstain or (calibration is None and asked is None):
            return prediction
        sure = self.sureness(prediction)
        if sure is None:
            return prediction
        below = asked if calibration is None or asked is not None else calibration.abstain_below
        judged = {**prediction, "confidence": sure}
        if below is not None:
            judged["abstain"] = sure < below
        if calibration is not None and calibration.conformal is not None:
            least = float(calibration.least_in_set)
            judged["label_set"] = self.label_set(prediction, least)
        return judged

    def sureness(self, prediction: JsonDict) -> Optional[float]:
        """Tells how sure a prediction is of its answer; `None` where it says nothing of that."""
        known = "probs" in prediction
        return self.confidence(prediction, self.answer(prediction)) if known else None

    def label_set(self, prediction: JsonDict, least: float) -> list[Any]:
        """Lists the labels of at least a probability, and the one that was given, best first."""
        probs = prediction["probs"]
        ranked = sorted(zip(self.labels or range(len(probs)), probs), key=lambda each: -each[1])
        return [ranked[0][0]] + [label for label, prob in ranked[1:] if prob >= least]

    def dump_line(self, outputs: JsonDict) -> str:
        """Writes an output as a line of strictly valid JSON; what is no number becomes null."""
        try:
            return dump_json(outputs) + "\n"
        except RecursionError:
            return dump_json({"error": "the output is nested too deeply for JSON."}) + "\n"

    def _parse_or_error(self, record: JsonDict) -> Any:
        try:
            if is_too_deep(record):
                raise RecordError("the record is nested too deeply.")
            return self._parse(record)
        except Exception as error:
            self._log_failure(error)
            return error

    def _log_failure(self, error: Exception) -> None:
        """Keeps the traceback of what nobody foresaw, once for each kind of exception."""
        if not isinstance(error, RecordError) and type(error) not in self._kinds_of_failures:
            self._kinds_of_failures.add(type(error))
            logger.debug("A record failed.", exc_info=error)

    def _parse(self, record: JsonDict) -> Any:
        """Makes the example of a record, or gives the reason why there is none."""
        try:
            expect_object(record, "the record")
            self.check_settings(record)
            return self._dataset_reader.parse(record, "the record", labelled=False)
        except RecordError as error:
            return error

    def check_settings(self, record: JsonDict) -> None:
        """
        Raises `RecordError` for a setting in a record that its output could not follow; those that
        the model has to know are read by the reader's `parse`.
        """
        if self.can_abstain:
            get_real(record, "abstain_below", None, "from 0 to 1", lambda value: 0 <= value <= 1)

    def _carried(self, record: JsonDict) -> dict[str, Any]:
        if not isinstance(record, dict):
            return {}
        carried = {
            key: value
            for key, value in record.items()
            if key not in (*self.input_keys, self.gold_key, "error")
        }
        if self.gold_key in record:
            carried["gold"] = record[self.gold_key]
        return carried

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        example = self._dataset_reader.parse(json_dict, "the record", labelled=False)
        return self._dataset_reader.to_instances([example])[0]

    def answer(self, output: JsonDict) -> Any:
        """Gives what of an output an attack is to change."""
        return output["label"]

    def confidence(self, output: JsonDict, answer: Any) -> float:
        """Tells how sure an output is of an answer, from 0 to 1."""
        index = answer if isinstance(answer, int) else list(self.labels).index(answer)
        return output["probs"][index]

    def distributions(self, output: JsonDict) -> list[dict[Any, float]]:
        """Gives the probability of each answer; of a text with several, of each of them."""
        return [dict(enumerate(output["probs"]))]

    def wanted(self, target: Any) -> JsonDict:
        """
        Words the answer that an attack is to reach as an output, of which `answer` and
        `predictions_to_labeled_instances` can be asked.
        """
        return {"label": target}

    def protected_spans(self, output: JsonDict) -> list[tuple[int, int]]:
        """Lists the spans, in characters of the text, that are a part of the answer."""
        return []

    def with_text(self, example: Any, key: str, choice: Optional[int], text: str) -> Any:
        """
        Gives an example with another text under a key, of a list at the position `choice`.

        # Raises

        `RecordError` when the text is none that the task can read.
        """
        if choice is None:
            return example._replace(**{key: text})
        texts = list(getattr(example, key))
        texts[choice] = text
        return example._replace(**{key: texts})

    def with_probs(self, instance: Instance) -> Instance:
        """Lets the output for a labelled instance have the probabilities of all labels."""
        return instance

    def with_tokens(self, instance: Instance) -> Instance:
        """Copies an instance; the word pieces of the copy are tokens that may be changed."""
        copied = instance.duplicate()
        tokens: Any = copied["tokens"]
        if not isinstance(tokens, TokensField):
            copied.fields["tokens"] = TokensField(tokens, self._dataset_reader.tokenizer)  # type: ignore[index]
        return copied

    def ranking_records(self, query: str, documents: Sequence[str]) -> list[JsonDict]:
        """Makes the records by whose outputs documents are ranked."""
        return [{"text": query, "text_pair": document} for document in documents]

    def ranking_scores(self, outputs: Sequence[JsonDict]) -> list[float]:
        """Gives each document a score, a higher one to those that fit better."""
        raise NotImplementedError

    def get_interpretable_layer(self) -> torch.nn.Embedding:
        return self._bert.embeddings.word_embeddings

    def get_interpretable_text_field_embedder(self) -> torch.nn.Embedding:
        return self._bert.embeddings.word_embeddings


def to_json_value(value: Any) -> Any:
    """Makes a value JSON, as AllenNLP's `sanitize`, but `None` stays null and is no word."""
    if isinstance(value, dict):
        return {key: to_json_value(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json_value(each) for each in value]
    # Most are numbers, of which there may be thousands in an output.
    return value if value is None or isinstance(value, (str, float, int)) else sanitize(value)


def find_bert(model: Model) -> BertModel:
    """
    Finds the BERT of a model, or of the one that it is put around, as AllenNLP's mitigation of bias
    is. Raises `ConfigurationError` where there is none.
    """
    for module in model.modules():
        if isinstance(module, BertModel):
            return module
    raise ConfigurationError(
        f"{type(model).__name__} has no BERT, which our predictors need; choose another predictor "
        "with `--predictor`."
    )


def check_count(name: str, value: Any) -> None:
    """Raises `ConfigurationError` for a setting that is not a whole number of at least 1."""
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"`{name}` is {value!r}; expected a whole number of at least 1.")


def with_settings(model: Model, **settings: Any) -> Any:
    """
    Gives a predictor a model of its own that shares everything with another one but the attributes
    in `settings`, so that two predictors of one model do not change each other's. `None` leaves an
    attribute as it is.
    """
    own = copy.copy(model)
    for name, value in settings.items():
        if value is not None:
            setattr(own, name, value)
    return own
