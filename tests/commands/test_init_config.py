import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from tests.support import BERT, FIXTURES, ROOT, TASKS, allennlp, run_allennlp, write_lines

TEXTS = ["The soup was cold.", "We liked the room.", "It rained all day.", "Nobody came at all."]


@pytest.fixture
def propose(tmp_path) -> Any:
    """Runs the command, and gives the text of the config and what it evaluates to."""

    def run(*arguments: object, bert: str = BERT) -> tuple[str, dict[str, Any]]:
        path = tmp_path / "my.jsonnet"
        named = ("--bert", bert, "--output", path, "--force")
        allennlp("init-config", *arguments, *named)
        config = Params.from_file(path).as_dict(quiet=True)
        return path.read_text(encoding="utf-8"), config

    return run


def write_rows(path: Path, *rows: tuple[object, ...], by: str = "\t") -> Path:
    path.write_text("".join(by.join(map(str, row)) + "\n" for row in rows), encoding="utf-8")
    return path


def fixtures_of(task: str) -> tuple[Path, Path]:
    """Gives the training and validation data of a task."""
    (train,), (dev,) = (list((FIXTURES / task).glob(f"{name}.*")) for name in ("train", "dev"))
    return train, dev


@pytest.mark.parametrize("task", TASKS)
def test_it_trains_as_it_stands(task, propose, tmp_path) -> None:
    train, dev = fixtures_of(task)
    text, config = propose(task, "--train", train, "--dev", dev)
    assert "import" not in text and "local bert" in text
    assert config["model"]["type"] == config["dataset_reader"]["type"] == f"bert_for_{task}"
    assert config["dataset_reader"]["token_indexers"]["bert"]["max_pieces"] <= 128
    overrides = json.dumps({"trainer.num_epochs": 1})
    allennlp("train", tmp_path / "my.jsonnet", "-s", tmp_path / "out", "-o", overrides)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert f"best_validation_{config['trainer']['validation_metric'][1:]}" in metrics


@pytest.mark.parametrize("task", TASKS)
def test_without_data_it_is_the_shipped_config(task, tmp_path) -> None:
    allennlp("init-config", f"bert_for_{task}", "--output", tmp_path / "my.jsonnet")
    shipped = Params.from_file(ROOT / "training_config" / f"{task}.jsonnet").as_dict(quiet=True)
    assert shipped["trainer"].pop("callbacks") == []
    assert Params.from_file(tmp_path / "my.jsonnet").as_dict(quiet=True) == shipped


