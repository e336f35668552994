"""What is promised of any file, record and line, for the tests and for longer runs."""

import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.predictors import Predictor

from bert_classification.commands.json_lines import read_lines
from tests.fuzz.mutations import as_table
from tests.support import FIXTURES, TASKS, read_json_lines

TASKS_WITH_ARCHIVES = [
    task for task in TASKS if (FIXTURES / "archives" / f"{task}.tar.gz").exists()
]


@lru_cache(maxsize=None)
def predictor_of(task: str) -> Any:
    return Predictor.from_path(str(FIXTURES / "archives" / f"{task}.tar.gz"))


def lines_of(content: bytes) -> list[Any]:
    return list(read_lines(io.BytesIO(content), "the input"))


def strict(text: str) -> Any:
    """What a strict reader of JSON makes of a line."""

    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def numbers_of(value: Any) -> list[float]:
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, (dict, list)):
        return [number for each in inside for number in numbers_of(each)]
    return [value] if isinstance(value, float) else []


def files_of(task: str) -> dict[str, bytes]:
    """The training data of a task in all formats it is read in, by the extension."""
    files = {path.suffix: path.read_bytes() for path in (FIXTURES / task).glob("train.*")}
    records: list[Any] = []
    if ".jsonl" in files:
        records = read_json_lines(FIXTURES / task / "train.jsonl")[:8]
    elif task == "token_classification":
        records = [{"tokens": ["Ann", "Lee", "ran"], "tags": ["B-PER", "I-PER", "O"]}] * 3
    elif task == "question_answering":
        answers = [{"text": "Ann", "answer_start": 0}]
        records = [{"question": "Who?", "context": "Ann did it.", "answers": answers}] * 3
    else:
        records = [{"text": "One line.", "text_pair": "And one more.", "label": "is_next"}] * 3
    files[".jsonl"] = "".join(json.dumps(record) + "\n" for record in records).encode()
    if task not in ("token_classification", "multiple_choice"):
        files[".csv"] = as_table(records, ",").encode()
        files[".tsv"] = as_table(records, "\t").encode()
    if task == "multiple_choice":
        files[".json"] = (FIXTURES / task / "race.json").read_bytes()
        files[".csv"] = (FIXTURES / task / "swag.csv").read_bytes()
    # Enough of a file for every way of its reader.
    return {extension: content[:6000] for extension, content in files.items()}


def read_whole(reader: Any, vocab: Vocabulary, path: Path) -> None:
    try:
        for instance in reader.read(str(path)):
            instance.index_fields(vocab)
            label = instance.as_tensor_dict().get("label", torch.zeros(1))
            assert torch.is_tensor(label) and label.isfinite().all()
    except ConfigurationError as error:
        assert str(path) in str(error) and len(str(error)) < 2000
        assert "failed with" not in str(error), error
