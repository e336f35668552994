"""Records in any number and of any length, in order, within the token budget."""

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from bert_classification.bert.packing import pack
from bert_classification.data.batch_sampler import token_batches

LENGTHS = [3, 120, 9, 9, 40, 1, 64, 9]


@pytest.fixture
def predictor(archive_of) -> Predictor:
    return Predictor.from_path(archive_of("classification"), token_budget=64)


def packed_batches(monkeypatch) -> list[list[int]]:
    """Gives the lengths of the texts that go through BERT together, as they are packed."""
    batches = []

    def packing(mask, in_order):
        batches.append(sorted(mask.sum(-1).tolist()))
        return pack(mask, in_order)

    monkeypatch.setattr("bert_classification.bert.encoder.pack", packing)
    return batches


def test_outputs_are_in_order_and_texts_of_like_lengths_run_together(
    predictor, monkeypatch
) -> None:
    batches = packed_batches(monkeypatch)
    records = [{"id": index, "text": "the " * length} for index, length in enumerate(LENGTHS)]
    records.insert(4, {"id": "bad"})
    outputs = predictor.predict_batch_json(records)
    # [CLS] and [SEP] count.
    assert batches == [[3, 5, 11, 11, 11], [42], [66], [122]]
    assert [output["id"] for output in outputs] == [record["id"] for record in records]
    assert "error" in outputs[4]
    alone = [predictor.predict_json(record) for record in records]
    assert [output.get("probs") for output in outputs] == [
        pytest.approx(output["probs"], abs=1e-5) if "probs" in output else None for output in alone
    ]


def test_the_budget_counts_all_windows_of_a_record(archive_of, monkeypatch) -> None:
    predictor = Predictor.from_path(archive_of("question_answering"), token_budget=500)
    batches = packed_batches(monkeypatch)
    long = {"question": "Where?", "context": "the house " * 150}
    short = {"question": "Where?", "context": "In the house."}
    answers = predictor.predict_batch_json([short, long, short])
    assert len(batches) == 2 and max(batches[1]) == 128
    assert answers[0] == answers[2] and answers[1]["answer"]


def test_nothing_to_predict(predictor) -> None:
    assert predictor.predict_batch_json([]) == []
    assert "error" in predictor.predict_batch_json([{}])[0]


@pytest.mark.parametrize("budget", [1, 50, 10**6])
def test_batches_hold_each_text_once_within_the_budget(budget) -> None:
    batches = token_batches(LENGTHS, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(LENGTHS)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(LENGTHS[index] for index in batch) <= budget


def test_a_budget_below_one_piece(archive_of) -> None:
    with pytest.raises(ConfigurationError, match="`token_budget` is 0"):
        Predictor.from_path(archive_of("classification"), token_budget=0)
