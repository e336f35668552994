"""AllenNLP's own models stand on the embedder `bert-pretrained`, and their archives travel."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive

from tests.support import BERT, allennlp, write_lines

INDEXER = {"type": "bert-pretrained", "pretrained_model": BERT}
WORDS = {"token_indexers": {"bert": {**INDEXER, "token_mask": True}}}
WIDTH = json.loads(Path(BERT, "config.json").read_text())["hidden_size"]
SENTENCES = """\
Anna X Y B-PER
Berg X Y I-PER
flew X Y O
to X Y O
Reykjavik X Y B-LOC

She X Y O
slept X Y O

"""


def embedder(**settings: Any) -> dict[str, Any]:
    return {"token_embedders": {"bert": {**INDEXER, **settings}}}


def tagger(type: str, **settings: Any) -> dict[str, Any]:
    encoder = {"type": "pass_through", "input_dim": WIDTH}
    return {"type": type, "text_field_embedder": embedder(**settings), "encoder": encoder}


CLASSIFIER = {
    "type": "basic_classifier",
    "text_field_embedder": embedder(sub_token_mode="pieces"),
    "seq2vec_encoder": {"type": "bert_pooler", "pretrained_model": BERT},
}
TEXTS = {
    "type": "text_classification_json",
    "tokenizer": {"type": "bert-basic"},
    "token_indexers": {"bert": INDEXER},
}
CONFIGS = {
    "simple_tagger": ({"type": "conll2003", **WORDS}, tagger("simple_tagger")),
    "crf_tagger": (
        {"type": "conll2003", **WORDS},
        tagger("crf_tagger", scalar_mix=True, sub_token_mode="first", trainable=1),
    ),
    "basic_classifier": (TEXTS, CLASSIFIER),
}


def train(directory: Path, reader: dict[str, Any], model: dict[str, Any]) -> Path:
    data = directory / "data"
    if reader["type"] == "conll2003":
        data.write_text(SENTENCES * 4)
    else:
        words = ("good", "bad") * 4
        write_lines(data, [{"text": f"a {word} soup", "label": word} for word in words])
    config = {
        "dataset_reader": reader,
        "model": model,
        "train_data_path": str(data),
        "validation_data_path": str(data),
        "data_loader": {"batch_size": 4},
        "trainer": {"num_epochs": 1, "optimizer": {"type": "huggingface_adamw", "lr": 1e-3}},
    }
    path = directory / "config.json"
    path.write_text(json.dumps(config))
    allennlp("train", path, "-s", directory / "trained")
    return data


@pytest.mark.parametrize("name", CONFIGS)
def test_an_archive_opens_elsewhere(name, tmp_path, monkeypatch) -> None:
    data = train(tmp_path, *CONFIGS[name])
    instance, *_ = load_archive(tmp_path / "trained").dataset_reader.read(str(data))
    expected = load_archive(tmp_path / "trained").model.eval().forward_on_instance(instance)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    archive = shutil.move(tmp_path / "trained" / "model.tar.gz", elsewhere)
    shutil.rmtree(tmp_path / "trained")
    # What it was trained from is somewhere else now.
    monkeypatch.chdir(elsewhere)
    opened = load_archive(archive)
    assert BERT not in json.dumps(opened.config.as_dict(quiet=True))
    fresh, *_ = opened.dataset_reader.read(str(data))
    output = opened.model.eval().forward_on_instance(fresh)
    key = "probs" if name == "basic_classifier" else "tags"
    assert len(output[key]) == len(expected[key]) > 0
    torch.testing.assert_close(
        torch.tensor(output.get("probs", output["logits"])),
        torch.tensor(expected.get("probs", expected["logits"])),
    )


@pytest.mark.parametrize(
    "reader, settings, message",
    [
        ({"token_indexers": {"bert": INDEXER}}, {}, "say `token_mask: true`"),
        (WORDS, {"sub_token_mode": "pieces"}, "Take one of the two out"),
    ],
)
def test_a_mask_of_something_else_is_refused_at_once(reader, settings, message, tmp_path) -> None:
    with pytest.raises(ConfigurationError, match=message):
        train(tmp_path, {"type": "conll2003", **reader}, tagger("simple_tagger", **settings))
    assert not (tmp_path / "trained" / "vocabulary").exists()
