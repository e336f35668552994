"""A name becomes a checkpoint once; what is none, or is damaged, ends in one sentence."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor
from huggingface_hub import constants
from transformers import BertConfig, BertForSequenceClassification, BertModel

from bert_classification.archives.extraction import extract
from bert_classification.bert import checkpoint as checkpoint_module
from bert_classification.bert.checkpoint import resolve_checkpoint
from bert_classification.bert.pretrained import load_pretrained
from tests.bert.published import put_on_hub
from tests.support import BERT, FIXTURES, ROOT, allennlp

ARCHIVE = FIXTURES / "archives" / "classification.tar.gz"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A BERT to be damaged."""
    return Path(shutil.copytree(BERT, tmp_path / "bert"))


class TestNames:
    def test_a_directory(self) -> None:
        found = resolve_checkpoint(BERT)
        assert (found.name, found.directory, found.archived) == (BERT, BERT, None)
        assert found.config.hidden_size == 32 and len(found.tokenizer) == found.config.vocab_size

    def test_a_path_object(self) -> None:
        assert resolve_checkpoint(Path(BERT)).name == BERT  # type: ignore[arg-type]

    def test_a_directory_in_the_home(self, home: Path) -> None:
        shutil.copytree(BERT, home / "bert")
        found = resolve_checkpoint("~/bert")
        assert found.name == "~/bert" and found.directory == str(home / "bert")
        assert load_pretrained(BertModel, "~/bert").has_head

    def test_an_archive(self) -> None:
        found = resolve_checkpoint(str(ARCHIVE))
        assert found.name == str(ARCHIVE) and found.archived is not None
        assert found.config.architectures == ["BertForSequenceClassification"]
        weights = found.read_weights()
        assert weights is not None and "classifier.weight" in weights

    def test_an_archive_in_the_home(self, home: Path) -> None:
        shutil.copy(ARCHIVE, home / "model.tar.gz")
        assert resolve_checkpoint("~/model.tar.gz").archived is not None

    def test_the_directory_of_a_training(self, tmp_path: Path) -> None:
        extract(ARCHIVE, tmp_path)
        found = resolve_checkpoint(str(tmp_path))
        assert found.archived is not None and found.archived.root == tmp_path
        assert found.directory == str(tmp_path / "vocabulary" / ".bert" / "model")

    def test_a_configuration_is_the_callers_own(self) -> None:
        resolve_checkpoint(BERT).config.hidden_size = 7
        assert resolve_checkpoint(BERT).config.hidden_size == 32


class TestNoNames:
    @pytest.mark.parametrize(
        "name, message",
        [
            ("nobody/knows-this", "nobody/knows-this is neither a directory with a BERT .* nor"),
            ("a/b/c", "a/b/c is neither"),
            ("", " is neither"),
            ("x" * 300, "x cannot be read .*too long"),
            ("a\0b", "is neither"),
            ("/nowhere/bert", "There is no BERT in /nowhere/bert: no such directory"),
            ("~/nowhere.tar.gz", "There is no BERT in .*nowhere.tar.gz: no such directory"),
            (str(FIXTURES), "fixtures is neither a directory with a BERT"),
        ],
        ids=["hub", "hub of three", "empty", "long", "null byte", "absolute", "home", "others"],
    )
    def test_there_is_nothing(self, name: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            resolve_checkpoint(name)

    def test_a_file_that_is_no_archive(self, home: Path) -> None:
        (home / "notes.txt").write_text("no archive")
        for name in ("~/notes.txt", str(home / "notes.txt")):
            with pytest.raises(ConfigurationError, match="notes.txt is not opened: it is not a"):
                resolve_checkpoint(name)

    @pytest.mark.parametrize("name", [None, 3, {"path": BERT}, BERT.encode()])
    def test_it_is_no_string(self, name: Any) -> None:
        with pytest.raises(ConfigurationError, match=f"A {type(name).__name__} .* names no BERT"):
            resolve_checkpoint(name)

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ConfigurationError, match="pipe"):
            resolve_checkpoint(str(tmp_path / "pipe"))