def test_it_stands_alone_in_another_directory(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    allennlp("init-config", "masked_lm", "--output", "my.jsonnet")
    config = Params.from_file("my.jsonnet")
    assert (
        Path(config["train_data_path"]).is_file() and Path(config["model"]["bert_model"]).is_dir()
    )


class TestClassification:
    def test_glue(self, propose, tmp_path) -> None:
        rows = [(text, index % 4 // 3) for index, text in enumerate(TEXTS * 30)]
        train = write_rows(tmp_path / "train.tsv", ("sentence", "label"), *rows)
        dev = write_rows(tmp_path / "dev.tsv", ("sentence", "label"), *rows[:8])
        text, config = propose("classification", "--train", train, "--dev", dev)
        assert config["dataset_reader"]["columns"] == {"text": "sentence", "label": "label"}
        assert "120 rows; 2 labels: 75.0 % `0`, 25.0 % `1`." in text
        assert "// class_weights: 'balanced'," in text and "class_weights" not in config["model"]
        assert config["trainer"]["validation_metric"] == "+accuracy"

    def test_pairs_with_a_score(self, propose, tmp_path) -> None:
        header = ("index", "sentence1", "sentence2", "score")
        rows = [(index, *TEXTS[:2], f"{index % 5}.000") for index in range(20)]
        train = write_rows(tmp_path / "train.tsv", header, *rows)
        text, config = propose("classification", "--train", train)
        columns = {"text": "sentence1", "text_pair": "sentence2", "label": "score"}
        assert config["dataset_reader"]["columns"] == columns
        assert config["dataset_reader"]["problem_type"] == config["model"]["problem_type"]
        assert config["model"]["problem_type"] == "regression" and "from 0 to 4" in text
        assert "validation_metric" not in config["trainer"] and "--dev" in text

    def test_ids_of_several_labels_without_header(self, propose, tmp_path) -> None:
        ids = ("0", "1", "0,1", "2")
        rows = [(TEXTS[i % 4], ids[i % 4], f"id{i}") for i in range(40)]
        train = write_rows(tmp_path / "train.tsv", *rows)
        (tmp_path / "labels.txt").write_text("joy\nfear\nanger\n")
        _, config = propose("classification", "--train", train)
        reader = config["dataset_reader"]
        assert reader["columns"] == {"text": 0, "label": 1}
        assert (reader["problem_type"], reader["label_delimiter"]) == (
            "multi_label_classification",
            ",",
        )
        assert reader["label_names"] == str(tmp_path / "labels.txt")
        (tmp_path / "labels.txt").write_text("joy\nfear\n")
        assert "label_names" not in propose("classification", "--train", train)[1]["dataset_reader"]

    def test_keys_of_other_names(self, propose, tmp_path) -> None:
        lines = [{"body": text, "kind": ["a", "b"][: i + 1]} for i, text in enumerate(TEXTS[:2])]
        train = write_lines(tmp_path / "train.jsonl", lines * 6)
        columns = ("--columns", '{"text": "body", "label": "kind"}')
        _, config = propose("classification", "--train", train, *columns)
        assert config["model"]["problem_type"] == "multi_label_classification"

    def test_long_texts(self, propose, tmp_path) -> None:
        rows = [("word " * (200 if i % 2 else 3), i % 2) for i in range(10)]
        train = write_rows(tmp_path / "train.csv", ("text", "label"), *rows, by=",")
        text, config = propose("classification", "--train", train)
        assert "50.0 % of the texts are longer than the 128" in text
        assert "// long_text: 'windows'," in text
        assert config["dataset_reader"]["token_indexers"]["bert"]["max_pieces"] == 128
        assert config["data_loader"]["batch_sampler"]["type"] == "token_budget"

    def test_a_format_that_the_extension_does_not_say(self, propose, tmp_path) -> None:
        rows = [(text, i % 2) for i, text in enumerate(TEXTS * 3)]
        train = write_rows(tmp_path / "train.data", ("text", "label"), *rows)
        assert propose("classification", "--train", train)[1]["dataset_reader"]["format"] == "tsv"

    def test_a_bert_that_is_not_here(self, propose, tmp_path, capsys) -> None:
        rows = [(text, i % 2) for i, text in enumerate(TEXTS)]
        train = write_rows(tmp_path / "train.tsv", ("text", "label"), *rows)
        text, config = propose("classification", "--train", train, bert="no-one/no-bert")
        assert config["model"]["bert_model"] == "no-one/no-bert"
        assert "no-one/no-bert is not here" in text and "estimated" in capsys.readouterr().err


class TestTokenClassification:
    @pytest.mark.parametrize(
        "tags, scheme",
        [
            ("I-PER I-PER O I-LOC B-LOC", "IOB1"),
            ("B-PER I-PER O B-LOC B-LOC", "IOB2"),
            ("B-PER E-PER O S-LOC S-LOC", "BIOES"),
        ],
    )
    def test_schemes(self, tags, scheme, propose, tmp_path) -> None:
        train = write_rows(tmp_path / "train.conll", *(("Anna", tag) for tag in tags.split()))
        text, config = propose("token_classification", "--train", train)
        assert config["dataset_reader"]["tag_scheme"] == scheme
        assert "1 sentences with 3 spans; 2 types: 66.7 % `LOC`, 33.3 % `PER`." in text

    def test_ids_of_tags(self, propose, tmp_path) -> None:
        train = write_lines(tmp_path / "a.jsonl", [{"words": ["Anna", "ate"], "ner_tags": [1, 0]}])
        names = tmp_path / "tags.txt"
        names.write_text("O\nB-PER\nI-PER\n")
        text, config = propose("token_classification", "--train", train, "--labels", names)
        assert config["dataset_reader"]["columns"] == {"tokens": "words", "tags": "ner_tags"}
        assert "100.0 % `PER`" in text


class TestQuestionAnswering:
    @pytest.mark.parametrize("version", ["1.1", "2.0"])
    def test_squad(self, version, propose, tmp_path) -> None:
        squad = json.loads((FIXTURES / "question_answering" / "train.json").read_text())
        if version == "1.1":
            for paragraph in squad["data"][0]["paragraphs"]:
                paragraph["qas"] = [each for each in paragraph["qas"] if each["answers"]]
            squad["data"] = squad["data"][:1]
        train = tmp_path / "train.json"
        train.write_text(json.dumps(squad))
        text, _ = propose("question_answering", "--train", train)
        assert f"as in SQuAD {version}." in text


class TestMultipleChoice:
    @pytest.mark.parametrize("name", ["commonsense.jsonl", "cosmos.csv", "race.json", "swag.csv"])
    def test_formats(self, name, propose) -> None:
        text, config = propose("multiple_choice", "--train", FIXTURES / "multiple_choice" / name)
        assert "columns" not in config["dataset_reader"] and "questions." in text


class TestEmbedding:
    @pytest.mark.parametrize(
        "header, row, reader, metric",
        [
            ("sentence1 sentence2 score", ("a cat", "a dog"), {"label_range": [0, 5]}, "+spearman"),
            ("query passage", ("a cat", "a dog"), {"objective": "ranking"}, "+mrr@10"),
            ("review", ("a long review",), {"objective": "simcse"}, "-loss"),
        ],
    )
    def test_the_objective_follows_the_columns(
        self, header, row, reader, metric, propose, tmp_path
    ) -> None:
        names = header.split()
        rows = [tuple(f"{text} {i}" for text in row) + (0.5 * i,) for i in range(11)]
        rows = [each[: len(names)] for each in rows]
        train = write_rows(tmp_path / "a.tsv", tuple(names), *rows)
        _, config = propose("embedding", "--train", train, "--dev", train)
        assert config["dataset_reader"].items() >= reader.items()
        assert config["trainer"]["validation_metric"] == metric
        overrides = json.dumps({"trainer.num_epochs": 1})
        allennlp("train", tmp_path / "my.jsonnet", "-s", tmp_path / "out", "-o", overrides)
        metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
        assert f"best_validation_{metric[1:]}" in metrics


class TestRunningText:
    @pytest.mark.parametrize("task", ["masked_lm", "causal_lm"])
    def test_an_extension_that_nobody_knows(self, task, propose, tmp_path) -> None:
        train = tmp_path / "wiki.valid.raw"
        train.write_text(" = A title = \n\n" + "The lake was cold. " * 500)
        text, config = propose(task, "--train", train)
        assert config["dataset_reader"]["token_indexers"]["bert"]["max_pieces"] == 128
        assert config["data_loader"] == {"batch_size": 32, "shuffle": True}
        assert "blocks of 128" in text

    @pytest.mark.parametrize("task", ["pretraining", "next_sentence_prediction"])
    def test_documents_of_one_line(self, task, propose, tmp_path) -> None:
        train = tmp_path / "text.txt"
        train.write_text("\n".join([*TEXTS, "", "A line alone.", "", *TEXTS, ""]))
        text, config = propose(task, "--train", train)
        assert config["dataset_reader"]["skip_lone_sentences"] is True
        assert "3 documents of 9 lines" in text


class TestRefusals:
    def refusal(self, *arguments: object) -> str:
        with pytest.raises(ConfigurationError) as refused:
            allennlp("init-config", *arguments)
        return str(refused.value)

    def test_an_unknown_task(self) -> None:
        assert "Did you mean `classification`?" in self.refusal("clasification")

    def test_files_that_are_not_there_or_empty(self, tmp_path) -> None:
        empty = write_rows(tmp_path / "empty.tsv")
        assert "no such file" in self.refusal("classification", "--train", "none.tsv")
        assert "is empty" in self.refusal("classification", "--train", empty, "--bert", BERT)

    def test_columns_that_cannot_be_told_apart(self, tmp_path) -> None:
        rows = [("one text", "another text", i % 2) for i in range(6)]
        train = write_rows(tmp_path / "a.csv", ("first", "second", "kind"), *rows, by=",")
        said = self.refusal("classification", "--train", train, "--bert", BERT)
        assert "`first` (one text), `second` (another text)" in said
        assert """--columns '{"text": "NAME"}'""" in said

    def test_columns_that_are_no_object(self, tmp_path) -> None:
        train = write_rows(tmp_path / "a.csv", ("text", "label"), ("a text", 1), by=",")
        said = self.refusal("classification", "--train", train, "--columns", "body")
        assert said.startswith("`--columns` is 'body'")

    @pytest.mark.parametrize(
        "header, label, said",
        [(("text", "label"), "z", "labels that"), (("body", "label"), "x", "`--dev`, read as")],
    )
    def test_dev_of_another_kind(self, header, label, said, tmp_path) -> None:
        rows = [(text, "xy"[i % 2]) for i, text in enumerate(TEXTS)]
        train = write_rows(tmp_path / "train.csv", ("text", "label"), *rows, by=",")
        dev = write_rows(tmp_path / "dev.csv", header, ("A text.", label), by=",")
        columns = ("--columns", '{"text": "text", "label": "label"}')
        files = ("--train", train, "--dev", dev, "--bert", BERT)
        assert said in self.refusal("classification", *files, *columns)

    def test_a_format_that_there_is_not(self, tmp_path) -> None:
        train = write_rows(tmp_path / "a.csv", ("text", "label"), ("a text", 1), by=",")
        files = ("--train", train, "--bert", BERT)
        assert "'xml'" in self.refusal("classification", *files, "--format", "xml")

    def test_tags_that_are_no_spans(self, tmp_path) -> None:
        train = write_rows(tmp_path / "a.conll", ("Anna", "NOUN"))
        said = self.refusal("token_classification", "--train", train, "--bert", BERT)
        assert "'NOUN'" in said and "IOB2" in said

    def test_an_output_that_exists(self, tmp_path) -> None:
        output = tmp_path / "my.jsonnet"
        output.write_text("mine")
        assert "--force" in self.refusal("classification", "--output", output)
        assert output.read_text() == "mine"

    def test_one_sentence_and_status_1(self, tmp_path) -> None:
        done = run_allennlp("init-config", "classification", "--train", "none.tsv", "--bert", BERT)
        assert done.returncode == 1 and done.stdout == ""
        assert done.stderr.rstrip().endswith("none.tsv: no such file.")
        assert "Traceback" not in done.stderr


class TestInteractive:
    def test_answers_count_and_enter_takes_the_proposal(
        self, tmp_path, monkeypatch, capsys
    ) -> None:
        train, dev = fixtures_of("classification")
        # The task, the files, the BERT, the metric; the rest is taken.
        answers = ["classification", train, dev, BERT, "+macro_f1"]
        monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(map(str, answers)) + "\n"))
        allennlp("init-config", "--interactive")
        printed = capsys.readouterr()
        assert printed.out.startswith("// BERT for the classification")
        assert "validation_metric: '+macro_f1'," in printed.out and "num_epochs: 10," in printed.out
        assert 'trainer.validation_metric ["+accuracy"]: ' in printed.err


def test_the_config_alone_goes_to_standard_output(tmp_path) -> None:
    command = f"{sys.executable} -m allennlp init-config masked_lm > {tmp_path}/my.jsonnet"
    subprocess.run(command, shell=True, check=True, capture_output=True, timeout=300)
    assert Params.from_file(tmp_path / "my.jsonnet")["model"]["type"] == "bert_for_masked_lm"
