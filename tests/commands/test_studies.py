"""The commands explain, attack, influence and probe."""

import json

import pytest
from allennlp.common.checks import ConfigurationError

from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

CLASSIFICATION = FIXTURES / "archives" / "classification.tar.gz"
RECORDS = [{"id": 1, "text": "The soup was cold.", "label": "negative"}, {"id": 2}, "no JSON"]


def run(tmp_path, command: str, *arguments: object, records=RECORDS) -> list[dict]:
    data, output = write_lines(tmp_path / "in.jsonl", records), tmp_path / "out.jsonl"
    allennlp(command, CLASSIFICATION, *arguments, data, "-o", output)
    return read_json_lines(output)


def train_file() -> str:
    return str(FIXTURES / "classification" / "dev.jsonl")


@pytest.mark.parametrize("command", ["explain", "attack", "influence"])
def test_a_bad_record_leaves_its_neighbours_alone(tmp_path, command) -> None:
    trained_on = [train_file()] if command == "influence" else []
    good, missing, broken = run(tmp_path, command, *trained_on)
    assert good["id"] == 1 and good["gold"] == "negative"
    assert good["prediction"]["label"] in ("positive", "negative", "neutral")
    assert missing["id"] == 2 and missing["error"].startswith("no key `text`")
    assert [missing["line"], broken["line"]] == [2, 3] and "error" in broken


@pytest.mark.parametrize("method", ["integrated-gradient", "simple-gradient", "smooth-gradient"])
def test_explain(tmp_path, method) -> None:
    good, *_ = run(tmp_path, "explain", "--method", method, "--steps", 3)
    assert good["method"] == method
    assert [word["text"] for word in good["words"]] == ["The", "soup", "was", "cold", "."]
    assert "".join(piece["text"] for piece in good["pieces"]) == "Thesoupwascold."


def test_explain_on_standard_output(tmp_path, capsys) -> None:
    data = write_lines(tmp_path / "in.jsonl", RECORDS)
    allennlp("explain", CLASSIFICATION, data, "--steps", 2)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line).get("id") for line in lines] == [1, 2, None]


def test_attack(tmp_path) -> None:
    options = ("--max-flips", 2, "--words-at-once", 4, "--ignore-token", "soup")
    good, *_ = run(tmp_path, "attack", *options)
    assert good["method"] == "hotflip" and len(good["flips"]) <= 2
    assert "soup" not in [flip["text"] for flip in good["flips"]]
    label = good["prediction"]["label"]
    good, *_ = run(tmp_path, "attack", "--target", label)
    assert good["changed"] and good["flips"] == []
    good, *_ = run(tmp_path, "attack", "--method", "input-reduction", "--ignore-token", "soup")
    assert "soup" in good["texts"][0]["text"] and good["final"]["label"] == label


def test_influence(tmp_path) -> None:
    options = ("--k", 2, "--recursion-depth", 2, "--lissa-batch-size", 4)
    first, *_ = run(tmp_path, "influence", train_file(), *options)
    again, *_ = run(tmp_path, "influence", train_file(), *options)
    assert first == again and first["label"] == "gold"
    assert [len(first[key]) for key in ("supporting", "opposing")] == [2, 2]
    assert first["supporting"][0]["location"].startswith(f"{train_file()}, line ")


def test_probe(tmp_path) -> None:
    allennlp("probe", CLASSIFICATION, train_file(), "-d", tmp_path / "probe", "--pooling", "mean")
    found = json.loads((tmp_path / "probe" / "probe.json").read_text(encoding="utf-8"))
    assert [each["layer"] for each in found["layers"]] == [0, 1, 2] and found["pooling"] == "mean"
    assert "</svg>" in (tmp_path / "probe" / "probe.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("explain", "--steps", 0), "`--steps` is 0"),
        (("attack", "--target", "superb"), "the label 'superb' is unknown; the model knows"),
        (("attack", "--method", "input-reduction", "--target", "a"), "`--target` is for hotflip"),
        (("attack", "--key", "title"), "`keys` has 'title'"),
        (("influence", "--k", 0), "`--k` is 0"),
        (("influence", "--params-to-freeze", ".*"), "`params_to_freeze` leaves no weight"),
    ],
)
def test_what_is_wrong_with_an_option_ends_the_command(tmp_path, arguments, message) -> None:
    command, *options = arguments
    trained_on = [train_file()] if command == "influence" else []
    with pytest.raises(ConfigurationError, match=message):
        run(tmp_path, command, *trained_on, *options)
    assert not (tmp_path / "out.jsonl").exists()


def test_the_input_is_not_overwritten(tmp_path) -> None:
    data = write_lines(tmp_path / "in.jsonl", RECORDS)
    with pytest.raises(ConfigurationError, match="`--output` .* would overwrite the input file"):
        allennlp("explain", CLASSIFICATION, data, "-o", data)


def test_data_that_are_not_there_are_missed_at_once(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="nothing.jsonl: no such file"):
        allennlp("attack", tmp_path / "no.tar.gz", tmp_path / "nothing.jsonl")


def test_a_task_without_labels(tmp_path) -> None:
    data = write_lines(tmp_path / "in.jsonl", [{"text": "a"}])
    with pytest.raises(ConfigurationError, match="no label can be led back to words"):
        allennlp("explain", FIXTURES / "archives" / "causal_lm.tar.gz", data)
