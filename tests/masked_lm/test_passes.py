"""Joint fillings and pseudo-log-likelihoods, against plain loops with transformers."""

import itertools
import math
from typing import Any

import httpx
import pytest
import torch
from allennlp.predictors import Predictor
from transformers import AutoTokenizer
from transformers import BertForMaskedLM as PretrainedHead

from bert_classification.masked_lm.request import MAX_JOINT_FILLINGS, MAX_JOINT_MASKS, MIN_BEAMS
from bert_classification.objectives.mask_filling import fill_in
from tests.support import BERT, FIXTURES, allennlp, assert_close, read_json_lines, write_lines

TOKENIZER = AutoTokenizer.from_pretrained(BERT)
TARGETS = ["the", "was", "a", "and"]
TEXT = "The [MASK] was [MASK] in the [MASK]."
SENTENCE = "The soup was unbelievably cold, and nobody said so."


@pytest.fixture
def theirs(model) -> PretrainedHead:
    theirs = PretrainedHead.from_pretrained(BERT).eval()
    theirs.load_state_dict(model.state_dict(), strict=False)
    return theirs


def log_probs(theirs: PretrainedHead, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return theirs(torch.tensor([ids])).logits[0].log_softmax(-1)


def chain_rule(theirs: PretrainedHead, text: str, filling: tuple[str, ...]) -> float:
    """The log-probability of a filling, its pieces put in from left to right."""
    ids, total = TOKENIZER(text)["input_ids"], 0.0
    for piece in TOKENIZER.convert_tokens_to_ids(list(filling)):
        position = ids.index(TOKENIZER.mask_token_id)
        total += log_probs(theirs, ids)[position, piece].item()
        ids[position] = piece
    return total


class TestJoint:
    def test_the_best_fillings_of_all_there_are(self, predictor, theirs) -> None:
        # A beam of all fillings of the first two masks leaves nothing out.
        record = {"text": TEXT, "targets": TARGETS, "top_k": 16, "joint": True}
        every = {
            filling: chain_rule(theirs, TEXT, filling)
            for filling in itertools.product(TARGETS, repeat=3)
        }
        best = sorted(every, key=lambda filling: -every[filling])[:16]
        output = predictor.predict_json(record)
        assert [tuple(each["tokens"]) for each in output["joint"]] == best
        for each in output["joint"]:
            assert each["logprob"] == pytest.approx(every[tuple(each["tokens"])], abs=1e-5)
            assert each["text"] == fill_in(TEXT, "[MASK]", each["tokens"])
        assert output["text"] == output["joint"][0]["text"]

    def test_a_beam_over_all_pieces(self, predictor, theirs) -> None:
        text = "The [MASK] was [MASK]."
        beams = [((), 0.0)]
        for _ in range(2):
            longer = []
            for filling, total in beams:
                ids = TOKENIZER(text)["input_ids"]
                for piece in filling:
                    ids[ids.index(TOKENIZER.mask_token_id)] = piece
                row = log_probs(theirs, ids)[ids.index(TOKENIZER.mask_token_id)]
                longer += [((*filling, at), total + each) for at, each in enumerate(row.tolist())]
            beams = sorted(longer, key=lambda each: -each[1])[:MIN_BEAMS]
        output = predictor.predict_json({"text": text, "joint": True, "top_k": 4})
        assert len(output["joint"]) == 4
        for given, (filling, total) in zip(output["joint"], beams):
            assert given["tokens"] == TOKENIZER.convert_ids_to_tokens(filling)
            assert given["logprob"] == pytest.approx(total, abs=1e-5)

    def test_one_mask_is_filled_as_always(self, predictor) -> None:
        output = predictor.predict_json({"text": "The [MASK] was cold.", "joint": True})
        for fill, joint in zip(output["fills"][0], output["joint"], strict=True):
            assert joint["tokens"] == [fill["token"]]
            assert math.exp(joint["logprob"]) == pytest.approx(fill["prob"], rel=1e-4)


class TestScore:
    def test_each_piece_masked_in_turn(self, predictor, theirs) -> None:
        ids = TOKENIZER(SENTENCE)["input_ids"]
        expected = []
        for position in range(1, len(ids) - 1):
            masked = [*ids[:position], TOKENIZER.mask_token_id, *ids[position + 1 :]]
            expected.append(log_probs(theirs, masked)[position, ids[position]].item())
        output = predictor.predict_json({"text": SENTENCE, "score": True})
        assert output["pll"] == pytest.approx(sum(expected), abs=1e-5)
        assert [each["logprob"] for each in output["pieces"]] == pytest.approx(expected, abs=1e-5)
        assert [each["token"] for each in output["pieces"]] == TOKENIZER.tokenize(SENTENCE)
        mean = sum(expected) / len(expected)
        assert output["pseudo_perplexity"] == pytest.approx(math.exp(-mean), rel=1e-5)
        assert output["text"] == SENTENCE and output["fills"] == []

    def test_a_text_as_long_as_there_is_room(self, predictor) -> None:
        room = predictor._dataset_reader.tokenizer.max_pieces - 2
        long, longer = predictor.predict_batch_json(
            [{"text": "the " * count, "score": True} for count in (room, room + 1)]
        )
        assert len(long["pieces"]) == room
        assert longer["error"] == (
            f"`text`: {room + 3} word pieces with [CLS] and [SEP]; to be scored expected from 3 to "
            f"{room + 2} (`max_pieces` of the token indexer), since none is cut."
        )


RECORDS: list[dict[str, Any]] = [
    {"text": TEXT},
    {"text": TEXT, "joint": True, "top_k": 2},
    {"text": SENTENCE, "score": True},
    {"text": SENTENCE},
    {"text": "A [MASK] [MASK].", "joint": True},
    {"text": "Soup.", "score": True, "joint": False},
    {"text": TEXT, "joint": False, "score": None},
]


def test_a_setting_holds_for_its_record_alone_in_every_way(serve, tmp_path) -> None:
    archive = FIXTURES / "archives" / "masked_lm.tar.gz"
    predictor = Predictor.from_path(archive)
    outputs = predictor.predict_batch_json(RECORDS)
    plain = {"fills", "text"}
    scored = plain | {"pll", "pseudo_perplexity", "pieces"}
    joint = plain | {"joint"}
    expected = [plain, joint, scored, {"error"}, joint, scored, plain]
    assert [set(output) for output in outputs] == expected
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    write_lines(source, RECORDS)
    allennlp("predict", archive, source, "--output-file", target, "--silent", "--batch-size", 9)
    url = serve(predictor)
    for given in (
        [predictor.predict_json(record) for record in RECORDS],
        [{**each, "line": ...} for each in read_json_lines(target)],
        httpx.post(f"{url}/predict_batch", json=RECORDS).json(),
        [httpx.post(f"{url}/predict", json=record).json() for record in RECORDS],
    ):
        for one, other in zip(given, outputs, strict=True):
            one.pop("line", None)
            assert_close(one, other)


def test_passes_run_in_batches_and_are_counted_before(predictor, serve) -> None:
    runs: list[int] = []
    hook = predictor._model.bert.embeddings.register_forward_hook(lambda *_: runs.append(1))
    predictor.predict_batch_json([{"text": SENTENCE, "score": True}] * 3)
    # One that every record takes, and one over all rows of all texts.
    assert len(runs) == 2
    runs.clear()
    predictor.predict_batch_json([{"text": TEXT, "joint": True}] * 2)
    assert len(runs) == 4
    runs.clear()
    records = [
        {"text": SENTENCE, "score": True},
        {"text": TEXT, "joint": True},
        {"text": SENTENCE + " [MASK]"},
    ]
    score, joint, fill = predictor.instances_or_errors(records, max_record_tokens=60)
    hook.remove()
    assert not runs and not isinstance(fill, Exception)
    for refused in (score, joint):
        assert "more than the 60 of `--max-record-tokens`" in str(refused)


@pytest.mark.parametrize(
    "record, message",
    [
        ({"text": TEXT, "joint": 1}, "`joint`: expected true or false, got a number (1)."),
        ({"text": TEXT, "score": "x"}, "`score`: expected true or false, got a string"),
        ({"text": TEXT, "score": True}, "`score`: a text with [MASK] has no likelihood"),
        ({"text": "x", "joint": True}, "there is no [MASK] to fill in"),
        ({"text": "x", "joint": True, "score": True}, "`joint` has no meaning with `score: true`"),
        ({"text": "x", "top_k": 2, "score": True}, "`top_k` has no meaning with `score: true`"),
        ({"text": "\u0001", "score": True}, "`text`: 2 word pieces"),
        (
            {"text": "[MASK] " * (MAX_JOINT_MASKS + 1), "joint": True, "top_k": 1},
            f"`joint`: {MAX_JOINT_MASKS + 1} masks; expected at most {MAX_JOINT_MASKS}",
        ),
        (
            {"text": TEXT, "joint": True, "top_k": MAX_JOINT_FILLINGS + 1},
            f"`top_k`: {MAX_JOINT_FILLINGS + 1} fillings; with `joint` expected at most",
        ),
    ],
)
def test_what_is_wrong_is_told_before_the_model_runs(predictor, record, message) -> None:
    (refused,) = predictor.instances_or_errors([record])
    assert message in str(refused)


def test_what_explains_a_mask_refuses_a_text_without_one(tmp_path) -> None:
    archive = FIXTURES / "archives" / "masked_lm.tar.gz"
    source = write_lines(tmp_path / "in.jsonl", [RECORDS[1], RECORDS[2]])
    for command in (["explain"], ["attack", "--method", "hotflip"]):
        output = tmp_path / f"{command[0]}.jsonl"
        allennlp(command[0], archive, source, *command[1:], "-o", output)
        joint, score = read_json_lines(output)
        assert "error" not in joint and "there is no mask" in score["error"]
