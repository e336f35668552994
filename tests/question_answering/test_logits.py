"""The logits that a record asks for, against Hugging Face's tokenizer and head."""

from typing import Any

import httpx
import pytest
import torch
from allennlp.data import Vocabulary
from transformers import AutoTokenizer
from transformers import BertForQuestionAnswering as PretrainedQuestionAnswering

from bert_classification import BertForQuestionAnswering, BertForQuestionAnsweringPredictor
from tests.question_answering.support import LONG, make_reader
from tests.support import BERT, assert_close

MAX_PIECES, STRIDE = 48, 20
QUESTION = "When did the old town have a market?"
SHORT = "Anna sells tea in the old town, and no coffee."


@pytest.fixture(scope="module")
def predictor() -> Any:
    torch.manual_seed(1)
    model = BertForQuestionAnswering(Vocabulary(), BERT).eval()
    reader = make_reader(MAX_PIECES, doc_stride=STRIDE, max_query_length=20)
    return BertForQuestionAnsweringPredictor(model, reader)


def windows_of_hugging_face(predictor: Any, question: str, context: str) -> list[dict]:
    tokenizer = AutoTokenizer.from_pretrained(BERT)
    room = MAX_PIECES - len(tokenizer.tokenize(question)) - 3
    encoded = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=MAX_PIECES,
        stride=room - STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    model = PretrainedQuestionAnswering.from_pretrained(BERT).eval()
    model.load_state_dict(predictor._model.state_dict())
    windows = []
    for row, (ids, types) in enumerate(zip(encoded["input_ids"], encoded["token_type_ids"])):
        with torch.no_grad():
            given = model(torch.tensor([ids]), token_type_ids=torch.tensor([types]))
        offsets = [
            list(offset) if sequence == 1 else None
            for offset, sequence in zip(encoded["offset_mapping"][row], encoded.sequence_ids(row))
        ]
        starts, ends = given.start_logits[0].tolist(), given.end_logits[0].tolist()
        windows.append({"start_logits": starts, "end_logits": ends, "offsets": offsets})
    return windows


@pytest.mark.parametrize("context, several", [(SHORT, False), (LONG, True)])
def test_logits_and_offsets_are_those_of_hugging_face(predictor, context, several) -> None:
    expected = windows_of_hugging_face(predictor, QUESTION, context)
    # In a batch with one that has another number of windows, and with one that asks for nothing.
    records: list[dict] = [
        {"question": QUESTION, "context": each, "logits": True} for each in (LONG, context, SHORT)
    ]
    *_, plain = outputs = predictor.predict_batch_json([*records, {**records[0], "logits": False}])
    assert (len(expected) > 1) is several
    assert_close(outputs[1]["logits"], expected, 1e-5)
    assert_close(plain, {key: value for key, value in outputs[0].items() if key != "logits"})


def test_a_decoder_of_ones_own_finds_the_best_answer(predictor) -> None:
    record = {"question": QUESTION, "context": SHORT, "logits": True}
    output = predictor.predict_json(record)
    (window,) = output["logits"]
    spans = [
        (start + end, SHORT[first[0] : last[1]])
        for at, (start, first) in enumerate(zip(window["start_logits"], window["offsets"]))
        for end, last in zip(window["end_logits"][at : at + 30], window["offsets"][at : at + 30])
        if first and last
    ]
    assert max(spans)[1] == output["n_best"][0]["answer"]
    assert output["null_score"] == pytest.approx(
        window["start_logits"][0] + window["end_logits"][0], abs=1e-5
    )


def test_the_server_gives_them_to_the_record_that_asks(predictor, serve) -> None:
    record = {"question": QUESTION, "context": LONG}
    asked = [{**record, "logits": logits} for logits in (True, None, 1)]
    url = serve(predictor)
    outputs = httpx.post(f"{url}/predict_batch", json=asked).json()
    assert ["logits" in output for output in outputs] == [True, False, False]
    assert outputs[2] == {"error": "`logits`: expected true or false, got a number (1)."}
    alone = httpx.post(f"{url}/predict", json=asked[0]).json()
    assert_close(alone, outputs[0])
