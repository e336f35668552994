"""What each layer knows of the labels."""

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from bert_classification.interpret.probe import probe
from tests.support import FIXTURES, write_lines


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_word_that_decides_is_known_above_the_embeddings(planted, pooling) -> None:
    found = probe(planted.predictor, planted.path, pooling)
    assert found["labels"] == {"bad": 32, "good": 32} and found["baseline"] == 0.5
    accuracies = [each["accuracy"] for each in found["layers"]]
    assert [each["layer"] for each in found["layers"]] == [0, 1, 2]
    assert accuracies[-1] == 1.0
    # The embedding of [CLS] is the same in all texts.
    assert accuracies[0] > 0.8 if pooling == "mean" else accuracies[0] < 0.6


def test_words_and_their_tags() -> None:
    predictor = Predictor.from_path(FIXTURES / "archives" / "token_classification.tar.gz")
    path = str(FIXTURES / "token_classification" / "long.conll")
    found = probe(predictor, path)  # type: ignore[arg-type]
    assert found["pooling"] == "first piece of a word"
    assert sum(found["labels"].values()) == found["examples"]
    assert found["baseline"] == found["labels"]["O"] / found["examples"]


def test_no_more_examples_than_asked_for(planted) -> None:
    assert probe(planted.predictor, planted.path, max_examples=20)["examples"] == 20


def test_what_cannot_be_probed_says_so(planted, tmp_path) -> None:
    same = write_lines(tmp_path / "same.jsonl", [{"text": "the", "label": "good"}] * 20)
    with pytest.raises(ConfigurationError, match="20 labels of 1 kinds; expected at least 10"):
        probe(planted.predictor, same)
    with pytest.raises(ConfigurationError, match="`pooling` is 'max'"):
        probe(planted.predictor, planted.path, "max")
    choices = Predictor.from_path(FIXTURES / "archives" / "multiple_choice.tar.gz")
    path = str(FIXTURES / "multiple_choice" / "dev.jsonl")
    with pytest.raises(ConfigurationError, match="one label a text, or a tag for each word"):
        probe(choices, path)  # type: ignore[arg-type]
