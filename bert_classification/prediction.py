"""
What all our predictors share: records in, one output for each, and an error in the place of a bad
one.
"""

from typing import Any, Sequence, Union

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import DatasetReader, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor

from bert_classification.precision import set_precision, side_by_side
from bert_classification.reader import BertReader
from bert_classification.records import RecordError, expect_object
from bert_classification.text_field import pieces_of, token_batches

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
        `--predictor-args '{"precision": "int8"}'`.

    # Attributes of its class

    example : `JsonDict`
        A record that shows what the task does.
    segment_keys : `Tuple[str, ...]`
        The attributes of the reader's example that hold the first and the second text which BERT
        reads, where word importance can be told; of a list, BERT reads each one in its own row.
    """

    input_keys: tuple[str, ...] = ()
    gold_key: str = ""
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
        results = self.instances_or_errors(inputs)
        instances = [result for result in results if isinstance(result, Instance)]
        predictions = iter(self.predict_batch_instance(instances) if instances else [])
        return [
            self.output(record, next(predictions) if isinstance(result, Instance) else result)
            for record, result in zip(inputs, results)
        ]

    def predict_instance(self, instance: Instance) -> JsonDict:
        return self.predict_batch_instance([instance])[0]

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        lengths = [pieces_of(instance) for instance in instances]
        batches = token_batches(lengths, self._token_budget)
        several = len(batches) > 1 and self.precision == "int8"

        def run(numbers: list[int]) -> list[JsonDict]:
            with torch.inference_mode():
                return Predictor.predict_batch_instance(self, [instances[at] for at in numbers])

        outputs: list[JsonDict] = [{} for _ in instances]
        runs = side_by_side(run, batches) if several else map(run, batches)
        for numbers, batch in zip(batches, runs):
            for number, output in zip(numbers, batch):
                outputs[number] = output
        return outputs

    def instances_or_errors(self, inputs: Sequence[JsonDict]) -> list[Union[Instance, RecordError]]:
        """The instance of each record, or the reason why there is none; the model is not run."""
        parsed = [self._parse(record) for record in inputs]
        examples = [example for example in parsed if not isinstance(example, RecordError)]
        built = iter(self._dataset_reader.instances_or_errors(examples) if examples else [])
        return [each if isinstance(each, RecordError) else next(built) for each in parsed]

    def output(self, record: JsonDict, result: Union[JsonDict, Exception]) -> JsonDict:
        """The output for a record, from its prediction or the reason why there is none."""
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
