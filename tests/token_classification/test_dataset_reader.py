"""Words and their tags, and what is wrong with them."""

import json

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader

from tests.support import allennlp, write_lines
from tests.token_classification.support import TRAIN, a_reader, write


class TestTags:
    def test_the_vocabulary_has_both_tags_of_a_type(self, tmp_path) -> None:
        (instance,) = a_reader().read(write(tmp_path / "a.conll", "Anna B-PER\nruns O\n"))
        vocab = Vocabulary.from_instances([instance])
        assert set(vocab.get_token_to_index_vocabulary("labels")) == {"O", "B-PER", "I-PER"}

    def test_numbers_and_the_order_of_label_names(self) -> None:
        reader = a_reader(label_names=["I-PER", "B-PER", "O"])
        instance = reader.text_to_instance(tokens=["Anna", "runs"], tags=[1, 2])
        vocab = Vocabulary.from_instances([instance])
        assert instance["tags"][0].tags == ["B-PER", "O"]
        assert [vocab.get_token_from_index(index, "labels") for index in range(3)] == [
            "I-PER",
            "B-PER",
            "O",
        ]

    @pytest.mark.parametrize("label_all_pieces", [False, True])
    def test_workers_send_the_same_tags(self, label_all_pieces) -> None:
        reader = a_reader(max_pieces=16, label_all_pieces=label_all_pieces)
        loader = MultiProcessDataLoader(reader, TRAIN, batch_size=8, num_workers=1)
        sent = [instance.human_readable_dict()["tags"] for instance in loader.iter_instances()]
        assert sent == [instance.human_readable_dict()["tags"] for instance in reader.read(TRAIN)]

    def test_an_unknown_tag_names_its_place(self, tmp_path, vocab) -> None:
        path = write(tmp_path / "a.conll", "runs O\n\nAnna B-XYZ\n")
        with pytest.raises(ConfigurationError, match=r"a.conll, line 3: `tags`: 'B-XYZ'"):
            Batch(list(a_reader().read(path))).index_instances(vocab)


class TestBadFiles:
    @pytest.mark.parametrize(
        "text, message",
        [
            ("a O\nb\nc O\n", r"line 2: 1 column; .*`tokens`.*`tags`"),
            ("a O\nb x O\n", r"line 2: 3 columns .*the first line has 2"),
            ("a 1 2 3 O\n", r"line 1: 5 columns; expected 2 to 4"),
            ("a O\nb PER\n", r"line 2: `tags`: 'PER' is not a tag of IOB2"),
            ("a O\n\nb X-PER\n", r"line 3: `tags`: 'X-PER'"),
            ("a O\nb B-\n", r"line 2: `tags`: 'B-'"),
            ("a E-PER\n", r"line 1: `tags`: 'E-PER' .*tag_scheme"),
            ("a\tO\n\tO\n", r"line 2: `tokens`: .*empty"),
            ("", r"no sentence"),
            ("\n\t\n-DOCSTART- O\n\n", r"no sentence"),
        ],
    )
    def test_columns(self, tmp_path, text, message) -> None:
        path = write(tmp_path / "bad.conll", text)
        with pytest.raises(ConfigurationError, match=rf"bad\.conll.*{message}"):
            list(a_reader().read(path))

    @pytest.mark.parametrize(
        "record, message",
        [
            ({"tags": ["O"]}, "no key `tokens` or `text`.*`tags`"),
            ({"tokens": ["a"]}, "no key `tags`"),
            ({"tokens": "a b", "tags": ["O", "O"]}, "`tokens`: expected a list of words"),
            ({"tokens": ["a", 3], "tags": ["O", "O"]}, r"`tokens`: .*a number \(3\) \(word 2\)"),
            ({"tokens": ["a", ""], "tags": ["O", "O"]}, "`tokens`: .*not empty"),
            ({"tokens": [], "tags": []}, "`tokens`: the list is empty"),
            ({"tokens": ["a", "b"], "tags": ["O"]}, "`tags`: 1 tags for 2 words"),
            ({"text": "Anna runs.", "tags": ["O"]}, "`tags`: 1 tags for 3 words"),
            ({"tokens": ["a"], "tags": "O"}, "`tags`: expected a list"),
            ({"tokens": ["a"], "tags": [None]}, "`tags`: expected strings, got null"),
            ({"tokens": ["a"], "tags": [3]}, "`tags`: 3 is a number without a name"),
            ({"tokens": ["a"], "tags": ["PER"]}, "`tags`: 'PER' is not a tag"),
            ({"text": "  ", "tags": []}, "`text`: the text is empty"),
            ({"text": "\u200b", "tags": ["O"]}, "`text`: no word"),
            ({"text": 7, "tags": ["O"]}, "`text`: expected a string"),
        ],
    )
    def test_records(self, tmp_path, record, message) -> None:
        good = {"text": "Anna runs", "tags": ["B-PER", "O"]}
        path = write_lines(tmp_path / "bad.jsonl", [good, record])
        with pytest.raises(ConfigurationError, match=rf"bad\.jsonl, line 2: {message}"):
            list(a_reader().read(path))

    def test_a_file_in_another_encoding(self, tmp_path) -> None:
        path = tmp_path / "latin.conll"
        path.write_bytes("Anna B-PER\nJosé B-PER\n".encode("latin-1"))
        with pytest.raises(ConfigurationError, match=r"latin\.conll, line 2: not utf-8"):
            list(a_reader().read(str(path)))
        (instance,) = a_reader(encoding="latin-1").read(str(path))
        assert instance["words"].metadata.tokens == ["Anna", "José"]

    def test_training_stops_with_the_place(self, tmp_path) -> None:
        path = write(tmp_path / "bad.conll", "a O\nb B_PER\n")
        overrides = json.dumps({"train_data_path": path})
        config = "training_config/token_classification.jsonnet"
        with pytest.raises(ConfigurationError, match=r"bad\.conll, line 2: `tags`: 'B_PER'"):
            allennlp("train", config, "-s", tmp_path / "out", "-o", overrides)
