"""What holds for every task: served over HTTP, opened for study, trained in part."""

import json

import httpx
import pytest
from allennlp.common import Params
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from transformers import BertModel

from tests.support import (
    EXPLAINED,
    FIXTURES,
    ROOT,
    TASKS,
    allennlp,
    assert_close,
    predictor_class,
    read_json_lines,
    short_record,
)


@pytest.mark.parametrize("task", TASKS)
def test_serve(task, archive_of, serve) -> None:
    url = serve(Predictor.from_path(archive_of(task)))
    record = {"id": 7, **short_record(task)}
    one = httpx.post(f"{url}/predict", json=record)
    assert one.status_code == 200
    assert {"id", *predictor_class(task).output_keys} <= set(one.json())
    batch = httpx.post(f"{url}/predict_batch", json=[record, {"id": 8}, "text"]).json()
    assert ["error" in output for output in batch] == [False, True, True]
    assert batch[1]["id"] == 8


@pytest.mark.parametrize("task", TASKS)
def test_a_batch_gives_what_its_records_give_alone(task, archive_of) -> None:
    predictor = Predictor.from_path(archive_of(task))
    records = [{"id": 7, **predictor.example}, *read_json_lines(FIXTURES / task / "predict.jsonl")]
    together = predictor.predict_batch_json(records)
    for record, output in zip(records, together, strict=True):
        assert_close(output, predictor.predict_json(record))


@pytest.mark.parametrize("task", TASKS)
def test_evaluate_writes_predictions_as_json(task, archive_of, tmp_path) -> None:
    data = Params.from_file(f"training_config/{task}.jsonnet")["validation_data_path"]
    archive = load_archive(archive_of(task))
    labelled = next(iter(archive.validation_dataset_reader.read(data)))
    output = tmp_path / "predictions"
    allennlp("evaluate", archive_of(task), data, "--predictions-output-file", output)
    lines = output.read_text(encoding="utf-8").splitlines()
    batches = [json.loads(line, parse_constant=pytest.fail) for line in lines]
    # What the predictor alone adds is not there: it has the texts.
    readable = set(archive.model.eval().forward_on_instance(labelled))
    assert "loss" in readable
    assert batches and all(readable <= set(batch) for batch in batches)


@pytest.mark.parametrize("task", TASKS)
def test_hidden_states_and_attentions_on_request(task, archive_of) -> None:
    wanted = {"model.output_hidden_states": True, "model.output_attentions": True}
    predictor = Predictor.from_path(archive_of(task), overrides=json.dumps(wanted))
    # A predictor that generates has another one beside it, which runs the model over a text once.
    scoring = f"bert_for_{task}_scoring"
    if scoring in Predictor.list_available():
        predictor = Predictor.by_name(scoring)(predictor._model, predictor._dataset_reader)
    output = predictor.predict_json(short_record(task))
    assert {"hidden_states", "attentions"} <= set(output)


def is_checkpointing(bert: BertModel) -> bool:
    # transformers renamed it on the way to version 6.
    renamed = hasattr(bert, "is_activation_checkpointing")
    return bert.is_activation_checkpointing if renamed else bert.is_gradient_checkpointing


@pytest.mark.parametrize("task", TASKS)
def test_the_top_layer_alone_trains_with_gradient_checkpointing(task, tmp_path) -> None:
    overrides = {
        "model.trainable": 1,
        "model.gradient_checkpointing": True,
        "trainer.num_epochs": 1,
        "trainer.optimizer.lr": 0.01,
    }
    config = f"training_config/{task}.jsonnet"
    allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
    trained = load_archive(tmp_path / "out" / "model.tar.gz").model.bert
    assert is_checkpointing(trained)
    before = BertModel.from_pretrained("fixtures/bert").state_dict()
    changed = {
        name for name, value in trained.state_dict().items() if not value.equal(before[name])
    }
    assert any(name.startswith("encoder.layer.1.") for name in changed)
    frozen = {name for name in changed if name.startswith(("encoder.layer.0.", "embeddings"))}
    # A decoder that is tied to the embeddings trains them as a part of the head.
    assert frozen <= {"embeddings.word_embeddings.weight"}


@pytest.mark.parametrize("task", EXPLAINED)
@pytest.mark.parametrize("name", ["simple-gradient", "integrated-gradient", "smooth-gradient"])
def test_saliency(task, name, archive_of) -> None:
    predictor = Predictor.from_path(archive_of(task))
    result = SaliencyInterpreter.by_name(name)(predictor).saliency_interpret_from_json(
        short_record(task)
    )
    (importance,) = result["instance_1"].values()
    assert len(importance) > 4 and sum(importance) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("task", TASKS)
def test_the_page_knows_the_task_and_its_example_is_one(task, archive_of, serve) -> None:
    url = serve(Predictor.from_path(archive_of(task)))
    about = httpx.get(f"{url}/about").json()
    assert about["task"] == task
    about_task = predictor_class(task)
    assert about["saliency"] == (task in EXPLAINED)
    assert about["stream"] == hasattr(about_task, "stream_json")
    assert about["example"] == about_task.example != {}
    assert set(about["example"]) <= set(about["fields"]) <= set(about_task.input_keys)
    answer = httpx.post(f"{url}/predict", json=about["example"]).json()
    assert set(about_task.output_keys) <= set(answer)
    if about["labels"] and "probs" in answer:
        assert len(about["labels"]) == len(answer["probs"])
    assert {each["type"] for each in answer.get("entities", [])} <= set(about["labels"])


@pytest.mark.parametrize("task", EXPLAINED)
def test_word_importance(task, archive_of, serve) -> None:
    url = serve(Predictor.from_path(archive_of(task)))
    record = short_record(task)
    words = httpx.post(f"{url}/saliency", json=record, timeout=60).json()
    assert sum(word["score"] for word in words) == pytest.approx(1, abs=1e-3)
    assert {word["key"] for word in words} == set(record)
    for word in words:
        text = record[word["key"]]
        text = text[word["choice"]] if "choice" in word else text
        assert text[word["start"] : word["end"]] == word["text"]


@pytest.mark.parametrize("task", TASKS)
def test_the_readme_asks_the_server_of_each_task(task, archive_of) -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith((f"| [{task}]", f"| {task} |"))]
    record = json.loads(row.split("|")[3].strip(" `"))
    output = Predictor.from_path(archive_of(task)).predict_json(record)
    assert set(predictor_class(task).output_keys) <= set(output)
