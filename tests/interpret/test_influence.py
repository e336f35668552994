"""Which records of its training an answer hangs on."""

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.interpret.influence_interpreters import InfluenceInterpreter, SimpleInfluence
from allennlp.models import Archive
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.data.records import RecordError
from bert_classification.interpret.influence import Influence
from tests.interpret.support import planted_texts, train_planted
from tests.support import FIXTURES, TASKS, predictor_class

WITH_LABELS = [
    task for task in TASKS if predictor_class(task).gold_key and predictor_class(task).segment_keys
]
TRAIN = {"token_classification": "dev.conll", "question_answering": "dev.json"}


def training_file(task: str) -> str:
    folder = FIXTURES / task
    return str(
        folder / TRAIN.get(task, "dev.jsonl" if (folder / "dev.jsonl").exists() else "dev.txt")
    )


def archive_of_earlier(task: str) -> Archive:
    return load_archive(FIXTURES / "archives" / f"{task}.tar.gz")


@pytest.mark.parametrize("task", WITH_LABELS)
def test_allennlps_simple_influence(task) -> None:
    """It goes through all of BERT: gradients of gradients, packed attention included."""
    interpreter = InfluenceInterpreter.from_archive(
        archive_of_earlier(task),
        train_data_path=training_file(task),
        params_to_freeze=[r"bert\.embeddings"],
        recursion_depth=2,
        lissa_batch_size=3,
    )
    test_instance = interpreter.train_instances[0].instance
    found = interpreter.interpret(test_instance, k=3)
    assert len(found.top_k) == 3 and found.loss > 0
    assert any("attention.self.query" in name for name in interpreter.used_param_names)
    assert all(torch.isfinite(torch.tensor(each.score)) for each in found.top_k)


@pytest.mark.parametrize("task", WITH_LABELS)
def test_every_task(task) -> None:
    archive = archive_of_earlier(task)
    predictor = Predictor.from_archive(archive)
    influence = Influence(predictor, archive.dataset_reader, training_file(task))  # type: ignore[arg-type]
    (found,) = influence.explain([predictor.example], k=3)  # type: ignore[attr-defined]
    assert found["label"] == "prediction" and len(found["supporting"]) == 3
    scores = [each["score"] for each in [*found["supporting"], *found["opposing"][::-1]]]
    assert scores == sorted(scores, reverse=True)
    for each in found["supporting"]:
        assert each["location"].startswith(str(FIXTURES / task))
        assert set(predictor.segment_keys[:1]) <= set(each["record"])  # type: ignore[attr-defined]


def test_ours_ranks_as_allennlps() -> None:
    archive = archive_of_earlier("classification")
    path, options = training_file("classification"), {"lissa_batch_size": 500, "recursion_depth": 3}
    predictor = Predictor.from_archive(archive)
    ours = Influence(predictor, archive.dataset_reader, path, **options)  # type: ignore[arg-type]
    gold = {"text": "The soup was cold.", "label": "negative"}
    (found,) = ours.explain([gold], k=5)
    theirs = SimpleInfluence(
        archive.model,
        path,
        archive.dataset_reader,
        params_to_freeze=[r"bert\.(?!pooler\.)"],
        **options,
    )
    # Dropout is off in ours; here it is in AllenNLP's as well.
    for module in archive.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    instance = archive.dataset_reader.text_to_instance(**gold)
    expected = theirs.interpret(instance, k=5)
    assert [each["score"] for each in found["supporting"]] == pytest.approx(
        [each.score for each in expected.top_k], rel=1e-3
    )


def test_a_mislabelled_twin_is_found(tmp_path) -> None:
    texts = planted_texts(96, 1)
    other = {"good": "bad", "bad": "good"}
    tested = planted_texts(5, 2)
    twins = [(text, other[label]) for text, label in tested]
    planted = train_planted([*texts, *twins], tmp_path / "train.jsonl")
    influence = Influence(planted.predictor, planted.predictor._dataset_reader, planted.path)
    records = [{"text": text, "label": label} for text, label in tested]
    found = 0
    for record, outcome in zip(records, influence.explain(records, k=10)):
        opposing = [(each["record"]["text"], each["score"]) for each in outcome["opposing"]]
        found += record["text"] in [text for text, score in opposing if score < 0]
        assert record["text"] not in [each["record"]["text"] for each in outcome["supporting"]]
    assert found >= 4


def test_the_model_stays_as_it_was(planted) -> None:
    model = planted.predictor._model
    required = [each.requires_grad for each in model.parameters()]
    influence = Influence(planted.predictor, planted.predictor._dataset_reader, planted.path)
    outcomes = influence.explain([{"text": 3}, {"text": "the new"}], k=200)
    assert isinstance(outcomes[0], RecordError) and len(outcomes[1]["supporting"]) == 64
    assert [each.requires_grad for each in model.parameters()] == required and not model.training


def test_what_has_no_influence_says_so(planted) -> None:
    reader = planted.predictor._dataset_reader
    with pytest.raises(ConfigurationError, match="`params_to_freeze` leaves no weight"):
        Influence(planted.predictor, reader, planted.path, [".*"]).explain([{"text": "the"}])
    lm = Predictor.from_path(FIXTURES / "archives" / "masked_lm.tar.gz")
    with pytest.raises(ConfigurationError, match="influence needs a task with labels"):
        Influence(lm, lm._dataset_reader, "train.txt")  # type: ignore[arg-type]
