"""A BERT from scratch: the same each time, trained, and taken by another task as its BERT."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import TokenIndexer, Vocabulary
from allennlp.models import load_archive
from transformers import AutoTokenizer
from transformers import BertForPreTraining as PlainHeads

from bert_classification import BertForPreTraining
from bert_classification.data.from_scratch import BertFromScratch
from tests.support import FIXTURES, ROOT, allennlp

TEXT = str(FIXTURES / "pretraining" / "train.txt")
CONFIG = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 64,
}
CONFIG_FILE = ROOT / "training_config" / "pretraining.jsonnet"
INDEXER = "dataset_reader.token_indexers.bert"


def from_scratch(**settings: Any) -> BertFromScratch:
    return BertFromScratch(**{"text": TEXT, "vocab_size": 300, "config": CONFIG, **settings})


def bytes_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_it_is_the_same_each_time_and_the_seed_decides(tmp_path: Path) -> None:
    drawn = torch.get_rng_state()
    for index in range(3):
        from_scratch(limit_alphabet=30).make(str(tmp_path / str(index)))
    from_scratch(limit_alphabet=30, seed=1).make(str(tmp_path / "other"))
    assert torch.get_rng_state().equal(drawn)
    made = bytes_of(tmp_path / "0")
    assert made == bytes_of(tmp_path / "1") == bytes_of(tmp_path / "2")
    assert made["vocab.txt"] == bytes_of(tmp_path / "other")["vocab.txt"]
    assert made["model.safetensors"] != bytes_of(tmp_path / "other")["model.safetensors"]


def test_vocabulary_and_weights_are_as_configured(tmp_path: Path) -> None:
    from_scratch(lowercase=False).make(str(tmp_path / "bert"))
    settings = {"type": "bert-pretrained", "pretrained_model": str(tmp_path / "bert")}
    tokenizer = TokenIndexer.from_params(Params(settings)).tokenizer
    assert len(tokenizer) == 300 and not tokenizer.lowercases and tokenizer.max_pieces == 64
    (ids,) = tokenizer.ids(["The umbrella of the nurse"])
    assert tokenizer.unk_id not in ids and tokenizer.convert_ids_to_tokens(ids)[0] == "The"
    model = PlainHeads.from_pretrained(tmp_path / "bert")
    assert {**model.config.to_dict(), **CONFIG, "vocab_size": 300} == model.config.to_dict()


def test_what_is_there_is_taken_only_when_it_was_made_so(tmp_path: Path) -> None:
    directory = tmp_path / "bert"
    from_scratch().make(str(directory))
    made = bytes_of(directory)
    from_scratch().make(str(directory))
    assert bytes_of(directory) == made
    with pytest.raises(ConfigurationError, match="bert exists and was not made with these"):
        from_scratch(vocab_size=200).make(str(directory))
    with pytest.raises(ConfigurationError, match="bert exists and was not made with these"):
        from_scratch().make(str(FIXTURES / "bert"))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"config": {"hidden": 3}}, "has hidden; expected entries"),
        ({"config": {"vocab_size": 3}}, "has vocab_size; expected"),
        ({"config": {"hidden_size": 15, "num_attention_heads": 2}}, "`from_scratch.config`: "),
        ({"text": ["empty.txt"]}, "empty.txt: there is no text"),
        ({"text": "latin.txt"}, "latin.txt, line 2: not utf-8"),
        ({"text": "none.txt"}, "none.txt: no such file"),
    ],
)
def test_bad_settings_leave_nothing_behind(tmp_path: Path, monkeypatch, settings, message) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n\n")
    Path("latin.txt").write_bytes(b"Fine.\nCaf\xe9.\n")
    with pytest.raises(ConfigurationError, match=message):
        from_scratch(**settings).make("bert")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.txt", "latin.txt"]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a training from scratch."""
    directory = tmp_path_factory.mktemp("from_scratch")
    overrides = {
        f"{INDEXER}.pretrained_model": str(directory / "bert"),
        f"{INDEXER}.from_scratch": {"text": TEXT, "vocab_size": 300, "config": CONFIG},
        "model.bert_model": str(directory / "bert"),
        "trainer.num_epochs": 1,
    }
    config = "training_config/pretraining.jsonnet"
    allennlp("train", config, "-s", directory / "out", "-o", json.dumps(overrides))
    return directory / "out"


def test_another_task_begins_with_the_encoder_of_the_archive(pretrained: Path, tmp_path) -> None:
    expected = load_archive(pretrained / "model.tar.gz").model.state_dict()
    for index, name in enumerate([pretrained / "model.tar.gz", pretrained]):
        overrides = {
            f"{INDEXER}.pretrained_model": str(name),
            "model.bert_model": str(name),
            "model.trainable": False,
            "trainer.num_epochs": 1,
        }
        out = tmp_path / str(index)
        config = "training_config/classification.jsonnet"
        allennlp("train", config, "-s", out, "-o", json.dumps(overrides))
        archive = load_archive(out / "model.tar.gz")
        weights = archive.model.state_dict()
        assert all(weights[key].equal(expected[key]) for key in weights if "bert." in key)
        assert len(archive.dataset_reader.tokenizer) == 300


