"""Classification: records of texts and their labels in each problem type."""

from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from transformers import AutoTokenizer

from bert_classification import BertForClassificationReader, PretrainedBertIndexer
from tests.classification.support import MULTI, NUMBER, make_reader
from tests.support import BERT, write_lines


class TestProblemTypes:
    @pytest.mark.parametrize(
        "problem_type, label, message",
        [
            (NUMBER, "much", "`label`: expected a number, got a string"),
            (NUMBER, True, "`label`: expected a number, got a boolean"),
            (NUMBER, "nan", "`label`: expected a number"),
            (MULTI, "joy", "`label`: expected a list of strings, got a string"),
            (MULTI, [{}], "`label`: expected a list of strings, got a list"),
        ],
    )
    def test_bad_labels(self, tmp_path, problem_type, label, message) -> None:
        data = write_lines(tmp_path / "data.jsonl", [{"text": "a", "label": label}])
        with pytest.raises(ConfigurationError, match=f"data.jsonl, line 1: {message}"):
            list(make_reader(problem_type=problem_type).read(data))


class TestLongTexts:
    TEXT = "the train was late and " * 80

    def test_error_names_the_record_in_training(self, tmp_path) -> None:
        lines = [{"text": "fine", "label": "x"}, {"text": self.TEXT, "label": "x"}]
        data = write_lines(tmp_path / "data.jsonl", lines)
        with pytest.raises(
            ConfigurationError, match="data.jsonl, line 2: a text of 562 word pieces"
        ):
            list(make_reader(long_text="error").read(data))


class TestReader:
    def read(self, path: Path, lines: list, **settings) -> list:
        indexers = {"bert": PretrainedBertIndexer(BERT)}
        reader = BertForClassificationReader(token_indexers=indexers, **settings)
        return list(reader.read(write_lines(path / "data.jsonl", lines)))

    def test_pairs_have_segments_and_special_pieces_once(self, reader) -> None:
        field = reader.text_to_instance("It was cold.", "How was the soup?")["tokens"]
        expected = AutoTokenizer.from_pretrained(BERT)("It was cold.", "How was the soup?")
        tensors = field.as_tensor(field.get_padding_lengths())["bert"]
        assert tensors["input_ids"].tolist() == expected["input_ids"]
        assert tensors["token_type_ids"].tolist() == expected["token_type_ids"]

    def test_glue_columns(self, tmp_path) -> None:
        (tmp_path / "data.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\ta\tb\tyes\n")
        columns = {"text": "sentence1", "text_pair": "sentence2"}
        indexers = {"bert": PretrainedBertIndexer(BERT)}
        reader = BertForClassificationReader(token_indexers=indexers, columns=columns)
        (instance,) = reader.read(str(tmp_path / "data.tsv"))
        assert instance["label"].label == "yes"

    def test_label_names_give_names_and_order(self, tmp_path) -> None:
        lines = [
            {"text": "a", "label": 1},
            {"text": "b", "label": "good"},
            {"text": "c", "label": 1},
        ]
        instances = self.read(tmp_path, lines, label_names=["bad", "good", "never seen"])
        assert [instance["label"].label for instance in instances] == ["good"] * 3
        vocab = Vocabulary.from_instances(instances)
        assert vocab.get_index_to_token_vocabulary("labels") == {
            0: "bad",
            1: "good",
            2: "never seen",
        }

    def test_cut_texts_are_reported_once_at_the_end(self, tmp_path, caplog) -> None:
        lines = [{"text": "the " * length, "label": "x"} for length in (3, 300, 200)]
        self.read(tmp_path, lines)
        (message,) = [record.message for record in caplog.records]
        assert "2 of 3 texts were cut; the longest has 302 word pieces" in message
        assert "max_pieces" in message and "(128)" in message

    @pytest.mark.parametrize(
        "line, message",
        [
            ({"label": "x"}, "no key `text`; the record has `label`"),
            ({"text": 3, "label": "x"}, "`text`: expected a string, got a number"),
            ({"text": "", "label": "x"}, "`text`: the text is empty"),
            ({"sentence": "a", "text_pair": [], "label": "x"}, "`text_pair`: expected a string"),
            ({"text": "a"}, "no key `label`"),
            ({"text": "a", "label": None}, "`label` is null"),
            ({"text": "a", "label": " "}, "`label` is empty"),
            ({"text": "a", "label": ["x", "y"]}, "`label`: expected a string or a whole number"),
        ],
    )
    def test_a_bad_record_is_named_with_file_line_and_key(self, tmp_path, line, message) -> None:
        with pytest.raises(ConfigurationError, match=f"data.jsonl, line 2: {message}"):
            self.read(tmp_path, [{"text": "fine", "label": "x"}, line])

    def test_a_label_beyond_label_names(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="line 1: `label`: '2' is not in `label_n"):
            self.read(tmp_path, [{"text": "a", "label": 2}], label_names=["bad", "good"])

    def test_indexers_of_another_kind(self) -> None:
        with pytest.raises(ConfigurationError, match="token_indexers.*bert-pretrained"):
            BertForClassificationReader(token_indexers={})
