"""Zero-shot classification against the pipeline of transformers."""

import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor
from transformers import pipeline

from bert_classification.bert.labels import label_settings
from bert_classification.classification.zero_shot.request import MAX_LABELS, MAX_TEMPLATE
from tests.bert.published import publish
from tests.support import FIXTURES, allennlp, read_json_lines, write_lines

NAME = "bert_for_zero_shot"
NLI = ["entailment", "neutral", "contradiction"]
TEXT = "The new phone has a brighter screen, but its battery is empty by noon."
LABELS = ["technology", "cooking", "unbelievable politics", "sport"]


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> Any:
    """Tiny models for inference between sentences, one for each order of the labels."""
    made: dict[tuple[str, ...], Path] = {}

    def checkpoint(*labels: str) -> Path:
        if labels not in made:
            made[labels] = tmp_path_factory.mktemp("nli") / "published"
            publish(made[labels], "BertForSequenceClassification", **label_settings(labels))
        return made[labels]

    return checkpoint


@pytest.fixture(scope="module")
def archive(checkpoints, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("nli") / "model.tar.gz"
    allennlp("from-hf", checkpoints(*NLI), path)
    return path


@pytest.fixture(scope="module")
def predictor(archive) -> Any:
    return Predictor.from_path(archive, NAME)


class TestParity:
    @pytest.mark.parametrize(
        "labels",
        [
            # With others than these two kinds the pipeline takes "neutral" for contradiction.
            *(each for each in itertools.permutations(NLI) if each.index("neutral") == 1),
            ("contradiction", "entailment", "neutral"),
            ("not_entailment", "Entailment"),
            ("ENTAILS", "other"),
        ],
    )
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"multi_label": True},
            {"hypothesis_template": "Is it about {}?"},
            {"labels": ["sport"]},
            {"text": TEXT * 60},
        ],
    )
    def test_scores_are_those_of_the_pipeline(self, checkpoints, labels, settings) -> None:
        checkpoint = checkpoints(*labels)
        record = {"text": TEXT, "labels": LABELS, **settings}
        ours: Any = Predictor.from_path(checkpoint, NAME).predict_json(record)
        classify = pipeline("zero-shot-classification", str(checkpoint))
        theirs = classify(record.pop("text"), record.pop("labels"), **record)
        assert ours["labels"] == theirs["labels"]
        assert ours["scores"] == pytest.approx(theirs["scores"], abs=1e-5)

    def test_contradiction_is_found_by_its_name(self, checkpoints) -> None:
        record = {"text": TEXT, "labels": ["sport"]}
        path = checkpoints("neutral", "entailment", "contradiction")
        pairs: Any = Predictor.from_path(path)
        pair = {"text": TEXT, "text_pair": "This example is sport."}
        _, entails, contradicts = pairs.predict_json(pair)["logits"]
        (score,) = Predictor.from_path(path, NAME).predict_json(record)["scores"]
        assert score == pytest.approx(torch.tensor([entails, contradicts]).softmax(0)[0].item())


class TestBatches:
    RECORDS = [
        {"id": 1, "text": TEXT, "labels": LABELS},
        {"id": 2, "text": TEXT, "labels": []},
        {"id": 3, "text": "Soup.", "labels": LABELS[:2], "multi_label": True},
        {"id": 4, "text": TEXT, "labels": LABELS, "hypothesis_template": "It is {}!", "label": "x"},
    ]

    def test_all_pairs_of_all_records_run_together(self, predictor) -> None:
        runs: list[int] = []
        embeddings = predictor._model.bert.embeddings
        hook = embeddings.register_forward_hook(lambda *_: runs.append(1))
        outputs = predictor.predict_batch_json(self.RECORDS)
        hook.remove()
        assert len(runs) == 1
        for record, output in zip(self.RECORDS, outputs):
            alone = predictor.predict_json(record)
            assert output.keys() == alone.keys() and output.get("labels") == alone.get("labels")
            assert output.get("scores") == pytest.approx(alone.get("scores"), abs=1e-5)
        assert outputs[1].keys() == {"id", "error"} and outputs[3]["gold"] == "x"

    def test_every_way_gives_the_same(self, archive, predictor, serve, tmp_path) -> None:
        expected = predictor.predict_batch_json(self.RECORDS)
        source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
        write_lines(source, self.RECORDS)
        options = ("--predictor", NAME, "--output-file", target, "--silent", "--batch-size", 3)
        allennlp("predict", archive, source, *options)
        served = httpx.post(f"{serve(predictor)}/predict_batch", json=self.RECORDS).json()
        for outputs in (read_json_lines(target), served):
            for output, wanted in zip(outputs, expected, strict=True):
                assert output["id"] == wanted["id"]
                assert output.get("labels") == wanted.get("labels")
                assert output.get("scores") == pytest.approx(wanted.get("scores"), abs=1e-5)

    def test_no_record_is_no_output(self, predictor) -> None:
        assert predictor.predict_batch_json([]) == []


