"""BERT without a head: loaded from wherever a BERT may lie, trained, archived, exported."""

import json
import tarfile
from pathlib import Path
from typing import Any, Optional

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.models import Model, load_archive
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    BertPreTrainedModel,
)

from bert_classification.archives.archived_bert import find_archived_bert
from bert_classification.bert.encoder import TextInput, encode_field
from bert_classification.bert.pretrained import load_pretrained
from bert_classification.commands.export_hf import export
from tests.support import BERT, FIXTURES, allennlp

ARCHIVE = str(FIXTURES / "archives" / "classification.tar.gz")
CLS_ID = 2


@Model.register("test_headless")
class Headless(Model):
    """A model of somebody else's, with a final layer of its own beside a plain `BertModel`."""

    def __init__(
        self, vocab: Vocabulary, bert_model: str, serialization_dir: Optional[str] = None
    ) -> None:
        super().__init__(vocab, serialization_dir=serialization_dir)
        pretrained = load_pretrained(BertModel, bert_model, serialization_dir)
        self.text_input = TextInput(cls_id=pretrained.cls_id)
        self.bert = pretrained.model
        self.final = torch.nn.Linear(self.bert.config.hidden_size, vocab.get_vocab_size("labels"))

    def forward(  # type: ignore[override]
        self, tokens: TextFieldTensors, label: Optional[Tensor] = None
    ) -> dict[str, Tensor]:
        logits = self.final(encode_field(self.bert, tokens, self.text_input).pooled)
        output = {"logits": logits}
        if label is not None:
            output["loss"] = cross_entropy(logits, label)
        return output


def weights_equal(model: torch.nn.Module, expected: dict[str, Tensor]) -> bool:
    state = model.state_dict()
    return state.keys() == expected.keys() and all(
        torch.equal(state[name], weight) for name, weight in expected.items()
    )


def save_with_tokenizer(model: BertPreTrainedModel, directory: Path) -> str:
    model.save_pretrained(directory)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (directory / name).write_bytes(Path(BERT, name).read_bytes())
    return str(directory)


class TestLoading:
    def test_a_plain_checkpoint(self) -> None:
        pretrained = load_pretrained(BertModel, BERT)
        assert weights_equal(pretrained.model, BertModel.from_pretrained(BERT).state_dict())
        assert pretrained.has_head and pretrained.cls_id == CLS_ID

    def test_a_checkpoint_that_has_a_head(self, tmp_path: Path) -> None:
        torch.manual_seed(5)
        theirs = BertForSequenceClassification(BertConfig.from_pretrained(BERT))
        loaded = load_pretrained(BertModel, save_with_tokenizer(theirs, tmp_path))
        assert weights_equal(loaded.model, theirs.bert.state_dict())
        assert loaded.has_head and loaded.cls_id == CLS_ID

    def test_an_archive(self) -> None:
        loaded = load_pretrained(BertModel, ARCHIVE)
        assert weights_equal(loaded.model, load_archive(ARCHIVE).model.bert.state_dict())
        assert loaded.has_head and loaded.cls_id == CLS_ID

    def test_an_instance_stays_the_object_it_is(self) -> None:
        bert = BertModel.from_pretrained(BERT).half()
        before = {name: weight.float() for name, weight in bert.state_dict().items()}
        model, has_head, cls_id = load_pretrained(BertModel, bert)
        assert model is bert and weights_equal(bert, before)
        assert has_head and cls_id is None

    def test_a_checkpoint_without_a_pooler_says_that_it_is_fresh(self, tmp_path, caplog) -> None:
        theirs = BertForMaskedLM(BertConfig.from_pretrained(BERT))
        directory = save_with_tokenizer(theirs, tmp_path)
        with caplog.at_level("INFO"):
            model = load_pretrained(BertModel, directory).model
        assert "fresh pooler.dense.bias, pooler.dense.weight" in caplog.text
        without = {k: v for k, v in model.state_dict().items() if not k.startswith("pooler.")}
        assert weights_equal(theirs.bert, without)

    def test_the_architecture_is_remembered_for_the_archive(self, tmp_path: Path) -> None:
        load_pretrained(BertModel, BERT, str(tmp_path))
        config = json.loads((tmp_path / "vocabulary/.bert/model/config.json").read_text())
        assert config["architectures"] == ["BertModel"]

    def test_a_model_with_a_head_is_told_to_give_its_bert(self) -> None:
        model: Any = BertForSequenceClassification(BertConfig.from_pretrained(BERT))
        with pytest.raises(ConfigurationError, match="A BertForSequenceClassification .*`bert`"):
            load_pretrained(BertModel, model)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("headless")
    data = str(FIXTURES / "classification" / "train.jsonl")
    config = {
        "dataset_reader": {
            "type": "bert_for_classification",
            "token_indexers": {"bert": {"type": "bert-pretrained", "pretrained_model": BERT}},
        },
        "model": {"type": "test_headless", "bert_model": BERT},
        "train_data_path": data,
        "validation_data_path": data,
        "data_loader": {"batch_size": 8, "batches_per_epoch": 1},
        "trainer": {"num_epochs": 1, "optimizer": {"type": "adamw", "lr": 1e-3}},
    }
    (directory / "config.json").write_text(json.dumps(config))
    allennlp("train", directory / "config.json", "-s", directory / "trained")
    return directory / "trained" / "model.tar.gz"


class TestArchive:
    def test_it_opens_with_what_was_trained(self, archive: Path) -> None:
        model = load_archive(archive).model
        trained = torch.load(archive.parent / "best.th", weights_only=True)
        assert isinstance(model, Headless) and weights_equal(model, trained)
        before = BertModel.from_pretrained(BERT).state_dict()
        assert not torch.equal(model.bert.state_dict()["pooler.dense.weight"], before[POOLER])

    def test_it_needs_no_other_file(self, archive: Path) -> None:
        with tarfile.open(archive) as members:
            names = {name.removeprefix("./") for name in members.getnames()}
        assert {"vocabulary/.bert/model/config.json"} <= names
        config = BertConfig.from_pretrained(find_archived_bert(str(archive)).configuration)
        assert config.architectures == ["BertModel"]

    def test_it_is_exported_as_a_plain_bert(self, archive: Path, tmp_path: Path) -> None:
        export(str(archive), str(tmp_path / "exported"))
        exported = BertModel.from_pretrained(tmp_path / "exported")
        bert = load_archive(archive).model.bert
        assert weights_equal(exported, bert.state_dict())
        assert (tmp_path / "exported" / "tokenizer.json").is_file()
        # And is a checkpoint again, for us too.
        again = load_pretrained(BertModel, str(tmp_path / "exported"))
        assert weights_equal(again.model, bert.state_dict()) and again.cls_id == CLS_ID

    def test_it_is_a_checkpoint_for_another_task(self, archive: Path) -> None:
        loaded = load_pretrained(BertForSequenceClassification, str(archive), labels=["a", "b"])
        bert = load_archive(archive).model.bert
        assert weights_equal(loaded.model.bert, bert.state_dict()) and not loaded.has_head


POOLER = "pooler.dense.weight"
