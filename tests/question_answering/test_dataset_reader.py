"""Questions and contexts in windows, and what is wrong with records."""

import csv
import json

import numpy
import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.data.windows import max_context, window_spans
from bert_classification.question_answering.spans import context_windows
from tests.question_answering.support import CONTEXT, LONG, TRAIN, gold, make_reader
from tests.support import allennlp, write_lines


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