class TestDamage:
    """transformers ends in errors of many classes; each is one sentence that names the file."""

    @pytest.mark.parametrize(
        "text, reason",
        [
            ("{", "not a valid JSON"),
            ("null", "TypeError"),
            ("[]", "Unrecognized model"),
            ('{"model_type": ["bert"]}', "TypeError"),
            ('{"model_type": "bert", "hidden_size": "x"}', "Field 'hidden_size' expected int"),
            ('{"model_type": "bert", "id2label": [1]}', "AttributeError"),
            ('{"a":' * 5000 + "1" + "}" * 5000, "RecursionError"),
            (b"\xff\xfe", "not a valid JSON"),
        ],
        ids=["cut", "null", "list", "type", "value", "labels", "deep", "bytes"],
    )
    def test_configuration(self, copy: Path, text: Any, reason: str) -> None:
        (copy / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigurationError, match=f"bert/config.json: expected .*{reason}"):
            resolve_checkpoint(str(copy))

    @pytest.mark.parametrize("entry", ['"hidden_act": "nope"', '"vocab_size": -1'])
    def test_a_configuration_that_no_model_can_have(self, copy: Path, entry: str) -> None:
        (copy / "config.json").write_text(f'{{"model_type": "bert", {entry}}}')
        with pytest.raises(ConfigurationError, match="bert has no weights of BERT that load"):
            load_pretrained(BertModel, str(copy))

    @pytest.mark.parametrize("content", [b"", b"x" * 100, None], ids=["empty", "other", "cut"])
    def test_weights(self, copy: Path, content: Any) -> None:
        file = copy / "model.safetensors"
        file.write_bytes(file.read_bytes()[:3000] if content is None else content)
        with pytest.raises(
            ConfigurationError, match="bert has no weights of BERT that load .*head"
        ):
            load_pretrained(BertModel, str(copy))

    def test_a_pickle_is_not_run_and_nobody_is_told_to(self, copy: Path) -> None:
        (copy / "model.safetensors").unlink()
        mark = copy / "ran"
        (copy / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'touch %b'\ntR." % bytes(mark))
        with pytest.raises(ConfigurationError, match="Weights only load failed") as caught:
            load_pretrained(BertModel, str(copy))
        assert not mark.exists() and "weights_only" not in str(caught.value)

    @pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
    @pytest.mark.parametrize("text", ["", "[]", "null"])
    def test_tokenizer(self, copy: Path, name: str, text: str) -> None:
        (copy / name).write_text(text)
        with pytest.raises(ConfigurationError, match="bert has no tokenizer that can be read"):
            resolve_checkpoint(str(copy)).tokenizer  # noqa: B018


class TestOnce:
    @pytest.mark.parametrize("name", [BERT, str(ARCHIVE)], ids=["directory", "archive"])
    def test_the_name_is_resolved_once(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads: list[str] = []
        read: Callable[[str, bool], Any] = checkpoint_module.read_config

        def count_reads(directory: str, decoder: bool) -> Any:
            reads.append(directory)
            return read(directory, decoder)

        monkeypatch.setattr(checkpoint_module, "read_config", count_reads)
        load_pretrained(BertForSequenceClassification, name, str(tmp_path))
        assert len(reads) == 1

    def test_nothing_is_left_on_a_foreign_module(self) -> None:
        bert = BertModel.from_pretrained(BERT)
        before = [set(vars(module)) for module in bert.modules()]
        loaded = load_pretrained(BertModel, bert)
        assert [set(vars(module)) for module in loaded.model.modules()] == before
        for module in load_pretrained(BertForSequenceClassification, BERT).model.modules():
            assert not hasattr(module, "cls_id")
        assert not hasattr(bert.config, "cls_id")


class TestRevisions:
    @pytest.fixture
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        home = tmp_path / "home"
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        put_on_hub(home, "owner/model", Path(BERT))
        config = BertConfig.from_pretrained(BERT, hidden_act="relu")
        BertModel(config).save_pretrained(tmp_path / "second")
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(Path(BERT, name), tmp_path / "second")
        put_on_hub(home, "owner/model", tmp_path / "second", "v2")
        return home

    def test_a_config_may_name_one(self, hub: Path, tmp_path: Path) -> None:
        name = "owner/model@v2"
        overrides = {
            "model.bert_model": name,
            "dataset_reader.token_indexers.bert.pretrained_model": f"hf:{name}",
            "trainer.num_epochs": 1,
        }
        config = ROOT / "training_config" / "classification.jsonnet"
        allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
        shutil.rmtree(hub)
        archive = shutil.move(tmp_path / "out" / "model.tar.gz", tmp_path)
        predictor = Predictor.from_path(archive)
        assert predictor._model.bert.config.hidden_act == "relu"
        assert predictor.predict_json({"text": "A text."})["label"]

    @pytest.mark.parametrize(
        "name, message",
        [
            ("owner/model@v3", "owner/model in the revision 'v3' is neither"),
            ("owner/model@../../second", "owner/model in the revision '../../second' is neither"),
            ("hf:owner/other", "owner/other is neither"),
            ("owner/a/b@v2", "'owner/a/b' is neither a directory here nor a name"),
        ],
    )
    def test_one_that_is_not_there(self, hub: Path, name: str, message: str) -> None:
        with pytest.raises(ConfigurationError) as refused:
            resolve_checkpoint(name)
        assert message in str(refused.value)

    def test_a_directory_may_have_such_a_name(self, tmp_path: Path) -> None:
        shutil.copytree(BERT, tmp_path / "bert@home")
        assert resolve_checkpoint(str(tmp_path / "bert@home")).config.hidden_size == 32
