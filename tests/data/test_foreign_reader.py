"""Our models under readers of others: every door, and what cannot be."""

import json
from pathlib import Path
from typing import Any, Optional

import httpx
import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance, Token, TokenIndexer
from allennlp.data.fields import ListField, TextField
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from tests.support import BERT, FIXTURES, allennlp, assert_close, read_json_lines

INDEXERS = {"bert": {"type": "bert-pretrained", "pretrained_model": BERT}}
DEV = FIXTURES / "classification" / "dev.jsonl"
TEXT = "The soup was cold, and nobody came."


@DatasetReader.register("words-of-others")
class WordsReader(DatasetReader):
    """It takes words, and makes nothing of none."""

    def __init__(
        self, token_indexers: dict[str, TokenIndexer], several: bool = False, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self._indexers, self._several = token_indexers, several

    def text_to_instance(self, tokens: list, label: Optional[str] = None) -> Any:
        field = TextField([Token(token) for token in tokens], self._indexers)
        if not tokens:
            return None
        return Instance({"tokens": ListField([field, field]) if self._several else field})


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """A `bert_for_classification` trained on AllenNLP's own reader."""
    directory = tmp_path_factory.mktemp("foreign")
    config = {
        "dataset_reader": {
            "type": "text_classification_json",
            "tokenizer": "bert-basic",
            "token_indexers": INDEXERS,
        },
        "model": {"type": "bert_for_classification", "bert_model": BERT},
        "train_data_path": str(FIXTURES / "classification" / "train.jsonl"),
        "data_loader": {"batch_size": 16},
        "trainer": {"num_epochs": 1, "optimizer": "adam", "cuda_device": -1},
    }
    (directory / "config.json").write_text(json.dumps(config))
    allennlp("train", directory / "config.json", "-s", directory / "trained")
    return directory / "trained" / "model.tar.gz"


@pytest.fixture(scope="module")
def predictor(archive) -> Any:
    return Predictor.from_path(str(archive))


@pytest.fixture(scope="module")
def ours(archive) -> Any:
    """The same model on our own reader."""
    reader = {"type": "bert_for_classification", "token_indexers": INDEXERS}
    return Predictor.from_path(str(archive), overrides={"dataset_reader": reader})


def test_predictions_are_those_of_our_reader(predictor, ours) -> None:
    records = [{"id": 1, "text": TEXT, "label": "neutral"}, {"sentence": "x"}, {"text": TEXT * 50}]
    outputs = predictor.predict_batch_json(records)
    assert_close(outputs, ours.predict_batch_json(records), 1e-5)
    assert outputs[0]["id"] == 1 and outputs[0]["gold"] == "neutral"


@pytest.mark.parametrize(
    "record", [{"txt": "a"}, {"text": 5}, {"text": " "}, {"text": "\ud800"}, {}, 5, None]
)
def test_a_bad_record_has_the_same_error(predictor, ours, record) -> None:
    good = {"text": TEXT}
    outputs = predictor.predict_batch_json([good, record, good])
    assert outputs[1] == ours.predict_json(record) and "error" in outputs[1]
    assert_close(outputs[0], outputs[2])


@pytest.mark.parametrize("options", [[], ["--use-dataset-reader"], ["--batch-size", "7"]])
def test_the_command_predicts(archive, ours, tmp_path, options) -> None:
    output = tmp_path / "output"
    allennlp("predict", archive, DEV, "--silent", "--output-file", output, *options)
    outputs = read_json_lines(output)
    # AllenNLP's reader knows no pairs.
    expected = ours.predict_batch_json([{"text": each["text"]} for each in read_json_lines(DEV)])
    assert_close([each["logits"] for each in outputs], [each["logits"] for each in expected])


def test_evaluates(archive, tmp_path) -> None:
    allennlp("evaluate", archive, DEV, "--output-file", tmp_path / "metrics")
    assert json.loads((tmp_path / "metrics").read_text())["loss"] > 0


def test_the_server(predictor, ours, serve) -> None:
    url = serve(predictor)
    answer = httpx.post(f"{url}/predict", json={"text": TEXT}).json()
    assert_close(answer, ours.predict_json({"text": TEXT}), 1e-5)
    assert httpx.post(f"{url}/predict", json={"note": 1}).status_code == 422
    batch = httpx.post(f"{url}/predict_batch", json=[{"text": TEXT}, {"text": 7}]).json()
    assert_close(batch[0], answer) and "expected a string" in batch[1]["error"]
    about = httpx.get(f"{url}/about").json()
    assert about["task"] == "classification" and about["saliency"]
    (mine, theirs) = (
        httpx.post(f"{at}/saliency", json={"text": TEXT}).json() for at in (url, serve(ours))
    )
    assert_close(mine, theirs, 1e-4)


def test_the_limit_of_a_record(predictor) -> None:
    (short, long) = predictor.instances_or_errors([{"text": "x"}, {"text": TEXT}], 5)
    assert isinstance(short, Instance) and "more than the 5 of `--max-record-tokens`" in str(long)


def test_a_reader_that_takes_words(archive) -> None:
    reader = {"type": "words-of-others", "token_indexers": INDEXERS}
    predictor = Predictor.from_path(str(archive), overrides={"dataset_reader": reader})
    outputs = predictor.predict_batch_json(
        [{"tokens": ["The", "soup"]}, {"tokens": []}, {"text": "The soup"}, {"tokens": 5}]
    )
    assert "label" in outputs[0] and "makes nothing of" in outputs[1]["error"]
    assert outputs[2]["error"] == "no key `tokens`; the record has `text`."
    assert "failed with TypeError" in outputs[3]["error"]


def test_windows(archive) -> None:
    reader = {"type": "words-of-others", "token_indexers": INDEXERS, "several": True}
    predictor = Predictor.from_path(str(archive), overrides={"dataset_reader": reader})
    assert "label" in predictor.predict_json({"tokens": ["The", "soup"]})


def test_a_text_that_may_not_be_cut(archive) -> None:
    overrides = {"dataset_reader.token_indexers.bert.truncate_long_sequences": False}
    predictor = Predictor.from_path(str(archive), overrides=overrides)
    assert "more than `max_pieces`" in predictor.predict_json({"text": TEXT * 50})["error"]


@pytest.mark.parametrize("task", ["question_answering", "token_classification", "masked_lm"])
def test_tasks_that_need_their_own(archive_of, archive, task) -> None:
    model, reader = load_archive(archive_of(task)).model, load_archive(archive).dataset_reader
    with pytest.raises(ConfigurationError, match="needs the reader of its task"):
        Predictor.by_name(f"bert_for_{task}")(model, reader)
