"""What an archive may name, and what it takes from itself."""

import json
import shutil
import socket
import tarfile
from pathlib import Path
from typing import Optional

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.data.token_indexers import SingleIdTokenIndexer, TokenIndexer
from allennlp.data.tokenizers import SpacyTokenizer
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from huggingface_hub import constants

from bert_classification.archives.extraction import extract
from bert_classification.archives.seal import sealed
from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

GOOD = FIXTURES / "archives" / "classification.tar.gz"
RECORD = {"text": "The soup was cold."}


@TokenIndexer.register("opens-anything")
class OpensAnything(SingleIdTokenIndexer):
    """A class that nobody here knows, nor the names of its parameters."""

    def __init__(self, source: str, connect: bool = False) -> None:
        super().__init__()
        if connect:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        if source:
            self.lines = Path(source).read_text()


def rewritten(directory: Path, indexer: dict, encoder: Optional[dict] = None) -> Path:
    """An archive of AllenNLP's own classifier, with an indexer."""
    reader = {
        "type": "text_classification_json",
        "tokenizer": "whitespace",
        "token_indexers": {"tokens": indexer},
    }
    model = {
        "type": "basic_classifier",
        "text_field_embedder": {
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 4}}
        },
        "seq2vec_encoder": {"type": "boe", "embedding_dim": 4},
        **({"feedforward": encoder} if encoder else {}),
    }
    return change_config(directory, {"dataset_reader": reader, "model": model})


def change_config(directory: Path, changes: dict) -> Path:
    contents = directory / "contents"
    contents.mkdir()
    extract(GOOD, contents)
    config = json.loads((contents / "config.json").read_text())
    (contents / "config.json").write_text(json.dumps({**config, **changes}))
    return pack(contents, directory / "changed.tar.gz")


def pack(contents: Path, archive: Path) -> Path:
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(contents.iterdir()):
            tar.add(path, arcname=path.name)
    return archive


def refusal(archive: Path, **options) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_archive(archive, **options)
    return str(caught.value)


class TestParametersThatNobodyKnows:
    @pytest.mark.parametrize("name", ["{0}/secret.txt", "{0}/./here/../secret.txt", "secret.txt"])
    def test_a_file(self, tmp_path, monkeypatch, name) -> None:
        (tmp_path / "secret.txt").write_text("secret")
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path)
        indexer = {"type": "opens-anything", "source": name.format(tmp_path)}
        sentence = refusal(rewritten(tmp_path, indexer))
        assert "secret.txt, and an archive names nothing outside" in sentence

    def test_a_connection(self, tmp_path) -> None:
        indexer = {"type": "opens-anything", "source": "", "connect": True}
        assert "it asks for the network" in refusal(rewritten(tmp_path, indexer))

    def test_the_caller_may_name_a_file(self, tmp_path) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        indexer = {"type": "opens-anything", "source": "/etc/hostname"}
        archive = rewritten(tmp_path, indexer)
        mine = {"dataset_reader.token_indexers.tokens.source": str(tmp_path / "mine.txt")}
        # What follows is that these are not the weights of AllenNLP's classifier.
        assert "do not fit BasicClassifier" in refusal(archive, overrides=mine)

    def test_afterwards_all_is_open(self, tmp_path) -> None:
        (tmp_path / "secret.txt").write_text("secret")
        before = constants.HF_HUB_OFFLINE
        with sealed("", [str(tmp_path)]):
            assert constants.HF_HUB_OFFLINE
            with pytest.raises(ConfigurationError, match="names nothing outside"):
                (tmp_path / "secret.txt").read_text()
        assert (tmp_path / "secret.txt").read_text() == "secret"
        assert constants.HF_HUB_OFFLINE == before

    def test_words_that_are_also_directories(self, tmp_path, monkeypatch) -> None:
        """Nothing of them is opened, so they may stand in a config."""
        for name in ("bert", "labels", "tokens"):
            (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path)
        assert load_archive(GOOD).model


def test_models_of_spacy_are_not_downloaded() -> None:
    with sealed(), pytest.raises(ConfigurationError, match="'xx_none_sm', which is not installed"):
        SpacyTokenizer(language="xx_none_sm")


