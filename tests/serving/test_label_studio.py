"""
`allennlp serve --label-studio`, in the form that Label Studio's documentation of ML backends gives
its requests and answers.
"""

from typing import Any

import httpx
import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from bert_classification.serving.app import make_app
from tests.support import FIXTURES

CHOICES = """
<View><Text name="review" value="$body"/>
  <Choices name="mood" toName="review"><Choice value="Positive"/><Choice value="Negative"/>
    <Choice value="Neutral"/></Choices></View>
"""
LABELS = """
<View><Labels name="names" toName="text"><Label value="PER"/><Label value="LOC"/></Labels>
  <Text name="text" value="$text"/></View>
"""
ANSWERS = """
<View><Header value="$question"/><Text name="question" value="$question"/>
  <Text name="passage" value="$passage"/>
  <Labels name="found" toName="passage"><Label value="The answer"/></Labels></View>
"""


def url_of(task: str, serve, **settings: Any) -> str:
    archive = str(FIXTURES / "archives" / f"{task}.tar.gz")
    predictor = Predictor.from_path(archive, **settings)
    return serve(predictor, label_studio=True)


def predict(url: str, config: str, *data: Any) -> list[dict[str, Any]]:
    tasks = [{"id": number, "data": each} for number, each in enumerate(data)]
    request = {
        "tasks": tasks,
        "model_version": "any",
        "project": "7.1700000000",
        "label_config": config,
        "params": {"login": None, "password": None, "context": None},
    }
    answer = httpx.post(f"{url}/predict", json=request)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["results"]) == len(tasks)
    return answer.json()["results"]


def test_a_choice_for_each_task_in_the_words_of_the_interface(serve) -> None:
    url = url_of("classification", serve)
    assert httpx.get(f"{url}/health").json()["status"] == "UP"
    project = {"project": "7.1700000000", "schema": CHOICES, "hostname": "", "access_token": ""}
    version = httpx.post(f"{url}/setup", json=project).json()["model_version"]
    texts = ["A fine room.", "The soup was cold."]
    results = predict(url, CHOICES, *({"body": text} for text in texts))
    for text, result in zip(texts, results):
        plain = httpx.post(f"{url}/predict", json={"text": text}).json()
        (region,) = result["result"]
        assert (region["from_name"], region["to_name"]) == ("mood", "review")
        assert (region["type"], result["model_version"]) == ("choices", version)
        assert region["value"] == {"choices": [plain["label"].capitalize()]}
        assert result["score"] == pytest.approx(max(plain["probs"]))


def test_spans_whose_labels_the_interface_has(serve) -> None:
    url = url_of("token_classification", serve)
    text = "Anna Berg flew from Oslo to Łódź last week 😀."
    (result,) = predict(url, LABELS, {"text": text})
    entities = httpx.post(f"{url}/predict", json={"text": text}).json()["entities"]
    known = [each for each in entities if each["type"] in ("PER", "LOC")]
    assert 0 < len(known) < len(entities)
    found = [each["value"] for each in result["result"]]
    assert [(each["start"], each["end"], each["text"], each["labels"]) for each in found] == [
        (each["start"], each["end"], text[each["start"] : each["end"]], [each["type"]])
        for each in known
    ]


def test_an_answer_in_its_passage(serve) -> None:
    url = url_of("question_answering", serve, handle_impossible_answer=False)
    passage = "The bakery on Mill Street opens at six."
    data = {"question": "When does it open?", "passage": passage}
    (result,) = predict(url, ANSWERS, data)
    (region,) = result["result"]
    value = region["value"]
    assert value["labels"] == ["The answer"]
    assert passage[value["start"] : value["end"]] == value["text"] != ""


def test_a_task_that_is_none_costs_no_other_its_prediction(serve) -> None:
    url = url_of("classification", serve)
    bad, good = predict(url, CHOICES, {"image": "1.png"}, {"body": "A fine room."})
    assert (bad["result"], bad["score"]) == ([], 0.0)
    assert len(good["result"]) == 1


@pytest.mark.parametrize(
    "schema, message",
    [
        (None, "expected a labelling interface in XML"),
        ("<View>", "is not valid XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View/>', "expected a labelling interface"),
        (LABELS, "has no Choices or Number or Rating"),
        (CHOICES.replace("itive", "").replace("ative", "").replace("tral", ""), "the same ones"),
    ],
)
def test_an_interface_that_does_not_fit_is_refused(serve, schema, message) -> None:
    url = url_of("classification", serve)
    answer = httpx.post(f"{url}/setup", json={"project": "7.1", "schema": schema})
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_a_model_that_labels_nothing_is_refused() -> None:
    predictor = Predictor.from_path(str(FIXTURES / "archives" / "causal_lm.tar.gz"))
    with pytest.raises(ConfigurationError, match="--label-studio"):
        make_app(predictor, label_studio=True)
