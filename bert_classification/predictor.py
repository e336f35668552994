"""
What all our predictors share: records in, one output for each, and an error in the place of a bad
one.
"""

import copy
from typing import Any, Sequence, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict, sanitize
from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor

from bert_classification.bert.precision import run_side_by_side, set_precision
from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.outcomes import replace_successes, successes
from bert_classification.data.records import RecordError, expect_object
from bert_classification.data.text_field import num_word_pieces
from bert_classification.reader import BertReader

TOKEN_BUDGET = 2048
"""Word pieces in one run of BERT, with which it is fastest on two cores; see `benchmarks/`."""


class BertPredictor(Predictor):
    """
    The base of our predictors: one record, a JSONL batch and a served batch go the same way.

    A record that is not what the task expects gets the output `{"error": ...}`; the others are not
    touched. Keys of the input that are not the task's are carried into the output, and the gold
    value of a labelled record as `gold`.

    # Parameters

    token_budget : `int`, optional (default = `2048`)
        How many word pieces, of all windows and choices, run through BERT at once; records of like
        lengths run together. A single record that has more runs alone.
    precision : `str`, optional (default = `float32`)
        Or `bfloat16`, or `int8` on the CPU; see `precision.set_precision`. On the command line
        `--predictor-args '{"precision": "int8"}'`. The model's BERT is changed in place:
        predictors of one model share it.

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
    segment_keys : `Tuple[str, ...]`
        The attributes of the reader's example that hold the first and the second text which BERT
        reads, where word importance can be told; of a list, BERT reads each one in its own row.
    """

    input_keys: tuple[str, ...] = ()
    gold_key: str = ""
    output_keys: tuple[str, ...] = ()
    example: JsonDict = {}
    segment_keys: tuple[str, ...] = ()

    _dataset_reader: BertReader
    _model: Any

    def __init__(
        self,
        model: Model,
        dataset_reader: DatasetReader,
        frozen: bool = True,
        token_budget: int = TOKEN_BUDGET,
        precision: str = "float32",
    ) -> None:
        super().__init__(model, dataset_reader, frozen)
        if token_budget < 1:
            raise ConfigurationError(f"`token_budget` is {token_budget}; expected at least 1.")
        self._token_budget = token_budget
        self.precision = precision
        set_precision(self._model.bert, precision)

    @property
    def labels(self) -> Sequence[str]:
        """The labels that the task knows, in the order of `probs`; none where it has none."""
        return ()

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self.predict_batch_json([inputs])[0]

    def predict_batch_json(self, inputs: Sequence[JsonDict]) -> list[JsonDict]:
        outcomes = self.instances_or_errors(inputs)
        predictions = self.predict_batch_instance(successes(outcomes))
        results = replace_successes(outcomes, predictions)
        return [self.output(record, result) for record, result in zip(inputs, results)]

    def predict_instance(self, instance: Instance) -> JsonDict:
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        lengths = [num_word_pieces(instance) for instance in instances]
        batches = token_batches(lengths, self._token_budget)
        several = len(batches) > 1 and self.precision == "int8"

        def run(indices: list[int]) -> list[JsonDict]:
            with torch.inference_mode():
                return self._run_model([instances[i] for i in indices])

        outputs: list[JsonDict] = [{} for _ in instances]
        runs = run_side_by_side(run, batches) if several else map(run, batches)
        for indices, batch in zip(batches, runs):
            for index, output in zip(indices, batch):
                outputs[index] = output
        return outputs

    def _run_model(self, instances: list[Instance]) -> list[JsonDict]:
        """As AllenNLP's, but an output that is `None` is left out and not written as a word."""
        for instance in instances:
            self._dataset_reader.apply_token_indexers(instance)
        return [
            sanitize({key: value for key, value in output.items() if value is not None})
            for output in self._model.forward_on_instances(instances)
        ]

    def instances_or_errors(self, inputs: Sequence[JsonDict]) -> list[Union[Instance, RecordError]]:
        """Makes the instance of each record, or the reason why there is none; the model is not run."""
        parsed = [self._parse(record) for record in inputs]
        built = self._dataset_reader.instances_or_errors(successes(parsed))
        return replace_successes(parsed, built)

    def output(self, record: JsonDict, result: Union[JsonDict, Exception]) -> JsonDict:
        """Makes the output for a record, of its prediction or the reason why there is none."""
        prediction = {"error": str(result)} if isinstance(result, Exception) else result
        return {**self._carried(record), **prediction}

    def _parse(self, record: JsonDict) -> Any:
        """The example in a record, or the reason why there is none."""
        try:
            expect_object(record, "the record")
            return self._dataset_reader.parse(record, "the record", labelled=False)
        except RecordError as error:
            return error

    def _carried(self, record: JsonDict) -> dict[str, Any]:
        if not isinstance(record, dict):
            return {}
        carried = {
            key: value
            for key, value in record.items()
            if key not in (*self.input_keys, self.gold_key)
        }
        if self.gold_key in record:
            carried["gold"] = record[self.gold_key]
        return carried

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        example = self._dataset_reader.parse(json_dict, "the record", labelled=False)
        return self._dataset_reader.to_instances([example])[0]

    def get_interpretable_layer(self) -> torch.nn.Module:
        return self._model.bert.embeddings.word_embeddings

    def get_interpretable_text_field_embedder(self) -> torch.nn.Module:
        return self._model.bert.embeddings.word_embeddings


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
