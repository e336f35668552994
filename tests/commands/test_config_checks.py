"""What a config alone shows to be wrong."""

import json

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.commands.config_checks import check_embedders
from tests.support import BERT, allennlp

INDEXER = {"type": "bert-pretrained", "pretrained_model": BERT}


def config(reader: str, embedder: dict, indexer: dict) -> dict:
    return {
        "dataset_reader": {"type": reader, "token_indexers": {"bert": indexer}},
        "model": {
            "type": "basic_classifier",
            "text_field_embedder": {"token_embedders": {"bert": embedder}},
        },
    }


@pytest.mark.parametrize("reader", ["bert_for_classification", "text_classification_json"])
@pytest.mark.parametrize("embedder", ["pretrained_transformer", "embedding"])
def test_an_embedder_that_does_not_take_our_word_pieces(reader, embedder) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_embedders(config(reader, {"type": embedder}, INDEXER))
    sentence = str(caught.value)
    assert "`dataset_reader.token_indexers.bert` is of type `bert-pretrained`" in sentence
    assert f"`{embedder}`, does not take" in sentence


@pytest.mark.parametrize(
    "embedder, indexer",
    [
        ("pretrained_transformer", {"type": "pretrained_transformer", "model_name": BERT}),
        ("pass_through", {"type": "single_id"}),
        ("of-somebody-else", INDEXER),
    ],
)
def test_others(embedder, indexer) -> None:
    check_embedders(config("text_classification_json", {"type": embedder}, indexer))
    check_embedders({"model": {"type": "bert_for_classification"}})
    check_embedders({"model": "bert_for_classification", "dataset_reader": "bert_for_masked_lm"})


def test_before_anything_is_read(tmp_path) -> None:
    wrong = config("bert_for_classification", {"type": "pretrained_transformer"}, INDEXER)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**wrong, "train_data_path": "nowhere", "trainer": {}}))
    with pytest.raises(ConfigurationError, match="does not take"):
        allennlp("train", path, "-s", tmp_path / "trained")
