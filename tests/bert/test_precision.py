"""float32 with packed weights, bfloat16 and int8 against the plain layers."""

import copy

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor
from transformers import BertModel

from bert_classification.bert.encoder import encode
from bert_classification.bert.packing import use_packed_attention
from bert_classification.bert.precision import set_precision
from tests.support import BERT, random_batch


@pytest.fixture
def bert() -> BertModel:
    bert = BertModel.from_pretrained(BERT).eval()
    use_packed_attention(bert)
    return bert


@pytest.mark.parametrize(
    "precision, least, most",
    [
        ("float32", 0, 1e-5),
        ("bfloat16", 1e-5, 0.1),
        ("float16", 1e-6, 0.01),
        ("int8", 1e-5, 0.2),
    ],
)
def test_near_the_plain_layers(bert, precision, least, most) -> None:
    batch = random_batch([3, 60, 1, 17])
    with torch.inference_mode():
        plain = encode(bert, *batch)
        set_precision(bert, precision)
        changed = encode(bert, *batch)
    for ours, theirs in zip(changed[:2], plain[:2]):
        assert ours.dtype is torch.float32
        assert least <= (ours - theirs).abs().max() < most


def test_packed_weights_follow_the_weights_and_leave_gradients(bert) -> None:
    plain, batch = copy.deepcopy(bert), random_batch([4, 9])
    names = list(bert.state_dict())
    set_precision(bert, "float32")
    assert list(bert.state_dict()) == names
    for model in (bert, plain):
        with torch.inference_mode():
            encode(model, *batch)
        encode(model, *batch).pooled.sum().backward()
        with torch.no_grad():
            model.encoder.layer[0].output.dense.weight.mul_(2)
    for ours, theirs in zip(bert.parameters(), plain.parameters()):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)
    with torch.inference_mode():
        assert torch.allclose(encode(bert, *batch).pooled, encode(plain, *batch).pooled, atol=1e-5)


@pytest.mark.parametrize("task", ["causal_lm", "masked_lm", "question_answering"])
@pytest.mark.parametrize("precision", ["bfloat16", "float16", "int8"])
def test_heads_stay_as_they_are(task, precision, archive_of) -> None:
    predictor = Predictor.from_path(archive_of(task), precision=precision)
    record = {"text": "It was [MASK].", "question": "What?", "context": "It was cold."}
    assert "error" not in predictor.predict_json(record)


def test_an_unknown_precision(bert) -> None:
    with pytest.raises(
        ConfigurationError, match="'fp8'; expected float32, bfloat16, float16, int8"
    ):
        set_precision(bert, "fp8")


def test_int8_in_several_batches_gives_what_it_gives_in_one(archive_of) -> None:
    records = [{"id": index, "text": "the house " * (index % 20)} for index in range(60)]
    few, many = (
        Predictor.from_path(archive_of("classification"), precision="int8", token_budget=budget)
        for budget in (100_000, 100)
    )
    one, several = few.predict_batch_json(records), many.predict_batch_json(records)
    assert [output["id"] for output in several] == list(range(60))
    for ours, theirs in zip(several, one):
        assert ours.get("error") == theirs.get("error")
        assert ours.get("probs") == pytest.approx(theirs.get("probs"), abs=0.02)