def test_pretraining_goes_on_with_both_heads(pretrained: Path) -> None:
    expected = load_archive(pretrained / "model.tar.gz").model.state_dict()
    weights = BertForPreTraining(Vocabulary(), str(pretrained / "model.tar.gz")).state_dict()
    assert weights.keys() == expected.keys()
    assert all(weights[key].equal(expected[key]) for key in weights)


class TestTheTokenizer:
    def write(self, directory: Path, *lines: str) -> str:
        path = directory / "text.txt"
        path.write_text("\n".join(lines * 3), encoding="utf-8")
        return str(path)

    def pieces(self, directory: Path, text: str, **settings: Any) -> list[str]:
        settings = {"text": self.write(directory, text), "min_frequency": 1, **settings}
        made = str(directory / "bert")
        from_scratch(**settings).make(made)
        indexer = {"type": "bert-pretrained", "pretrained_model": made}
        tokenizer = TokenIndexer.from_params(Params(indexer)).tokenizer
        (ids,) = tokenizer.ids([text])
        return tokenizer.convert_ids_to_tokens(ids)

    @pytest.mark.parametrize(
        "settings, first",
        [
            ({}, "cafe"),
            ({"lowercase": False}, "Café"),
            ({"strip_accents": False}, "café"),
            ({"lowercase": False, "strip_accents": True}, "Cafe"),
        ],
    )
    def test_accents(self, settings, first, tmp_path: Path) -> None:
        assert self.pieces(tmp_path, "Café", vocab_size=50, **settings)[0] == first

    @pytest.mark.parametrize("alone, pieces", [(True, ["日", "本"]), (False, ["日本"])])
    def test_chinese_characters(self, alone, pieces, tmp_path: Path) -> None:
        found = self.pieces(tmp_path, "日本", vocab_size=50, tokenize_chinese_chars=alone)
        assert found == pieces

    def test_words_that_are_never_split(self, tmp_path: Path) -> None:
        words = ["<user>", "C++"]
        found = self.pieces(tmp_path, "<user> likes C++, user", never_split=words)
        assert [each for each in found if each in words] == words and "user" in found

    def test_they_go_through_training_archive_and_export(self, tmp_path: Path) -> None:
        bert = str(tmp_path / "bert")
        settings = {"text": TEXT, "vocab_size": 300, "config": CONFIG, "never_split": ["<USER>"]}
        overrides = {
            "model.bert_model": bert,
            f"{INDEXER}.pretrained_model": bert,
            f"{INDEXER}.from_scratch": {**settings, "strip_accents": False},
            f"{INDEXER}.max_pieces": 64,
            "trainer.num_epochs": 1,
        }
        allennlp("train", CONFIG_FILE, "-s", tmp_path / "out", "-o", json.dumps(overrides))
        archive = tmp_path / "out" / "model.tar.gz"
        allennlp("export-hf", archive, tmp_path / "exported")
        ours = load_archive(archive).dataset_reader.tokenizer
        theirs = AutoTokenizer.from_pretrained(tmp_path / "exported")
        text = "<USER> met the café's nurse"
        (ids,) = ours.ids([text])
        assert ours.convert_ids_to_tokens(ids)[0] == "<USER>"
        assert theirs(text, add_special_tokens=False).input_ids == list(ids)

    @pytest.mark.parametrize(
        "words, said",
        [
            (["two words"], "'two words'; expected words without white space"),
            ([""], "''; expected"),
            (["[MASK]"], "'[MASK]'; expected"),
            ([7], "7; expected"),
            (["a", "b", "a"], "'a' twice"),
        ],
    )
    def test_words_that_cannot_be(self, words, said) -> None:
        with pytest.raises(ConfigurationError) as refused:
            from_scratch(never_split=words)
        assert said in str(refused.value)

    def test_what_was_made_before_there_were_such_settings_is_taken(self, tmp_path: Path) -> None:
        from_scratch().make(str(tmp_path / "bert"))
        path = tmp_path / "bert" / "from_scratch.json"
        written = json.loads(path.read_text())
        for key in ("strip_accents", "tokenize_chinese_chars", "never_split"):
            del written[key]
        path.write_text(json.dumps(written))
        from_scratch().make(str(tmp_path / "bert"))
        with pytest.raises(ConfigurationError, match="was not made with these settings"):
            from_scratch(never_split=["<user>"]).make(str(tmp_path / "bert"))
