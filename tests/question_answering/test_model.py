"""Question answering: windows, spans, metrics, and the commands, against plain definitions."""

import collections
import csv
import json
import re
import shutil
import string
from pathlib import Path

import numpy
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, BertModel
from transformers import BertForQuestionAnswering as PretrainedQuestionAnswering

from bert_classification import (
    BertForQuestionAnswering,
    BertForQuestionAnsweringReader,
    PretrainedBertIndexer,
)
from bert_classification.data.windows import max_context, window_spans
from bert_classification.question_answering.spans import best_spans, context_windows
from bert_classification.question_answering.squad_scores import SquadScores, best_threshold
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

DATA = FIXTURES / "question_answering"
TRAIN = str(DATA / "train.json")
CONTEXT = "😀 Ana lives in a small café\u0301 in Łódź, and she sells tea."
LONG = " ".join(f"In the year {1900 + year} the old town had a market." for year in range(40))


def make_reader(max_pieces: int = 128, **settings) -> BertForQuestionAnsweringReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForQuestionAnsweringReader(token_indexers={"bert": indexer}, **settings)


@pytest.fixture
def model() -> BertForQuestionAnswering:
    torch.manual_seed(1)
    return BertForQuestionAnswering(Vocabulary(), BERT).eval()


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def gold(context: str, *texts: str) -> list[dict]:
    return [{"text": text, "answer_start": context.index(text)} for text in texts]


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/question_answering.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-4)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    def hugging_face(self, model: BertForQuestionAnswering) -> PretrainedQuestionAnswering:
        theirs = PretrainedQuestionAnswering.from_pretrained(BERT).eval()
        theirs.load_state_dict(model.state_dict())
        return theirs

    def test_logits_and_loss_of_one_window(self, model) -> None:
        instance = make_reader().text_to_instance("Where?", CONTEXT, gold(CONTEXT, "small"))
        inputs = tensors([instance])
        ours = model(**inputs)
        encoded = AutoTokenizer.from_pretrained(BERT)("Where?", CONTEXT, return_tensors="pt")
        theirs = self.hugging_face(model)(
            **encoded,
            start_positions=inputs["start_positions"][0],
            end_positions=inputs["end_positions"][0],
        )
        assert torch.allclose(ours["start_logits"][0], theirs.start_logits, atol=1e-5)
        assert torch.allclose(ours["end_logits"][0], theirs.end_logits, atol=1e-5)
        assert torch.allclose(ours["loss"], theirs.loss, atol=1e-5)

    def test_logits_and_loss_of_a_padded_batch_of_windows(self, model) -> None:
        reader = make_reader(64, doc_stride=20, max_query_length=20)
        instances = [
            reader.text_to_instance("Where?", CONTEXT, gold(CONTEXT, "small")),
            reader.text_to_instance("When was it?", LONG, gold(LONG, "1903")),
        ]
        inputs = tensors(instances)
        ours = model(**inputs)
        field = inputs["tokens"]["bert"]
        mask = field["mask"].flatten(0, 1)
        hugging_face = self.hugging_face(model)
        losses = []
        for row in mask.any(-1).nonzero()[:, 0].tolist():
            where = mask[row].nonzero()[:, 0]
            theirs = hugging_face(
                input_ids=field["input_ids"].flatten(0, 1)[row, where][None],
                token_type_ids=field["token_type_ids"].flatten(0, 1)[row, where][None],
                start_positions=inputs["start_positions"].flatten()[row, None],
                end_positions=inputs["end_positions"].flatten()[row, None],
            )
            logits = ours["start_logits"].flatten(0, 1)[row, where]
            assert torch.allclose(logits, theirs.start_logits[0], atol=1e-5)
            losses.append(theirs.loss)
        assert len(losses) > 5 and not mask.any(-1).all()
        assert torch.allclose(ours["loss"], torch.stack(losses).mean(), atol=1e-5)

    def test_a_checkpoint_gives_its_head(self, tmp_path) -> None:
        trained = PretrainedQuestionAnswering.from_pretrained(BERT)
        trained.save_pretrained(tmp_path)
        model = BertForQuestionAnswering(Vocabulary(), str(tmp_path))
        assert torch.equal(model.qa_outputs.weight, trained.qa_outputs.weight)

    def test_a_bert_with_a_pooler_gives_a_model_without(self) -> None:
        model = BertForQuestionAnswering(Vocabulary(), BertModel.from_pretrained(BERT))
        self.hugging_face(model)

    def test_positions_outside_a_window_are_ignored(self, model) -> None:
        instance = make_reader().text_to_instance("Where?", CONTEXT, gold(CONTEXT, "small"))
        inputs = tensors([instance, instance])
        alone = model(**tensors([instance]))["loss"]
        inputs["start_positions"][1] = inputs["end_positions"][1] = 10_000
        assert torch.allclose(model(**inputs)["loss"], alone, atol=1e-6)


