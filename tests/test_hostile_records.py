"""One bad line costs one line, and every file ends in data or in an error that names it."""

import json
import tracemalloc
from typing import Any

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from bert_classification.commands.predict import predict_lines
from bert_classification.data.records import RecordError
from bert_classification.data.text_field import num_word_pieces
from tests.fuzz.mutations import HOSTILE_JSON, HOSTILE_LINES, mutated_bytes, mutated_lines
from tests.fuzz.promises import (
    TASKS_WITH_ARCHIVES as TASKS,
)
from tests.fuzz.promises import (
    files_of,
    lines_of,
    numbers_of,
    predictor_of,
    read_whole,
    strict,
)
from tests.support import FIXTURES


@pytest.mark.parametrize("task", TASKS)
def test_one_bad_line_costs_one_line(task) -> None:
    predictor = predictor_of(task)
    good = (FIXTURES / task / "predict.jsonl").read_text(encoding="utf-8").splitlines()
    good = [line for line in good if "sample" not in line][:6]
    alone = predict_lines(predictor, lines_of("\n".join(good).encode()))
    keys = (*predictor.input_keys, predictor.gold_key or "id")
    for seed in range(6):
        bad = list(mutated_lines(seed, good, keys))
        mixed = b"\n".join(each for pair in zip(map(str.encode, good), bad) for each in pair)
        lines = lines_of(mixed)
        outputs = [strict(predictor.dump_line(each)) for each in predict_lines(predictor, lines)]
        assert len(outputs) == len(lines)
        assert all("error" in each or set(predictor.output_keys) <= set(each) for each in outputs)
        kept = [each for line, each in zip(lines, outputs) if line.text in good]
        assert len(kept) >= len(good)
        for line, output in zip(lines, outputs):
            if line.text in good:
                expected = alone[good.index(line.text)]
                assert output.keys() == expected.keys() and "error" not in output
                assert numbers_of(output) == pytest.approx(numbers_of(expected), abs=1e-3)


def test_every_hostile_value_and_line_is_one_output() -> None:
    predictor = predictor_of("masked_lm")
    records = [
        f'{{"text": "a [MASK]", "{key}": {value}}}'
        for value in HOSTILE_JSON
        for key in ("targets", "top_k", "id", "text")
    ]
    content = b"\n".join([*(each.encode() for each in records), *HOSTILE_LINES[1:]])
    lines = lines_of(content)
    outputs = predict_lines(predictor, lines)
    assert len(outputs) == len(lines) > len(records)
    for line, output in zip(lines, outputs):
        strict(predictor.dump_line(output))
        if "error" in output:
            assert output["line"] == line.number and len(output["error"]) < 1000
            assert "this record failed with" not in output["error"], output["error"]


@pytest.mark.parametrize("value", ["NaN", "1e400", "[Infinity]", '{"a": -Infinity}'])
def test_what_is_no_number_is_carried_as_null(value) -> None:
    predictor = predictor_of("classification")
    line = f'{{"text": "a", "score": {value}}}'.encode()
    (output,) = predict_lines(predictor, lines_of(line))
    shown = predictor.dump_line(output)
    assert "error" not in output and "null" in shown
    strict(shown)


def test_a_carried_error_does_not_make_a_good_record_a_bad_one() -> None:
    record = {"text": "a", "error": "of an earlier run", "line": 7}
    output = predictor_of("classification").predict_json(record)
    assert "error" not in output and output["label"] and output["line"] == 7


def test_a_deep_record_in_memory_is_an_error_too() -> None:
    deep: Any = "the bottom"
    for _ in range(2000):
        deep = [deep]
    predictor = predictor_of("question_answering")
    good, bad = predictor.predict_batch_json(
        [
            {"question": "Who?", "context": "Ann did."},
            {"question": "Who?", "context": "Ann did.", "id": deep},
        ]
    )
    assert "answer" in good and bad["error"] == "the record is nested too deeply."
    assert "nested too deeply" in strict(predictor.dump_line(bad))["error"]