class TestServer:
    def test_the_page_and_the_description_are_its_own(self, predictor, serve) -> None:
        url = serve(predictor)
        about = httpx.get(f"{url}/about").json()
        assert about["example"] == predictor.example and about["saliency"] is False
        page = httpx.get(f"{url}/static/tasks/{about['task']}.js").text
        assert "Zero-shot" in page
        paths = httpx.get(f"{url}/openapi.json").json()["paths"]
        body = paths["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["required"] == ["text", "labels"]
        assert {"hypothesis_template", "multi_label"} <= set(body["properties"])
        assert "hypothesis_template" in httpx.get(f"{url}/docs").text

    def test_word_pieces_are_counted_with_all_labels(self, predictor, serve) -> None:
        url = serve(predictor)
        labels = [f"label {number}" for number in range(MAX_LABELS)]
        refused = httpx.post(f"{url}/predict", json={"text": TEXT * 9, "labels": labels})
        assert refused.status_code == 422
        assert "more than the 32768 of `--max-record-tokens`" in refused.json()["error"]
        answered = httpx.post(f"{url}/predict", json={"text": TEXT, "labels": labels[:9]})
        assert answered.status_code == 200 and len(answered.json()["scores"]) == 9


@pytest.mark.parametrize(
    "values, message",
    [
        ({"labels": None}, "`labels`: expected a list of labels to choose from, got null"),
        ({"labels": []}, "`labels`: expected a list of labels to choose from, got a list ([])."),
        ({"labels": "sport, art"}, 'got a string ("sport, art")'),
        ({"labels": ["a"] * 10_000}, "`labels`: 10000 labels; expected at most 1000."),
        ({"labels": ["a", " "]}, 'expected words that are not empty, got a string (" ") (label 2)'),
        ({"labels": [3]}, "got a number (3) (label 1)."),
        ({"labels": ["a", "b", "a"]}, "`labels`: 'a' stands there twice; name it once."),
        ({"labels": ["\ud800"]}, "`labels`: half a surrogate pair"),
        ({"hypothesis_template": "This is it."}, "with {} where the label goes"),
        ({"hypothesis_template": "{0}"}, 'got a string ("{0}")'),
        ({"hypothesis_template": "{}" * MAX_TEMPLATE}, "a text of up to 1000 characters"),
        ({"hypothesis_template": 5}, "got a number (5)."),
        ({"multi_label": "yes"}, '`multi_label`: expected true or false, got a string ("yes").'),
        ({"text": ""}, "`text`: the text is empty."),
    ],
)
def test_a_wrong_record_is_told_before_the_model_runs(predictor, values, message) -> None:
    (outcome,) = predictor.instances_or_errors([{"text": TEXT, "labels": LABELS, **values}])
    assert isinstance(outcome, ConfigurationError) and message in str(outcome)


def test_a_template_is_no_format_string(predictor) -> None:
    record = {"text": TEXT, "labels": LABELS, "hypothesis_template": "{} {0.__class__} {x!r:>9}"}
    (instance,) = predictor.instances_or_errors([record])
    hypotheses = instance["request"].metadata.hypotheses
    assert hypotheses[0] == "technology {0.__class__} {x!r:>9}"


class TestModels:
    def test_the_label_of_entailment_may_be_named(self, checkpoints) -> None:
        path = checkpoints("yes", "maybe", "no")
        message = "finds no label for it.*labels are 'yes', 'maybe', 'no'.*\"entailment_label\""
        with pytest.raises(ConfigurationError, match=message):
            Predictor.from_path(path, NAME)
        with pytest.raises(ConfigurationError, match="`entailment_label` is 'si'.*'yes', 'maybe'"):
            Predictor.from_path(path, NAME, entailment_label="si")
        named = Predictor.from_path(path, NAME, entailment_label="yes")
        logits = Predictor.from_path(path).predict_json(
            {"text": TEXT, "text_pair": "This example is sport."}
        )["logits"]
        (score,) = named.predict_json({"text": TEXT, "labels": ["sport"]})["scores"]
        yes_and_no = torch.tensor([logits[0], logits[2]])
        assert score == pytest.approx(yes_and_no.softmax(0)[0].item(), abs=1e-5)

    @pytest.mark.parametrize(
        "archive, message",
        [
            ("masked_lm", "one label each.*the model is a BertForMaskedLM"),
            ("next_sentence_prediction", "the model is a BertForNextSentencePrediction"),
            ("classification_of_many_labels", "BertForClassification of another problem type"),
            ("classification", "finds no label for it.*'negative'"),
        ],
    )
    def test_another_model_is_refused(self, archive, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            Predictor.from_path(FIXTURES / "archives" / f"{archive}.tar.gz", NAME)
