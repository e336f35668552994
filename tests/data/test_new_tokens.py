"""Word pieces for words that a checkpoint has none for, from the indexer to the export."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import TokenIndexer, Vocabulary
from allennlp.models import load_archive
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, BertForMaskedLM, BertModel

from bert_classification import BertForClassification
from bert_classification.bert.word_pieces import WordPieceTokenizer
from tests.support import BERT, ROOT, TASKS, allennlp, short_record

NEW = ["quorble", "<user>", "Zyxt"]
INDEXER = "dataset_reader.token_indexers.bert"


def train(task: str, directory: Path, **overrides: Any) -> Path:
    config = ROOT / "training_config" / f"{task}.jsonnet"
    overrides = {f"{INDEXER}.new_tokens": NEW, "trainer.num_epochs": 1, **overrides}
    allennlp("train", config, "-s", directory, "-o", json.dumps(overrides))
    return directory / "model.tar.gz"


@pytest.fixture(scope="module")
def old() -> Any:
    return AutoTokenizer.from_pretrained(BERT)


def test_they_are_pieces_of_their_own(old) -> None:
    tokenizer = WordPieceTokenizer(BERT, new_tokens=[*NEW, "the"])
    (ids,) = tokenizer.ids(["The Quorble, <user> quorbles zyxt"])
    names = tokenizer.convert_ids_to_tokens(ids)
    assert names[0] == "the" and names[-1].lower() == "zyxt" and {"quorble", "<user>"} <= set(names)
    assert names.count("quorble") == 1
    assert len(tokenizer) == len(old) + 3
    assert set(tokenizer.pretrained.get_added_vocab()) - set(old.get_added_vocab()) == set(NEW)
    # That of others has not changed.
    assert len(WordPieceTokenizer(BERT)) == len(old)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_trains_with_them_and_its_archive_opens(task, tmp_path, old) -> None:
    archive = train(task, tmp_path / "out")
    predictor = Predictor.from_path(archive)
    assert len(predictor._dataset_reader.tokenizer) == len(old) + 3
    assert predictor._model.bert.embeddings.word_embeddings.num_embeddings == len(old) + 3
    assert predictor.predict_json(short_record(task))


@pytest.mark.parametrize("task", ["classification", "masked_lm", "causal_lm", "pretraining"])
def test_they_begin_as_the_mean_of_their_pieces(task, tmp_path, old) -> None:
    model = load_archive(train(task, tmp_path / "out", **{"trainer.optimizer.lr": 0.0})).model
    tensors = [model.bert.embeddings.word_embeddings.weight]
    if task != "classification":
        head = model.cls.predictions
        assert head.decoder.weight is tensors[0]
        tensors.append(head.decoder.bias)
    for index, word in enumerate(NEW, len(old)):
        pieces = old(word, add_special_tokens=False).input_ids
        for tensor in tensors:
            assert torch.allclose(tensor[index], tensor[pieces].mean(0), atol=1e-7)


def test_an_export_has_them(tmp_path, old) -> None:
    archive = train("masked_lm", tmp_path / "out")
    allennlp("export-hf", archive, tmp_path / "exported")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "exported")
    model = BertForMaskedLM.from_pretrained(tmp_path / "exported").eval()
    text = "The quorble met [MASK] and <user>."
    ids = theirs(text, return_tensors="pt")
    assert {len(old), len(old) + 1} <= set(ids.input_ids[0].tolist())
    position = ids.input_ids[0].tolist().index(theirs.mask_token_id)
    best = int(model(**ids).logits[0, position].argmax())
    (fill,) = Predictor.from_path(archive).predict_json({"text": text, "top_k": 1})["fills"]
    assert fill[0]["token"] == theirs.convert_ids_to_tokens(best)


def test_they_may_be_filled_in(tmp_path) -> None:
    predictor = Predictor.from_path(train("masked_lm", tmp_path / "out"))
    record = {"text": "The [MASK] was cold.", "targets": ["quorble", "<user>"]}
    (fill,) = predictor.predict_json(record)["fills"]
    assert {each["token"] for each in fill} == {"quorble", "<user>"}


def test_a_training_goes_on_from_an_archive_that_has_them(tmp_path, old) -> None:
    first = train("masked_lm", tmp_path / "first")
    both = {"model.bert_model": str(first), f"{INDEXER}.pretrained_model": str(first)}
    more = {f"{INDEXER}.new_tokens": [*NEW, "wibble"]}
    second = load_archive(train("classification", tmp_path / "second", **both, **more)).model
    assert second.bert.embeddings.word_embeddings.num_embeddings == len(old) + 4


def test_a_model_in_memory_has_no_room_for_them(tmp_path) -> None:
    settings = {"type": "bert-pretrained", "pretrained_model": BERT, "new_tokens": NEW}
    TokenIndexer.from_params(Params(settings), serialization_dir=str(tmp_path))
    vocab = Vocabulary(tokens_to_add={"labels": ["a", "b"]})
    with pytest.raises(ConfigurationError, match="`new_tokens` need a checkpoint"):
        BertForClassification(
            vocab, BertModel.from_pretrained(BERT), serialization_dir=str(tmp_path)
        )


@pytest.mark.parametrize(
    "words, said",
    [
        (["two words"], "'two words'; expected words without white space"),
        ([""], "''; expected"),
        ([7], "7; expected"),
        (["a", "b", "a"], "'a' and 'a', which are one word"),
        (["Covid", "covid"], "'Covid' and 'covid', which are one word"),
        (["[MASK]"], "'[MASK]', which every text has already"),
        ([f"w{i}" for i in range(10_001)], "has 10001 words; expected at most 10000"),
    ],
)
def test_words_that_cannot_be(words, said) -> None:
    with pytest.raises(ConfigurationError) as refused:
        WordPieceTokenizer(BERT, new_tokens=words)
    assert said in str(refused.value)
