"""Next sentence prediction: documents to pairs, and the model against Hugging Face's head."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.models import load_archive
from allennlp.nn import InitializerApplicator
from allennlp.nn.initializers import ConstantInitializer
from allennlp.predictors import Predictor
from sklearn.metrics import f1_score, roc_auc_score
from transformers import AutoTokenizer, BertConfig, BertForPreTraining
from transformers import BertForNextSentencePrediction as PlainHead

from bert_classification import (
    BertForNextSentencePrediction,
    BertForNextSentencePredictionReader,
    PretrainedBertIndexer,
)
from bert_classification.next_sentence_prediction.model import area_under_curve
from bert_classification.next_sentence_prediction.pairs import read_pairs
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

DATA = FIXTURES / "next_sentence_prediction"
CONFIG = "training_config/next_sentence_prediction.jsonnet"
TRAIN = str(DATA / "train.txt")
PAIR = {"text": "It rained.", "text_pair": "We went home.", "label": "is_next"}
PAIRS = [
    ("The alarm rang at six.", "Nora got up at once."),
    ("Zoë missed the last tram 🚋.", "Penguins cannot fly, but they are good swimmers."),
    ("Snow fell.", "Why?"),
]


def reader_with(**settings) -> BertForNextSentencePredictionReader:
    indexer = PretrainedBertIndexer(BERT, **settings.pop("indexer", {}))
    return BertForNextSentencePredictionReader(token_indexers={"bert": indexer}, **settings)


@pytest.fixture(scope="module")
def reader() -> BertForNextSentencePredictionReader:
    return reader_with()


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model(CONFIG, TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    @pytest.mark.parametrize("pairs", [PAIRS[:1], PAIRS], ids=["single", "padded batch"])
    def test_logits_and_loss_equal_hugging_face(self, reader, pairs) -> None:
        model = BertForNextSentencePrediction(Vocabulary(), BERT).eval()
        labels = [1, 0, 1][: len(pairs)]
        instances = [reader.text_to_instance(*pair, label) for pair, label in zip(pairs, labels)]
        ours = model(**tensors(instances))

        theirs = PlainHead(BertConfig.from_pretrained(BERT)).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        padded = tokenizer(*map(list, zip(*pairs)), padding=True, return_tensors="pt")
        expected = theirs(**padded, labels=torch.tensor(labels))
        assert torch.allclose(ours["logits"], expected.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)

    def test_a_pretrained_checkpoint_gives_its_head(self, reader, tmp_path: Path) -> None:
        checkpoint = BertForPreTraining(BertConfig.from_pretrained(BERT))
        checkpoint.save_pretrained(tmp_path)
        model = BertForNextSentencePrediction(Vocabulary(), str(tmp_path))
        assert torch.equal(
            model.cls.seq_relationship.weight, checkpoint.cls.seq_relationship.weight
        )

    def test_initializer_and_freezing_leave_their_part(self) -> None:
        initializer = InitializerApplicator([["weight", ConstantInitializer(0.5)]])
        model = BertForNextSentencePrediction(
            Vocabulary(), BERT, trainable=False, initializer=initializer
        )
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        assert trained == {"cls.seq_relationship.weight", "cls.seq_relationship.bias"}
        assert model.cls.seq_relationship.weight.unique().tolist() == [0.5]


class TestPairsOfDocuments:
    def test_half_follow_and_half_come_from_another_document(self) -> None:
        documents = [text.splitlines() for text in Path(TRAIN).read_text().split("\n\n")]
        document_of = {line: index for index, lines in enumerate(documents) for line in lines}
        follower = {a: b for lines in documents for a, b in zip(lines, lines[1:])}
        records = list(read_pairs(TRAIN, seed=3))
        assert [record.values["text"] for record in records] == list(follower)
        for record in records:
            text, pair = record.values["text"], record.values["text_pair"]
            is_next = record.values["label"] == "is_next"
            assert (follower[text] == pair) == is_next
            assert (document_of[text] == document_of[pair]) == is_next
        labels = [record.values["label"] for record in records]
        assert labels.count("is_next") == labels.count("not_next") == len(records) / 2

    def test_the_seed_decides(self) -> None:
        assert list(read_pairs(TRAIN, seed=3)) == list(read_pairs(TRAIN, seed=3))
        assert list(read_pairs(TRAIN, seed=3)) != list(read_pairs(TRAIN, seed=4))

    def test_several_workers_read_the_same_pairs(self, reader) -> None:
        def pairs(workers: int) -> list:
            loader = MultiProcessDataLoader(reader, TRAIN, batch_size=4, num_workers=workers)
            instances = list(loader.iter_instances())
            return sorted((one["tokens"].ids.tolist(), one["label"].label) for one in instances)

        assert pairs(2) == pairs(0)

    def test_sentences_in_no_pair_are_counted(self, caplog) -> None:
        caplog.set_level("INFO")
        used = set()
        for record in read_pairs(TRAIN):
            used |= {record.values["text"], record.values["text_pair"]}
        sentences = [line for line in Path(TRAIN).read_text().splitlines() if line]
        count = len(set(sentences) - used)
        assert f"{count} of {len(sentences)} sentences take part in no pair" in caplog.text

    def test_lone_sentences_may_be_passed_over(self, tmp_path: Path, caplog) -> None:
        caplog.set_level("INFO")
        path = tmp_path / "corpus.txt"
        path.write_text("One.\n\nTwo.\nThree.\n")
        records = list(read_pairs(str(path), skip_lone_sentences=True))
        assert [record.values["text"] for record in records] == ["Two."]
        assert "1 pairs; 1 of 3 sentences take part in no pair" in caplog.text


class TestReader:
    @pytest.mark.parametrize(
        "name, text, settings",
        [
            ("a.tsv", "text\ttext_pair\tlabel\nOne.\tTwo.\tnot_next\n", {}),
            ("a.csv", 'text,text_pair,label\nOne.,"Two.",1\n', {}),
            ("a.jsonl", '{"sentence": "One.", "text_pair": "Two.", "label": 1}\n', {}),
            (
                "a.csv",
                "first,second,kind\nOne.,Two.,random\n",
                {
                    "columns": {"text": "first", "text_pair": "second", "label": "kind"},
                    "label_names": ["next", "random"],
                },
            ),
        ],
        ids=["tsv", "csv", "jsonl", "own names"],
    )
    def test_formats_and_fixed_indices(self, tmp_path: Path, name, text, settings) -> None:
        (tmp_path / name).write_text(text)
        (instance,) = reader_with(**settings).read(str(tmp_path / name))
        expected = reader_with().text_to_instance("One.", "Two.", "not_next")
        assert instance["tokens"].ids.tolist() == expected["tokens"].ids.tolist()
        instance.index_fields(Vocabulary())
        assert instance["label"].as_tensor({}) == 1

    @pytest.mark.parametrize(
        "record, message",
        [
            ({**PAIR, "text": 5}, "`text`: expected a string"),
            ({"text": "One.", "label": "is_next"}, "no key `text_pair`"),
            ({**PAIR, "text_pair": " "}, "`text_pair`: the text is empty"),
            ({**PAIR, "label": "maybe"}, "`label`: 'maybe' is not in"),
            ({**PAIR, "label": 2}, "`label`: '2' is not in"),
            ({**PAIR, "label": None}, "no key `label`"),
        ],
    )
    def test_bad_records_name_file_line_and_key(self, reader, tmp_path, record, message) -> None:
        path = write_lines(tmp_path / "bad.jsonl", [PAIR, record])
        with pytest.raises(ConfigurationError, match=f"bad.jsonl, line 2: {message}"):
            list(reader.read(path))

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("empty.jsonl", b"", "no record"),
            ("empty.txt", b"\n", "no sentence"),
            ("latin.txt", b"One.\nTwo.\n\nCaf\xe9.\nFour.\n", "line 4: not utf-8"),
            ("lone.txt", b"One.\nTwo.\n\nThree.\n", "line 4: `text_pair`: .* one sentence"),
            ("one.txt", b"One.\nTwo.\n", "lines 1 to 2: `text_pair`: .* only one"),
        ],
    )
    def test_bad_files_name_file_and_line(self, reader, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"{name}.*{message}"):
            list(reader.read(str(tmp_path / name)))

    def test_columns_of_plain_text(self) -> None:
        with pytest.raises(ConfigurationError, match="plain text has none"):
            list(reader_with(columns={"text": 1}).read(TRAIN))

    def test_long_pairs_are_cut_and_counted(self, tmp_path: Path, caplog) -> None:
        path = write_lines(tmp_path / "long.jsonl", [PAIR, {**PAIR, "text": "rain " * 50}])
        instances = list(reader_with(indexer={"max_pieces": 20}).read(path))
        assert max(len(instance["tokens"]) for instance in instances) == 20
        assert "1 of 2 texts were cut" in caplog.text


class TestMetrics:
    def test_f1_and_auc_are_those_of_is_next(self, reader) -> None:
        model = BertForNextSentencePrediction(Vocabulary(), BERT).eval()
        instances = list(reader.read(TRAIN))
        with torch.no_grad():
            logits = model(**tensors(instances))["logits"]
            # About half are judged to follow, and none of them by a hair.
            margins = (logits[:, 0] - logits[:, 1]).sort().values
            middle = margins[len(margins) // 4 : -len(margins) // 4]
            gap = middle.diff().argmax()
            model.cls.seq_relationship.bias[0] -= middle[gap : gap + 2].mean()
        model.get_metrics(reset=True)
        scores = []
        for start in range(0, len(instances), 30):
            scores += model(**tensors(instances[start : start + 30]))["probs"][:, 0].tolist()
        positive = [instance["label"].label == 0 for instance in instances]
        assert "auc" not in model.get_metrics()
        metrics = model.get_metrics(reset=True)
        assert metrics["auc"] == pytest.approx(roc_auc_score(positive, scores))
        expected = f1_score(positive, [score > 0.5 for score in scores])
        assert metrics["f1"] == pytest.approx(expected, abs=1e-6) and expected > 0
        assert set(map(type, metrics.values())) == {float}

    def test_auc_of_one_kind_of_pairs_is_a_half(self) -> None:
        assert area_under_curve([0.1, 0.9], [True, True]) == {"auc": 0.5}
        assert area_under_curve([0.1, 0.9], [True, False]) == {"auc": 0.0}


class TestCommands:
    @pytest.fixture
    def archive(self, archive_of, tmp_path: Path, monkeypatch) -> Path:
        moved = tmp_path / "moved.tar.gz"
        shutil.copy(archive_of("next_sentence_prediction"), moved)
        monkeypatch.chdir(tmp_path)
        return moved

    def test_evaluate(self, archive: Path, tmp_path: Path) -> None:
        allennlp("evaluate", archive, DATA / "dev.txt", "--output-file", tmp_path / "metrics.json")
        metrics = json.loads((tmp_path / "metrics.json").read_text())
        assert {"accuracy", "f1", "auc", "loss"} <= set(metrics)

    def test_predict_keeps_order_and_ids(self, archive: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        allennlp("predict", archive, DATA / "predict.jsonl", "--output-file", out, "--silent")
        records, outputs = read_json_lines(DATA / "predict.jsonl"), read_json_lines(out)
        assert [output["id"] for output in outputs] == [record["id"] for record in records]
        assert [output.get("gold") for output in outputs] == [r.get("label") for r in records]
        for output in outputs:
            assert output["is_next_probability"] == output["probs"][0]
            assert (output["label"] == "is_next") == (output["probs"][0] > output["probs"][1])
            assert len(output["logits"]) == 2

    def test_bad_records_become_errors(self, archive: Path, tmp_path: Path) -> None:
        bad = ["{", {"text": "One."}, {**PAIR, "text": ["One."]}, {**PAIR, "text": ""}]
        lines = [PAIR, *bad, PAIR]
        path, out = write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl"
        allennlp("predict", archive, path, "--output-file", out, "--silent", "--batch-size", 4)
        outputs = read_json_lines(out)
        assert ["error" in output for output in outputs] == [False, True, True, True, True, False]
        assert "`text_pair`" in outputs[2]["error"] and outputs[2]["line"] == 3
        assert outputs[0]["logits"] == pytest.approx(outputs[5]["logits"], abs=1e-6)

    def test_labelled_instances_carry_the_prediction(self, archive: Path) -> None:
        predictor = Predictor.from_archive(load_archive(archive))
        (labelled,) = predictor.json_to_labeled_instances(PAIR)
        label = ("is_next", "not_next")[labelled["label"].label]
        assert label == predictor.predict_json(PAIR)["label"]
