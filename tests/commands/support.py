"""What the tests of exported checkpoints share."""

from typing import Any

import pytest
from allennlp.data import Batch
from allennlp.predictors import Predictor

from tests.support import FIXTURES, read_json_lines


def records_of(task: str) -> list[dict[str, Any]]:
    return read_json_lines(FIXTURES / task / "predict.jsonl")


def tensors_of(predictor: Predictor, records: list[dict[str, Any]]) -> dict[str, Any]:
    batch = Batch([predictor._json_to_instance(record) for record in records])
    batch.index_instances(predictor._model.vocab)
    return batch.as_tensor_dict()


def close(values: Any) -> Any:
    return pytest.approx(values, abs=1e-4)


ONNX = {
    "classification": ["logits"],
    "multiple_choice": ["logits"],
    "question_answering": ["start_logits", "end_logits"],
    "token_classification": ["logits"],
}
