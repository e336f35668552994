"""Multiple choice: shapes of records, varying counts of choices, and Hugging Face's head."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.models import load_archive
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, BertConfig
from transformers import BertForMultipleChoice as PlainHead

from bert_classification import (
    BertForMultipleChoice,
    BertForMultipleChoiceReader,
    PretrainedBertIndexer,
)
from bert_classification.multiple_choice.mean_reciprocal_rank import MeanReciprocalRank
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

DATA = FIXTURES / "multiple_choice"
CONFIG = "training_config/multiple_choice.jsonnet"
TRAIN = str(DATA / "train.jsonl")
RECORD = {"prompt": "To cut bread you need", "choices": ["a pillow", "a knife"], "label": 1}
QUESTIONS = [
    ("To cut bread you need", ["a pillow", "a knife", "a very long ladder"]),
    ("The bus has just left, and the next one goes in an hour. Zoë 🚌", ["walks", "eats it", "?"]),
]


def reader_with(**settings) -> BertForMultipleChoiceReader:
    indexer = PretrainedBertIndexer(BERT, **settings.pop("indexer", {}))
    return BertForMultipleChoiceReader(token_indexers={"bert": indexer}, **settings)


@pytest.fixture(scope="module")
def reader() -> BertForMultipleChoiceReader:
    return reader_with()


@pytest.fixture
def model() -> BertForMultipleChoice:
    return BertForMultipleChoice(Vocabulary(), BERT).eval()


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def ends_with(reader: BertForMultipleChoiceReader, field, prompt: str, choice: str) -> bool:
    expected = reader.tokenizer.pretrained(prompt, choice)["input_ids"][1:]
    return field.ids[-len(expected) :].tolist() == expected


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model(CONFIG, TRAIN)
        # One bias for all choices moves none of the probabilities.
        self.ensure_model_can_train_save_and_load(
            self.param_file, tolerance=1e-4, gradients_to_ignore={"classifier.bias"}
        )
        self.ensure_batch_predictions_are_consistent()


class TestAgainstHuggingFace:
    @pytest.mark.parametrize("questions", [QUESTIONS[:1], QUESTIONS], ids=["single", "batch"])
    def test_logits_and_loss_are_equal(self, reader, model, questions) -> None:
        labels = [2, 0][: len(questions)]
        instances = [reader.text_to_instance(*one, label) for one, label in zip(questions, labels)]
        ours = model(**tensors(instances))

        theirs = PlainHead(BertConfig.from_pretrained(BERT)).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        prompts = [prompt for prompt, choices in questions for _ in choices]
        choices = [choice for _, choices in questions for choice in choices]
        padded = tokenizer(prompts, choices, padding=True, return_tensors="pt")
        expected = theirs(
            **{key: value.view(len(questions), 3, -1) for key, value in padded.items()},
            labels=torch.tensor(labels),
        )
        assert torch.allclose(ours["logits"], expected.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)

    def test_a_fine_tuned_checkpoint_gives_its_head(self, tmp_path: Path) -> None:
        checkpoint = PlainHead(BertConfig.from_pretrained(BERT))
        checkpoint.save_pretrained(tmp_path)
        model = BertForMultipleChoice(Vocabulary(), str(tmp_path))
        assert torch.equal(model.classifier.weight, checkpoint.classifier.weight)


class TestVaryingChoices:
    def test_a_mixed_batch_gives_the_numbers_of_each_record_alone(self, reader, model) -> None:
        instances = list(reader.read(str(DATA / "dev.jsonl")))
        counts = [len(instance["choices"].metadata) for instance in instances]
        assert set(counts) == {2, 3, 4, 5}
        together = model.forward_on_instances(instances)
        alone = [model.forward_on_instance(instance) for instance in instances]
        for count, mixed, single in zip(counts, together, alone):
            assert len(mixed["probs"]) == len(mixed["logits"]) == count
            assert mixed["logits"] == pytest.approx(single["logits"], abs=1e-5)
            assert mixed["probs"].sum() == pytest.approx(1, abs=1e-5)
            assert mixed["label"] == single["label"] and mixed["choice"] == single["choice"]

    def test_loss_and_gradients_leave_padding_out(self, reader, model) -> None:
        instances = [
            reader.text_to_instance("The bus", ["is red", "is late"], 0),
            reader.text_to_instance("To eat", ["a", "b", "c", "d", "e"], 4),
        ]
        together = model(**tensors(instances))
        losses = [model(**tensors([instance]))["loss"] for instance in instances]
        assert torch.allclose(together["loss"], torch.stack(losses).mean(), atol=1e-5)
        assert together["probs"][0, 2:].tolist() == [0, 0, 0]
        assert together["logits"].isfinite().all()
        together["loss"].backward()
        assert all(weight.grad.isfinite().all() for weight in model.parameters())

    def test_mean_reciprocal_rank(self) -> None:
        mrr = MeanReciprocalRank()
        lowest = torch.finfo(torch.float).min
        mrr(torch.tensor([[3.0, 2.0, 1.0], [2.0, 5.0, lowest]]), torch.tensor([2, 0]))
        mrr(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
        assert mrr.get_metric(reset=True) == pytest.approx((1 / 3 + 1 / 2 + 1) / 3)
        assert mrr.get_metric() == 0.0


class TestReader:
    @pytest.mark.parametrize(
        "name, index, prompt, choice, label",
        [
            ("swag.csv", 1, "a girl throws a ball.", "the dog runs after it.", 2),
            (
                "cosmos.csv",
                1,
                "so my brother drove to the shop. how many plates did he buy?",
                "3",
                1,
            ),
            ("commonsense.jsonl", 0, "where does a family hang up wet coats?", "hall", 1),
            ("commonsense.jsonl", 1, "which of these comes from a sheep?", "wool", 3),
            (
                "race.json",
                0,
                "in his bag. how does emil get to the village?",
                "by bicycle",
                2,
            ),
            ("race.json", 1, "in his bag. what does he bring his aunt?", "a letter", 0),
        ],
    )
    def test_shapes(self, reader, name, index, prompt, choice, label) -> None:
        instance = list(reader.read(str(DATA / name)))[index]
        assert instance["label"].label == label
        assert instance["choices"].metadata[label].lower() == choice
        assert ends_with(reader, instance["tokens"][label], prompt, choice)

    def test_race_files_of_many_lines_and_in_directories(self, reader, tmp_path: Path) -> None:
        article = json.loads((DATA / "race.json").read_text())
        (tmp_path / "high").mkdir()
        for name in ("high/1.txt", "2.txt"):
            (tmp_path / name).write_text(json.dumps(article, indent=2))
        assert len(list(reader.read(str(tmp_path)))) == 4
        assert len(list(reader.read(str(tmp_path / "2.txt")))) == 2

    @pytest.mark.parametrize("label", [1, "1", "a knife"])
    def test_labels_are_an_index_or_a_choice(self, reader, label) -> None:
        instance = reader.text_to_instance(RECORD["prompt"], RECORD["choices"], label)
        assert instance["label"].label == 1

    def test_a_choice_that_is_a_number_goes_before_an_index(self, reader) -> None:
        assert reader.text_to_instance("1 + 1 =", ["2", "3", "1"], "1")["label"].label == 2
        assert reader.text_to_instance("1 + 1 =", ["2", "3", "1"], 1)["label"].label == 1

    def test_the_prompt_is_cut_before_a_choice_and_from_its_beginning(
        self, tmp_path: Path, caplog
    ) -> None:
        prompt = "bread " * 30 + "and what now?"
        records = [RECORD, {**RECORD, "prompt": prompt, "choices": ["a knife", "knife " * 60]}]
        path = write_lines(tmp_path / "long.jsonl", records)
        reader = reader_with(indexer={"max_pieces": 24})
        short, long = list(reader.read(path))[1]["tokens"]
        assert len(short) == len(long) == 24
        assert ends_with(reader, short, "bread and what now?", "a knife")
        assert long.second == 2
        assert "1 of 2 texts were cut" in caplog.text

    def test_a_long_text_may_be_an_error(self) -> None:
        reader = reader_with(indexer={"max_pieces": 8, "truncate_long_sequences": False})
        with pytest.raises(ConfigurationError, match="more than `max_pieces` \\(8\\)"):
            reader.text_to_instance("bread " * 9, ["a", "b"])

    @pytest.mark.parametrize(
        "record, message",
        [
            ({**RECORD, "prompt": 5}, "`prompt`: expected a string"),
            ({"choices": ["a", "b"], "label": 0}, "no key `prompt`"),
            ({**RECORD, "prompt": ""}, "`prompt`: the text is empty"),
            ({"prompt": "One.", "label": 0}, "no key `choices`"),
            ({**RECORD, "choices": "a or b"}, "`choices`: expected two or more choices, got a str"),
            ({**RECORD, "choices": ["a"]}, "`choices`: expected two or more choices, got a list"),
            ({**RECORD, "choices": ["a", 5]}, r"`choices\[1\]`: expected a string"),
            ({**RECORD, "choices": ["a", " "]}, r"`choices\[1\]`: the text is empty"),
            ({**RECORD, "label": 2}, r"`label`: a number \(2\) is none of the choices"),
            ({**RECORD, "label": -1}, "`label`: .* is none of the choices"),
            ({**RECORD, "label": True}, "`label`: a boolean .* is none of the choices"),
            ({**RECORD, "label": "a spoon"}, "`label`: .* is none of the choices"),
            ({"prompt": "?", "choices": ["a", "a"], "label": "a"}, "`label`: .* more than one"),
            ({"prompt": "?", "choices": ["a", "b"]}, "no key `label`"),
            ({"question": "?", "choices": ["a", "b"]}, "no key `prompt`"),
            ({"question": {"stem": "?", "choices": [1, 2]}}, r"`question.choices\[0\]`: expected"),
            ({"question": {"stem": "?"}}, "`question.choices`: expected two or more"),
            ({"article": "A.", "questions": ["?"], "options": []}, "`options`: expected a list"),
        ],
    )
    def test_bad_records_name_file_line_and_key(self, reader, tmp_path, record, message) -> None:
        path = write_lines(tmp_path / "bad.jsonl", [RECORD, record])
        with pytest.raises(ConfigurationError, match=f"bad.jsonl, line 2: {message}"):
            list(reader.read(path))

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("empty.jsonl", b"", "no record"),
            ("latin.jsonl", b'{"prompt": "caf\xe9"}\n', "line 1: not utf-8"),
            ("one.csv", b"sent1,sent2,ending0,label\nA.,B,c,0\n", "line 2: `ending0`, `ending1`"),
            ("blank.csv", b"sent1,sent2,ending0,ending1,label\nA.,B,c,,0\n", "line 2: `ending1`"),
            ("label.csv", b"sent1,sent2,ending0,ending1,label\nA.,B,c,d,2\n", "line 2: `label`"),
        ],
    )
    def test_bad_files_name_file_and_line(self, reader, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"{name}.*{message}"):
            list(reader.read(str(tmp_path / name)))


class TestCommands:
    @pytest.fixture
    def archive(self, archive_of, tmp_path: Path, monkeypatch) -> Path:
        moved = tmp_path / "moved.tar.gz"
        shutil.copy(archive_of("multiple_choice"), moved)
        monkeypatch.chdir(tmp_path)
        return moved

    def test_evaluate_writes_metrics_and_predictions(self, archive: Path, tmp_path: Path) -> None:
        metrics, predictions = tmp_path / "metrics.json", tmp_path / "predictions.jsonl"
        outputs = ["--output-file", metrics, "--predictions-output-file", predictions]
        allennlp("evaluate", archive, DATA / "commonsense.jsonl", *outputs)
        assert {"accuracy", "mrr", "loss"} <= set(json.loads(metrics.read_text()))
        (batch,) = read_json_lines(predictions)
        assert list(map(len, batch["probs"])) == [3, 4] and len(batch["choice"]) == 2

    def test_predict_keeps_order_and_ids(self, archive: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        allennlp("predict", archive, DATA / "predict.jsonl", "--output-file", out, "--silent")
        records, outputs = read_json_lines(DATA / "predict.jsonl"), read_json_lines(out)
        assert [output["id"] for output in outputs] == [record["id"] for record in records]
        assert [output.get("gold") for output in outputs] == [r.get("label") for r in records]
        for record, output in zip(records, outputs):
            assert output["choice"] == record["choices"][output["label"]]
            assert len(output["probs"]) == len(output["logits"]) == len(record["choices"])
            assert output["probs"].index(max(output["probs"])) == output["label"]

    def test_bad_records_become_errors(self, archive: Path, tmp_path: Path) -> None:
        bad = ["{", {"prompt": "?"}, {**RECORD, "choices": ["a"]}, {**RECORD, "prompt": [1]}]
        path = write_lines(tmp_path / "in.jsonl", [RECORD, *bad, {**RECORD, "label": "spoon"}])
        out = tmp_path / "out.jsonl"
        allennlp("predict", archive, path, "--output-file", out, "--silent", "--batch-size", 3)
        outputs = read_json_lines(out)
        assert ["error" in output for output in outputs] == [False, True, True, True, True, False]
        assert "`choices`" in outputs[2]["error"] and outputs[2]["line"] == 3
        assert outputs[0]["logits"] == pytest.approx(outputs[5]["logits"], abs=1e-6)
        assert outputs[5]["gold"] == "spoon"

    def test_labelled_instances_carry_the_prediction(self, archive: Path) -> None:
        predictor = Predictor.from_archive(load_archive(archive))
        (labelled,) = predictor.json_to_labeled_instances(RECORD)
        assert labelled["label"].label == predictor.predict_json(RECORD)["label"]