class Runs:
    """How often a model runs, and of how many instances."""

    def __init__(self, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        run = model.forward_on_instances

        def count(instances: list[Any]) -> Any:
            self.sizes.append(len(instances))
            return run(instances)

        monkeypatch.setattr(model, "forward_on_instances", count)


def test_what_fails_in_the_model_costs_its_neighbours_nothing(monkeypatch, caplog) -> None:
    predictor = predictor_of("classification")
    records = [{"text": f"word {index}"} for index in range(64)]
    expected = predictor.predict_batch_json(records)
    instances = predictor.instances_or_errors(records)
    # A word piece that the model does not embed.
    instances[37]["tokens"].ids[1] = 10**6
    instances[50]["tokens"].ids = "no array"
    runs = Runs(predictor._model, monkeypatch)
    with caplog.at_level("DEBUG", "bert_classification.predictor"):
        outcomes = predictor.outputs_or_errors(instances)
    outputs = [predictor.output(*each) for each in zip(records, outcomes)]
    assert "Word piece 1000000 is beyond" in outputs[37]["error"]
    assert outputs[50]["error"].startswith("this record failed with ValueError (")
    assert [each.get("label") for each in outputs if "error" not in each] == [
        each["label"] for index, each in enumerate(expected) if index not in (37, 50)
    ]
    assert len(runs.sizes) < 30
    assert caplog.text.count("Traceback") == 2


@pytest.mark.parametrize("task", [*TASKS, "classification_of_many_labels"])
def test_the_cost_of_a_record_is_linear_in_its_bytes(task) -> None:
    predictor = predictor_of(task)
    sizes = (2_000, 20_000, 100_000)
    peaks = [peak_memory(predictor, long_record(task, size), 2_000) / size for size in sizes]
    assert max(peaks[1:]) < 2 * peaks[0] and max(peaks) < 500


def long_record(task: str, size: int) -> dict[str, Any]:
    text = "a " * (size // 2)
    return {
        "question_answering": {"question": "why", "context": text},
        "multiple_choice": {"prompt": "a " * 200, "choices": ["a"] * (size // 5)},
        "masked_lm": {"text": "[MASK] " + text},
        "next_sentence_prediction": {"text": text, "text_pair": text},
        "pretraining": {"text": "[MASK] " + text, "text_pair": text},
    }.get(task, {"text": text})


def peak_memory(predictor: Any, record: dict[str, Any], limit: int) -> int:
    predictor.instances_or_errors([record], max_record_tokens=limit)
    tracemalloc.start()
    try:
        predictor.instances_or_errors([record], max_record_tokens=limit)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("task", ["question_answering", "token_classification", "multiple_choice"])
def test_the_size_of_a_record_is_limited_and_its_neighbours_are_not_touched(task) -> None:
    predictor = predictor_of(task)
    small, large = long_record(task, 200), long_record(task, 20_000)
    fine, refused, too = predictor.instances_or_errors([small, large, small], 8_000)
    assert num_word_pieces(fine) == num_word_pieces(too) <= 8_000
    assert isinstance(refused, RecordError)
    assert "word pieces in all, more than the 8000 of `--max-record-tokens`" in str(refused)
    assert num_word_pieces(predictor.instances_or_errors([large])[0]) > 8_000


def test_a_predictor_has_a_limit_of_its_own() -> None:
    archive = str(FIXTURES / "archives" / "question_answering.tar.gz")
    predictor = Predictor.from_path(archive, max_record_tokens=300)
    outputs = predictor.predict_batch_json(
        [long_record("question_answering", size) for size in (100, 10_000)]
    )
    assert "answer" in outputs[0] and "more than the 300" in outputs[1]["error"]
    with pytest.raises(ConfigurationError, match="`max_record_tokens` is 0"):
        Predictor.from_path(archive, max_record_tokens=0)


@pytest.mark.parametrize("task", TASKS)
def test_every_file_ends_in_data_or_in_an_error_that_names_it(task, tmp_path) -> None:
    predictor = predictor_of(task)
    for extension, content in files_of(task).items():
        for seed in range(12):
            path = tmp_path / f"{seed}{extension}"
            path.write_bytes(mutated_bytes(seed, content))
            read_whole(predictor._dataset_reader, predictor._model.vocab, path)
    lines = files_of(task)[".jsonl"].decode().splitlines()
    for seed in range(12):
        path = tmp_path / f"lines{seed}.jsonl"
        path.write_bytes(b"\n".join(mutated_lines(seed, lines[:3], [*json.loads(lines[0])])))
        read_whole(predictor._dataset_reader, predictor._model.vocab, path)