@pytest.mark.parametrize(
    "sizes",
    [
        {"input_dim": 4, "num_layers": 2, "hidden_dims": 10**9, "activations": "relu"},
        {"input_dim": 4, "num_layers": 10**6, "hidden_dims": 1, "activations": "relu"},
        {"input_dim": 4, "num_layers": 2, "hidden_dims": 10**6, "activations": "relu"},
    ],
)
def test_other_models_far_larger_than_their_weights(tmp_path, sizes) -> None:
    sentence = refusal(rewritten(tmp_path, {"type": "single_id"}, sizes))
    assert "more than its weights are for" in sentence or "its model is one of more" in sentence


class TestWhatTrainingReadElsewhere:
    @pytest.fixture
    def config(self, tmp_path) -> dict:
        bert = str(tmp_path / "bert")
        return {
            "dataset_reader.token_indexers.bert.pretrained_model": bert,
            "model.bert_model": bert,
            "trainer.num_epochs": 1,
        }

    def train(self, directory: Path, overrides: dict) -> Path:
        config = "training_config/classification.jsonnet"
        allennlp("train", config, "-s", directory / "out", "-o", json.dumps(overrides))
        return directory / "out" / "model.tar.gz"

    def test_a_bert_from_scratch(self, tmp_path, config) -> None:
        text = write_lines(tmp_path / "text.txt", ["the soup was cold", "the soup was warm"] * 9)
        sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
        scratch = {"text": text, "vocab_size": 60, "config": {**sizes, "intermediate_size": 8}}
        config["dataset_reader.token_indexers.bert.from_scratch"] = scratch
        archive = self.train(tmp_path, config)
        before = Predictor.from_path(archive).predict_json(RECORD)
        shutil.rmtree(tmp_path / "bert")
        (tmp_path / "text.txt").unlink()
        assert Predictor.from_path(archive).predict_json(RECORD) == before
        assert not (tmp_path / "bert").exists()

    def test_a_file_of_labels(self, tmp_path) -> None:
        labels = write_lines(tmp_path / "labels.txt", ["negative", "positive", "neutral", "other"])
        archive = self.train(
            tmp_path, {"dataset_reader.label_names": labels, "trainer.num_epochs": 1}
        )
        (tmp_path / "labels.txt").unlink()
        opened = load_archive(archive)
        names = ["negative", "positive", "neutral", "other"]
        assert opened.config["dataset_reader"]["label_names"] == names
        assert opened.validation_dataset_reader.label_names == names

    def test_a_file_of_labels_that_an_earlier_version_named(self, tmp_path) -> None:
        reader = {"type": "bert_for_classification", "label_names": "/etc/hostname"}
        indexer = {"type": "bert-pretrained", "pretrained_model": "gone"}
        changes = {"dataset_reader": {**reader, "token_indexers": {"bert": indexer}}}
        opened = load_archive(change_config(tmp_path, changes))
        assert opened.validation_dataset_reader.label_names == ["neutral", "positive", "negative"]
        predicted = Predictor.from_archive(opened).predict_json(
            read_json_lines(FIXTURES / "classification" / "predict.jsonl")[0]
        )
        assert predicted == Predictor.from_path(GOOD).predict_json(
            read_json_lines(FIXTURES / "classification" / "predict.jsonl")[0]
        )


@pytest.mark.parametrize("label", ["good\r", "a@@NEWLINE@@b", ""])
def test_a_label_that_the_vocabulary_would_change(tmp_path, label) -> None:
    vocab = Vocabulary(tokens_to_add={"labels": ["fine", label]})
    with pytest.raises(ConfigurationError, match="cannot be kept in an archive"):
        vocab.save_to_files(str(tmp_path / "vocabulary"))


@pytest.mark.parametrize("label", [" good ", "a\rb", "a\nb", "\x85", "\u2028", "\x0b", "\ufeff"])
def test_labels_come_back_from_the_vocabulary(tmp_path, label) -> None:
    vocab = Vocabulary(tokens_to_add={"labels": ["fine", label, "last"]})
    vocab.save_to_files(str(tmp_path / "vocabulary"))
    again = Vocabulary.from_files(str(tmp_path / "vocabulary"))
    assert list(again.get_token_to_index_vocabulary("labels")) == ["fine", label, "last"]