class TestReader:
    @pytest.mark.parametrize("doc_stride", [5, 16, 200])
    def test_gold_positions_give_back_the_answer(self, doc_stride) -> None:
        reader = make_reader(40, doc_stride=doc_stride, max_query_length=10)
        found = 0
        texts = ["Łódź", "small café\u0301", "😀"]
        cases = [*((text, CONTEXT) for text in texts), ("1911", LONG), ("tea", "No (tea)!")]
        for text, context in cases:
            instance = reader.text_to_instance("What?", context, gold(context, text))
            offsets = instance["offsets"].tensor
            windows = instance["windows"].tensor.tolist()
            starts, ends = (
                instance[key].tensor.tolist() for key in ("start_positions", "end_positions")
            )
            for (first, begin, *_), start, end in zip(windows, starts, ends):
                if start:
                    found += 1
                    span = slice(offsets[start - begin + first, 0], offsets[end - begin + first, 1])
                    assert context[span] == text
        assert found >= len(cases)

    def test_windows_hold_question_and_context_within_max_pieces(self) -> None:
        reader = make_reader(40, doc_stride=9, max_query_length=10)
        instance = reader.text_to_instance("What is it?", LONG)
        tokenizer = reader.tokenizer
        question, context = (ids.tolist() for ids in tokenizer.ids(["What is it?", LONG]))
        for field, (first, begin, end, *_) in zip(
            instance["tokens"], instance["windows"].tensor.tolist()
        ):
            part = context[first : first + end - begin]
            expected = [tokenizer.cls_id, *question, tokenizer.sep_id, *part, tokenizer.sep_id]
            assert field.ids.tolist() == expected and len(field) <= 40
            assert field.second == begin

    @pytest.mark.parametrize("length, size, doc_stride", [(1, 9, 4), (30, 9, 4), (31, 8, 3)])
    def test_each_piece_is_owned_by_the_window_of_most_context(
        self, length, size, doc_stride
    ) -> None:
        windows = context_windows(length, 5, size + 8, doc_stride)
        owners = max_context(window_spans(length, size, doc_stride))
        for index, (first, begin, _, own_begin, own_end) in enumerate(windows.tolist()):
            owned = range(own_begin - begin + first, own_end - begin + first)
            assert list(owned) == numpy.flatnonzero(owners == index).tolist()

    def test_counts_and_says_what_is_not_whole(self, tmp_path, caplog) -> None:
        lines = [
            {"question": "why " * 30, "context": CONTEXT, "answers": gold(CONTEXT, "tea")},
            {"question": "When?", "context": LONG, "answers": gold(LONG, LONG[:600])},
            {"question": "Who?", "context": CONTEXT, "answers": [], "is_impossible": True},
        ]
        reader = make_reader(40, max_query_length=10)
        with caplog.at_level("INFO"):
            instances = list(reader.read(write_lines(tmp_path / "train.jsonl", lines)))
        null = sum(int((each["start_positions"].tensor == 0).sum()) for each in instances)
        assert "3 questions, 1 of them impossible" in caplog.text
        assert f"{null} windows without the answer are trained as null" in caplog.text
        assert "1 answers are whole in no window" in caplog.text
        assert "1 questions were cut to `max_query_length` (10)" in caplog.text

    def test_reads_the_same_from_every_format(self, tmp_path) -> None:
        answers = gold(CONTEXT, "small", "a small")
        lists = {key: [answer[key] for answer in answers] for key in ("text", "answer_start")}
        values = {"question": "Where?", "context": CONTEXT}
        jsonl = [{**values, "answers": answers}, {**values, "answers": lists}]
        squad = {
            "data": [
                {
                    "paragraphs": [
                        {
                            "context": CONTEXT,
                            "qas": [{"id": "1", "question": "Where?", "answers": answers}],
                        }
                    ]
                }
            ]
        }
        paths = [
            write_lines(tmp_path / "a.jsonl", jsonl),
            write_lines(tmp_path / "a.json", [squad]),
            str(tmp_path / "a.csv"),
        ]
        with open(paths[2], "w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["question", "context", "answers", "is_impossible"])
            rows.writerow(["Where?", CONTEXT, json.dumps(answers), "False"])
        instances = [each for path in paths for each in make_reader().read(path)]
        assert len(instances) == 4
        assert {tuple(each["answers"].metadata) for each in instances} == {("small", "a small")}
        assert len({int(each["start_positions"].tensor[0]) for each in instances}) == 1

    def test_shares_a_context_among_its_questions(self) -> None:
        instances = list(make_reader().read(TRAIN))
        assert numpy.shares_memory(
            instances[0]["offsets"].tensor.numpy(), instances[1]["offsets"].tensor.numpy()
        )

    @pytest.mark.parametrize("settings", [{"doc_stride": 0}, {"max_query_length": 125}])
    def test_refuses_settings_without_room(self, settings) -> None:
        with pytest.raises(ConfigurationError, match=next(iter(settings))):
            make_reader(**settings)


class TestSpans:
    def all_spans(self, starts, ends, windows, offsets, longest) -> list:
        """Every span that is permitted, best first, by plain loops."""
        spans = []
        for window, (first, begin, end, own_begin, own_end) in enumerate(windows.tolist()):
            for start in range(own_begin, own_end):
                for stop in range(start, min(end, start + longest)):
                    score = float(starts[window, start] + ends[window, stop])
                    pieces = (start - begin + first, stop - begin + first)
                    spans.append((score, offsets[pieces[0], 0], offsets[pieces[1], 1]))
        return sorted(spans, reverse=True)

    @pytest.mark.parametrize("longest", [1, 4, 100])
    def test_are_the_best_of_all_permitted_ones(self, longest) -> None:
        torch.manual_seed(2)
        windows = [torch.from_numpy(context_windows(pieces, 3, 16, 4)) for pieces in (30, 7)]
        padded = torch.zeros(2, len(windows[0]), 5, dtype=torch.long)
        for row, of_question in enumerate(windows):
            padded[row, : len(of_question)] = of_question
        starts, ends = torch.randn(2, 2, len(windows[0]), 16)
        edges = 3 * torch.arange(30)
        offsets = torch.stack([edges, edges + 2], -1).expand(2, 30, 2)
        found = best_spans(starts, ends, padded, offsets, 12, longest)
        for row, of_question in enumerate(windows):
            expected = self.all_spans(starts[row], ends[row], of_question, offsets[row], longest)
            count = min(12, len(expected))
            got = torch.stack(found[:3], -1)[row, :count]
            assert torch.allclose(got.double(), torch.tensor(expected[:count]).double(), atol=1e-6)
            nulls = (starts + ends)[row, : len(of_question), 0]
            assert torch.allclose(found.null_score[row], nulls.min())
        assert (found.span_scores[1] == -torch.inf).any() == (longest == 1)

    def test_padding_windows_change_nothing(self, model) -> None:
        reader = make_reader(40, doc_stride=12, max_query_length=10)
        short, long = (reader.text_to_instance("What?", text) for text in (CONTEXT, LONG))
        (alone,) = model.forward_on_instances([short])
        beside, _ = model.forward_on_instances([short, long])
        answers = [(each["start"], each["end"]) for each in alone["n_best"]]
        assert [(each["start"], each["end"]) for each in beside["n_best"]] == answers
        assert beside["null_score"] == pytest.approx(alone["null_score"], abs=1e-5)

    def test_answers_are_substrings_with_probabilities(self, model) -> None:
        (output,) = model.forward_on_instances([make_reader().text_to_instance("Who?", CONTEXT)])
        assert CONTEXT[output["start"] : output["end"]] == output["answer"]
        assert len(output["n_best"]) == model.n_best
        assert all(
            CONTEXT[each["start"] : each["end"]] == each["answer"] for each in output["n_best"]
        )
        assert sum(each["score"] for each in output["n_best"]) == pytest.approx(1.0, abs=1e-5)

    def test_an_uncased_answer_keeps_its_accents(self) -> None:
        instance = make_reader().text_to_instance("Where?", CONTEXT)
        end = CONTEXT.index("café\u0301") + len("café\u0301")
        assert end in instance["offsets"].tensor[:, 1]

    @pytest.mark.parametrize("context", ["ok", "\ufffdx", "…"])
    def test_a_tiny_context_has_an_answer(self, model, context) -> None:
        (output,) = model.forward_on_instances([make_reader().text_to_instance("Who?", context)])
        assert output["answer"] and output["answer"] in context


class TestNoAnswer:
    def test_is_given_above_the_threshold_only(self, model) -> None:
        instance = make_reader().text_to_instance("Who?", CONTEXT)
        (plain,) = model.forward_on_instances([instance])
        assert plain["answer"] and all(each["answer"] for each in plain["n_best"])
        model.handle_impossible_answer = True
        diff = plain["null_score_diff"]
        for threshold, is_null in ((diff + 0.1, False), (diff - 0.1, True)):
            model.null_score_diff_threshold = threshold
            (output,) = model.forward_on_instances([instance])
            assert (output["answer"] == "") == is_null
            assert [each["answer"] for each in output["n_best"]].count("") == 1
            if is_null:
                assert (output["start"], output["end"]) == (0, 0)

    @pytest.mark.parametrize("answers, handled", [(gold(CONTEXT, "tea"), False), ([], True)])
    def test_follows_the_training_data(self, answers, handled) -> None:
        instance = make_reader().text_to_instance("Who?", CONTEXT, answers)
        vocab = Vocabulary.from_instances([instance])
        assert BertForQuestionAnswering(vocab, BERT).handle_impossible_answer == handled
        given = BertForQuestionAnswering(vocab, BERT, handle_impossible_answer=not handled)
        assert given.handle_impossible_answer != handled


def plain(text: str) -> list[str]:
    """The words that count, by the definition of the official evaluation."""
    text = "".join(mark for mark in text.lower() if mark not in string.punctuation)
    return re.sub(r"\b(?:an?|the)\b", " ", text).split()


def plain_scores(prediction: str, answers: list[str]) -> tuple[float, float]:
    """Exact match and F1 of one question, written down from that definition."""
    answers = [answer for answer in answers if plain(answer)] or [""]
    em, f1 = 0.0, 0.0
    for words, wanted in ((plain(prediction), plain(answer)) for answer in answers):
        same = sum((collections.Counter(words) & collections.Counter(wanted)).values())
        both_empty = float(words == wanted) if not words or not wanted else 0.0
        em = max(em, float(words == wanted))
        f1 = max(f1, 2 * same / (len(words) + len(wanted)) if same else both_empty)
    return em, f1


CASES = [
    ("The Eiffel Tower!", ["Eiffel tower"], -3.0),
    ("eiffel", ["the Eiffel Tower", "Tower of Eiffel"], -1.0),
    ("a b b c", ["b b d"], 0.5),
    ("", ["something"], 2.0),
    ("something", [], 1.5),
    ("else", [], -2.0),
    ("the", [], 0.1),
    (".", [".", "peace"], 0.2),
    ("U.S.", ["US"], -0.5),
    ("don't", ["dont", "do not"], 3.0),
    ("naïve  Café", ["naïve café"], 0.3),
]

# The official search takes every answer to an impossible question for wrong, even an empty one.
WITHOUT_EMPTY = [case for case in CASES if case[0] != "the"]


def plain_best_threshold(part: int) -> tuple[float, float]:
    """The best score and its threshold, answering one question more at a time."""
    current = best = sum(not answers for _, answers, _ in CASES)
    threshold = 0.0
    for text, answers, diff in sorted(CASES, key=lambda case: case[2]):
        wrong = -1 if text else 0
        current += plain_scores(text, answers)[part] if answers else wrong
        if current > best:
            best, threshold = current, diff
    return 100 * best / len(CASES), threshold


class TestMetrics:
    def measure(self, threshold: float, cases: list = CASES) -> dict[str, float]:
        scores = SquadScores()
        for prediction, answers, diff in cases:
            scores(["" if diff > threshold else prediction], [prediction], [diff], [answers])
        return scores.get_metric(reset=True)

    @pytest.mark.parametrize("threshold", [-10.0, 0.15, 10.0])
    def test_equal_the_official_definition(self, threshold) -> None:
        rows = [
            (bool(answers), *plain_scores("" if diff > threshold else text, answers))
            for text, answers, diff in CASES
        ]
        metrics = self.measure(threshold)
        for name, kept in (
            ("", rows),
            ("has_answer_", [row for row in rows if row[0]]),
            ("no_answer_", [row for row in rows if not row[0]]),
        ):
            _, em, f1 = 100 * numpy.mean(kept, axis=0)
            assert metrics[f"{name}em"] == pytest.approx(em)
            assert metrics[f"{name}f1"] == pytest.approx(f1)

    def test_best_threshold_equals_the_official_search(self) -> None:
        metrics = self.measure(0.0)
        names = (("best_em", "best_em_threshold"), ("best_f1", "best_threshold"))
        for part, (best, threshold) in enumerate(names):
            expected = plain_best_threshold(part)
            assert (metrics[best], metrics[threshold]) == pytest.approx(expected)

    def test_best_threshold_gives_the_best_scores(self) -> None:
        metrics = self.measure(0.0, WITHOUT_EMPTY)
        tried = [self.measure(diff, WITHOUT_EMPTY) for _, _, diff in CASES]
        assert metrics["best_f1"] == pytest.approx(max(each["f1"] for each in tried))
        again = self.measure(metrics["best_threshold"], WITHOUT_EMPTY)
        assert again["f1"] == pytest.approx(metrics["best_f1"])

    def test_best_threshold_may_answer_nothing(self) -> None:
        best, threshold = best_threshold(
            numpy.zeros(2), numpy.array([-4.0, -3.0]), numpy.array([False, False])
        )
        assert best == 100.0 and threshold < -4.0

    def test_without_impossible_questions_there_are_two(self) -> None:
        scores = SquadScores()
        assert scores.get_metric() == {}
        scores(["tea"], ["tea"], [1.0], [["tea"]])
        assert scores.get_metric(reset=True) == {"em": 100.0, "f1": 100.0}
        assert scores.get_metric() == {}


class TestCommands:
    @pytest.fixture
    def archive(self, archive_of, tmp_path) -> Path:
        return Path(shutil.copy(archive_of("question_answering"), tmp_path / "moved.tar.gz"))

    def predict(self, archive: Path, path: str, *options: str) -> list[dict]:
        output = archive.parent / "predictions.jsonl"
        allennlp("predict", archive, path, "--output-file", output, "--silent", *options)
        return read_json_lines(output)

    def test_evaluate_in_another_directory(self, archive, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        allennlp("evaluate", archive, DATA / "dev.json", "--output-file", "metrics.json")
        metrics = json.loads(Path("metrics.json").read_text())
        assert {"em", "f1", "has_answer_f1", "no_answer_f1", "best_f1", "best_threshold"} <= set(
            metrics
        )

    def test_predict_in_another_directory(self, archive, tmp_path, monkeypatch) -> None:
        monkeypatch.chdir(tmp_path)
        path = str(DATA / "predict.jsonl")
        outputs = self.predict(archive, path)
        for record, output in zip(read_json_lines(Path(path)), outputs, strict=True):
            assert output["id"] == record["id"]
            assert record["context"][output["start"] : output["end"]] == output["answer"]

    def test_predictor_arguments_replace_the_models(self, archive) -> None:
        path = str(DATA / "predict.jsonl")
        for threshold, is_null in ((1000, False), (-1000, True)):
            arguments = json.dumps({"null_score_diff_threshold": threshold, "n_best": 3})
            outputs = self.predict(archive, path, "--predictor-args", arguments)
            assert all((output["answer"] == "") == is_null for output in outputs)
            assert all(len(output["n_best"]) == 4 for output in outputs)

    def test_predict_a_squad_file(self, archive) -> None:
        outputs = self.predict(archive, str(DATA / "dev.json"), "--use-dataset-reader")
        ids = re.findall(r'"id": "(.*?)"', (DATA / "dev.json").read_text(encoding="utf-8"))
        assert [output["id"] for output in outputs] == ids

    def test_a_record_without_an_id_has_none_beside_others(self, archive) -> None:
        record = {"question": "Who?", "context": CONTEXT}
        predictor = Predictor.from_path(archive)
        with_id, without = predictor.predict_batch_json([{**record, "id": 7}, record])
        assert with_id.pop("id") == 7 and without.keys() == with_id.keys()

    def test_metrics_are_those_of_the_predictions(self, archive) -> None:
        loaded = load_archive(archive)
        predictor = Predictor.from_archive(loaded)
        records = [record.values for record in predictor._dataset_reader.records(DATA / "dev.json")]
        outputs = predictor.predict_batch_json(records)
        answers = [[answer["text"] for answer in record["answers"]] for record in records]
        scores = [plain_scores(out["answer"], gold) for out, gold in zip(outputs, answers)]
        loaded.model.forward_on_instances(list(predictor._dataset_reader.read(DATA / "dev.json")))
        metrics = loaded.model.get_metrics(reset=True)
        em, f1 = 100 * numpy.mean(scores, axis=0)
        assert (metrics["em"], metrics["f1"]) == (pytest.approx(em), pytest.approx(f1))

    def test_a_bad_record_is_an_error_among_predictions(self, archive, tmp_path) -> None:
        good = {"question": "Who?", "context": CONTEXT, "id": 7, "answers": "no list"}
        bad = [
            {"context": CONTEXT},
            {"question": 3, "context": CONTEXT},
            {"question": "Who?", "context": " "},
            {"question": "Who?", "context": "\u200b\ufffd"},
            "{not json",
        ]
        lines = [good, *bad, good]
        first, *errors, last = self.predict(archive, write_lines(tmp_path / "in.jsonl", lines))
        assert first == last and first["answer"] in CONTEXT and first["id"] == 7
        for index, (error, key) in enumerate(
            zip(errors, ["`question`", "`question`", "`context`", "`context`", "JSON"], strict=True)
        ):
            assert key in error["error"] and error["line"] == index + 2


BAD_RECORDS = {
    "question: missing": ({"question": None}, "`question`"),
    "question: not a string": ({"question": ["Who?"]}, "`question`"),
    "question: empty": ({"question": " "}, "`question`"),
    "context: a number": ({"context": 1}, "`context`"),
    "context: empty": ({"context": ""}, "`context`"),
    "answers: missing": ({"answers": None}, "`answers`"),
    "answers: not a list": ({"answers": 5}, "`answers`"),
    "answers: lists of different lengths": ({"answers": {"text": ["x"]}}, "`answers`"),
    "answers: not objects": ({"answers": ["tea"]}, r"`answers\[0\]`"),
    "text: empty": ({"answers": [{"text": "", "answer_start": 0}]}, r"`answers\[0\].text`"),
    "start: missing": ({"answers": [{"text": "tea"}]}, r"`answers\[0\].answer_start`"),
    "start: a string": (
        {"answers": [{"text": "tea", "answer_start": "3"}]},
        r"`answers\[0\].answer_start`: expected a whole number",
    ),
    "not at its offset": (
        {"answers": [*gold(CONTEXT, "tea"), {"text": "tea", "answer_start": 1}]},
        r"`answers\[1\].answer_start`: .*\"tea\".* is not at character 1",
    ),
    "outside the context": (
        {"answers": [{"text": "tea", "answer_start": 999}]},
        r"`answers\[0\].answer_start`: .* outside the context",
    ),
    "before the context": (
        {"answers": [{"text": "tea", "answer_start": -4}]},
        r"`answers\[0\].answer_start`: .* outside the context",
    ),
    "impossible: not a boolean": ({"is_impossible": "maybe"}, "`is_impossible`"),
    "impossible: with an answer": ({"is_impossible": True}, "`is_impossible`"),
    "possible: without an answer": ({"is_impossible": False, "answers": []}, "`is_impossible`"),
}


class TestBadInput:
    @pytest.mark.parametrize("changes, key", BAD_RECORDS.values(), ids=BAD_RECORDS)
    def test_an_error_names_place_and_key(self, tmp_path, changes, key) -> None:
        record = {"id": "q7", "question": "What?", "context": CONTEXT}
        record = {**record, "answers": gold(CONTEXT, "tea"), **changes}
        path = write_lines(tmp_path / "bad.jsonl", [record])
        with pytest.raises(ConfigurationError, match=f"bad.jsonl, line 1: .*{key}"):
            list(make_reader().read(path))
        context = record.pop("context")
        squad = {"data": [{"paragraphs": [{"context": context, "qas": [record]}]}]}
        path = write_lines(tmp_path / "bad.json", [squad])
        with pytest.raises(ConfigurationError, match=f"bad.json, question q7: .*{key}"):
            list(make_reader().read(path))

    @pytest.mark.parametrize(
        "content, message",
        [
            ("", "empty"),
            ("[1]", "expected a JSON object"),
            ('{"data": [', "line 1: not valid JSON"),
            ('{"question": "a"}\n{"question": "b"}', "`dataset_reader.format` to jsonl"),
            ("{}", "list under the key `data`, got nothing"),
            ('{"data": 5}', "list under the key `data`, got a number"),
            ('{"data": []}', "no question"),
            ('{"data": [{}]}', r"data\[0\]: .*`paragraphs`"),
            ('{"data": [7]}', r"data\[0\]: expected a JSON object"),
            ('{"data": [{"paragraphs": [{"qas": []}]}]}', r"paragraphs\[0\]: no key `context`"),
            ('{"data": [{"paragraphs": [{"context": "x"}]}]}', r"paragraphs\[0\]: .*`qas`"),
            (
                '{"data": [{"paragraphs": [{"context": "x", "qas": [{}]}]}]}',
                r"data\[0\].paragraphs\[0\].qas\[0\]: .*`id`",
            ),
            ("[" * 100_000, "nested too deeply"),
        ],
    )
    def test_a_malformed_squad_file_names_the_place(self, tmp_path, content, message) -> None:
        path = tmp_path / "squad.json"
        path.write_text(content)
        with pytest.raises(ConfigurationError, match=f"squad.json.*{message}"):
            list(make_reader().read(path))

    @pytest.mark.parametrize("name", ["bad.json", "bad.jsonl"])
    def test_a_file_in_another_encoding_names_the_line(self, tmp_path, name) -> None:
        path = tmp_path / name
        path.write_bytes('\n{"question": "Où?"}'.encode("latin-1"))
        with pytest.raises(ConfigurationError, match=f"{name}, line 2: not utf-8"):
            list(make_reader().read(path))

    def test_training_stops_at_a_wrong_offset(self, tmp_path) -> None:
        path = write_lines(
            tmp_path / "train.jsonl",
            [
                {
                    "question": "What?",
                    "context": CONTEXT,
                    "answers": [{"text": "tea", "answer_start": 0}],
                }
            ],
        )
        overrides = json.dumps({"train_data_path": path})
        config = "training_config/question_answering.jsonnet"
        with pytest.raises(ConfigurationError, match="train.jsonl, line 1: .*answer_start"):
            allennlp("train", config, "-s", tmp_path / "out", "-o", overrides)
