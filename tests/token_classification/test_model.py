"""Token classification: against the plain Hugging Face head and seqeval, on the tiny BERT."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.models import load_archive
from allennlp.predictors import Predictor
from seqeval.metrics import accuracy_score, classification_report, f1_score
from seqeval.scheme import IOB2
from transformers import AutoTokenizer
from transformers import BertForTokenClassification as HuggingFace

from bert_classification import (
    BertForTokenClassification,
    BertForTokenClassificationReader,
    PretrainedBertIndexer,
)
from bert_classification.token_classification.aggregation import word_probs
from bert_classification.token_classification.alignment import join_words
from bert_classification.token_classification.conll import read_columns, to_columns
from bert_classification.token_classification.entities import find_entities
from bert_classification.token_classification.span_f1 import SpanF1
from bert_classification.token_classification.tag_schemes import from_iob2, to_iob2
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

DATA = FIXTURES / "token_classification"
TRAIN = str(DATA / "train.conll")
LONG = str(DATA / "long.conll")
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
SENTENCES = [
    (["Björn", "Berg", "lives", "in", "Oslo", "😀"], ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]),
    (["The", "soup"], ["O", "O"]),
    (["Harbour", "Radio", "is", "on"], ["B-ORG", "I-ORG", "O", "O"]),
]


def a_reader(max_pieces: Any = None, **settings: Any) -> BertForTokenClassificationReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForTokenClassificationReader(token_indexers={"bert": indexer}, **settings)


@pytest.fixture(scope="module")
def vocab() -> Vocabulary:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(TAGS, "labels")
    return vocab


@pytest.fixture(scope="module")
def model(vocab: Vocabulary) -> BertForTokenClassification:
    torch.manual_seed(1)
    return BertForTokenClassification(vocab, BERT).eval()


@pytest.fixture
def predictor(archive_of) -> Predictor:
    return Predictor.from_path(str(archive_of("token_classification")))


def tensors(instances: list, vocab: Vocabulary) -> dict:
    batch = Batch(instances)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()


def words_and_tags(path: str, scheme: str = "IOB2") -> list[tuple[list[str], list[str]]]:
    return [
        (record.values["tokens"], record.values["tags"]) for record in read_columns(path, scheme)
    ]


def write(path: Path, text: str) -> str:
    path.write_bytes(text.encode())
    return str(path)


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/token_classification.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    @pytest.mark.parametrize("sentences", [SENTENCES[:1], SENTENCES], ids=["single", "padded"])
    @pytest.mark.parametrize("label_all_pieces", [False, True])
    def test_logits_and_loss_equal_hugging_face(
        self, model, vocab, sentences, label_all_pieces
    ) -> None:
        reader = a_reader(label_all_pieces=label_all_pieces)
        instances = [reader.text_to_instance(tokens=words, tags=tags) for words, tags in sentences]
        ours = model(**tensors(instances, vocab))

        theirs = HuggingFace.from_pretrained(BERT, num_labels=len(TAGS)).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        encoded = tokenizer(
            [words for words, _ in sentences],
            is_split_into_words=True,
            padding=True,
            return_tensors="pt",
        )
        labels = torch.full_like(encoded["input_ids"], -100)
        for row, (_, tags) in enumerate(sentences):
            word_ids = encoded.word_ids(row)
            for index, word in enumerate(word_ids):
                if word is not None and (label_all_pieces or word != word_ids[index - 1]):
                    labels[row, index] = TAGS.index(tags[word])
        expected = theirs(**encoded, labels=labels)
        real = encoded["attention_mask"].bool()
        assert torch.allclose(ours["logits"][:, 0][real], expected.logits[real], atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)

    def test_loss_of_windows_is_the_mean_over_words(self, model, vocab) -> None:
        reader = a_reader(max_pieces=12)
        (long,) = words_and_tags(LONG)
        instances = [
            reader.text_to_instance(tokens=words, tags=tags) for words, tags in (long, SENTENCES[1])
        ]
        output = model(**tensors(instances, vocab))
        assert output["logits"].size(1) > 10
        alone = [model(**tensors([instance], vocab))["loss"] for instance in instances]
        sizes = [len(long[0]), len(SENTENCES[1][0])]
        mean = sum(loss * size for loss, size in zip(alone, sizes)) / sum(sizes)
        assert torch.allclose(output["loss"], mean, atol=1e-5)

    def test_a_bert_with_a_pooler_becomes_the_same_head(self, vocab) -> None:
        from transformers import BertModel

        model = BertForTokenClassification(vocab, BertModel.from_pretrained(BERT), trainable=False)
        HuggingFace.from_pretrained(BERT, num_labels=7).load_state_dict(model.state_dict())
        trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
        assert trained == ["classifier.weight", "classifier.bias"]


class TestWindows:
    @pytest.mark.parametrize("doc_stride", [None, 3, 100])
    def test_every_word_is_in_one_window_and_none_is_lost(self, doc_stride) -> None:
        ((words, tags),) = words_and_tags(LONG)
        reader = a_reader(max_pieces=10, doc_stride=doc_stride)
        (instance,) = reader.read(LONG)
        found = [field.words for field in instance["word_ids"]]
        assert len(found) > 10
        assert all(len(window) <= 10 for window in found)
        present = [sorted(set(window.tolist()) - {-1}) for window in found]
        assert sum(present, []) == list(range(len(words)))
        trained = [tag for field in instance["tags"] for tag in field.human_readable_repr() if tag]
        assert trained == tags

    def test_a_word_is_predicted_where_it_has_most_context(self, model, vocab) -> None:
        reader = a_reader(max_pieces=12, doc_stride=5)
        words = ["a"] * 15
        (output,) = model.forward_on_instances([reader.text_to_instance(tokens=words)])
        assert len(output["tags"]) == 15
        # Windows of pieces 0-9 and 5-14: from piece 8 on there is more context in the second.
        probs = model(**tensors([reader.text_to_instance(tokens=words)], vocab))["probs"][0]
        alone = model(**tensors([reader.text_to_instance(tokens=words[:10])], vocab))["probs"][0]
        assert torch.allclose(probs[:8], alone[:8], atol=1e-5)
        assert torch.allclose(probs[8:], alone[3:], atol=1e-5)

    def test_a_word_without_pieces_is_unknown_and_keeps_its_tag(self) -> None:
        reader = a_reader()
        words = ["\u200b", "a", "\x01", "\u200b", "soup", "\ufeff"]
        tags = ["B-PER", "O", "B-LOC", "B-ORG", "O", "B-PER"]
        instance = reader.text_to_instance(tokens=words, tags=tags)
        pieces = reader.tokenizer.convert_ids_to_tokens(instance["tokens"][0].ids)
        unknown = [index for index, piece in enumerate(pieces) if piece == "[UNK]"]
        assert [instance["tags"][0].human_readable_repr()[index] for index in unknown] == [
            "B-PER",
            "B-LOC",
            "B-ORG",
            "B-PER",
        ]

    def test_a_word_longer_than_a_window_keeps_its_place(self, model) -> None:
        reader = a_reader(max_pieces=6)
        instance = reader.text_to_instance(tokens=["a", "z0q" * 20, "b"])
        (output,) = model.forward_on_instances([instance])
        assert len(output["tags"]) == 3


class TestColumns:
    @pytest.mark.parametrize(
        "text",
        [
            "-DOCSTART- -X- -X- O\n\nAnna NNP I-NP B-PER\nruns VBZ I-VP O\n\nYork NNP I-NP B-LOC\n",
            "Anna\tB-PER\nruns\tO\n\t\nYork\tB-LOC",
            "\ufeffAnna  x B-PER \r\nruns  x O\r\n \t \r\n-DOCSTART-\r\nYork x B-LOC\r\n\r\n\r\n",
            "Anna \t x\tB-PER\nruns\tx\tO\t\n-DOCSTART-\tx\tO\nYork\tx\tB-LOC\n",
        ],
        ids=["four with blanks", "tab as separator", "CRLF, BOM, blanks", "tabs and blanks"],
    )
    def test_sentences_and_columns(self, tmp_path, text) -> None:
        found = words_and_tags(write(tmp_path / "a.conll", text))
        assert found == [(["Anna", "runs"], ["B-PER", "O"]), (["York"], ["B-LOC"])]

    def test_words_that_are_or_hold_white_space_of_other_kinds(self, tmp_path) -> None:
        text = "\u00a0\tO\nSão Paulo\tB-LOC\na\u2028b\tO\n \tO\n"
        ((words, _),) = words_and_tags(write(tmp_path / "a.conll", text))
        assert words == ["\u00a0", "São Paulo", "a\u2028b", " "]

    def test_columns_by_number(self, tmp_path) -> None:
        path = write(tmp_path / "a.tsv", "1\tAnna\tB-PER\t_\t_\n2\truns\tO\t_\t_\n")
        (instance,) = a_reader(columns={"tokens": 1, "tags": 2}).read(path)
        assert instance["words"].metadata.tokens == ["Anna", "runs"]
        assert instance["tags"][0].tags == ["B-PER", "O"]

    @pytest.mark.parametrize("extension", ["conll", "txt", "iob", "bio", "annotated", "x"])
    def test_extensions_and_format(self, tmp_path, extension) -> None:
        path = shutil.copy(TRAIN, tmp_path / f"data.{extension}")
        reader = a_reader(format="conll" if extension == "x" else None)
        assert len(list(reader.read(path))) == 40

    def test_training_names_the_formats_it_knows(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="conll, jsonl"):
            list(a_reader().read(shutil.copy(TRAIN, tmp_path / "data.x")))


class TestSchemes:
    @pytest.mark.parametrize(
        "scheme, tags, expected, malformed",
        [
            ("IOB1", "I-A I-A B-A I-B O I-A", "B-A I-A B-A B-B O B-A", 0),
            ("IOB1", "B-A I-A", "B-A I-A", 1),
            ("IOB2", "B-A I-A B-A B-B-C I-B-C", "B-A I-A B-A B-B-C I-B-C", 0),
            ("IOB2", "O I-A B-B I-A I-A", "O B-A B-B B-A I-A", 2),
            ("BIOES", "B-A I-A E-A S-A O S-B", "B-A I-A I-A B-A O B-B", 0),
            ("BIOES", "E-A I-A O B-A", "B-A B-A O B-A", 3),
        ],
    )
    def test_to_iob2(self, tmp_path, caplog, scheme, tags, expected, malformed) -> None:
        rows = "".join(f"w {tag}\n" for tag in tags.split())
        path = write(tmp_path / "a.conll", f"{rows}\n{rows}")
        first, second = a_reader(tag_scheme=scheme).read(path)
        assert first["tags"][0].tags == second["tags"][0].tags == expected.split()
        assert (f": {2 * malformed} tags were repaired" in caplog.text) == bool(malformed)

    @pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
    def test_written_and_read_again(self, tmp_path, scheme) -> None:
        random.seed(3)
        texts = [to_iob2(random.choices(TAGS, k=random.randint(1, 9)), "IOB2") for _ in range(99)]
        words = [random.choices(["a", "São Paulo", "😀", "\t", "-"], k=len(text)) for text in texts]
        written = [to_columns(*pair) for pair in zip(words, (from_iob2(t, scheme) for t in texts))]
        found = words_and_tags(write(tmp_path / "a.conll", "".join(written)), scheme)
        assert [to_iob2(tags, scheme) for _, tags in found] == texts
        assert [tokens for tokens, _ in found] == [
            [word.replace("\t", " ") for word in text] for text in words
        ]

    def test_an_unknown_scheme_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="tag_scheme.*IOB1, IOB2, BIOES"):
            a_reader(tag_scheme="BILOU")


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


class TestScores:
    def test_equal_to_seqeval_over_batches(self) -> None:
        random.seed(5)
        tags = [*TAGS, "O", "O", "O"]
        gold = [to_iob2(random.choices(tags, k=random.randint(1, 12)), "IOB2") for _ in range(200)]
        found = [[random.choice([tag, random.choice(tags)]) for tag in text] for text in gold]
        metric = SpanF1(["LOC", "ORG", "PER"])
        for start in range(0, 200, 33):
            metric(found[start : start + 33], gold[start : start + 33])
        scores = metric.get_metric(reset=True)
        report = classification_report(gold, found, output_dict=True)
        assert scores["f1"] == pytest.approx(report["micro avg"]["f1-score"])
        assert scores["precision"] == pytest.approx(report["micro avg"]["precision"])
        assert scores["recall"] == pytest.approx(report["micro avg"]["recall"])
        assert scores["accuracy"] == pytest.approx(accuracy_score(gold, found))
        strict = f1_score(gold, found, mode="strict", scheme=IOB2)
        assert scores["strict_f1"] == pytest.approx(strict)
        assert strict != report["micro avg"]["f1-score"]
        for kind in ("LOC", "ORG", "PER"):
            assert scores[f"f1/{kind}"] == pytest.approx(report[kind]["f1-score"])
        assert all(type(score) is float for score in scores.values())
        assert set(metric.get_metric().values()) == {0.0}

    @pytest.mark.parametrize(
        "aggregation, expected",
        [("first", [0.6, 0.4]), ("average", [0.35, 0.65]), ("max", [0.1, 0.9])],
    )
    def test_aggregation(self, aggregation, expected) -> None:
        probs = torch.tensor([[[[0.5, 0.5], [0.6, 0.4], [0.1, 0.9], [0.7, 0.3], [0.0, 1.0]]]])
        word_ids = torch.tensor([[[-1, 0, 0, 1, -1]]])
        found = word_probs(probs, word_ids, aggregation)
        assert torch.allclose(found, torch.tensor([[expected, [0.7, 0.3]]]))

    def test_an_unknown_aggregation_is_refused(self, vocab) -> None:
        with pytest.raises(ConfigurationError, match="`aggregation`.*first, average, max"):
            BertForTokenClassification(vocab, BERT, aggregation="mean")


class TestEntities:
    def test_of_words_and_tags(self) -> None:
        words = join_words(["Tom", "Berg", "likes", "São Paulo", "😀", "Oslo"])
        tags = ["B-PER", "I-PER", "O", "I-LOC", "I-ORG", "B-ORG"]
        found = find_entities(words, tags, [0.5, 1.0, 0.9, 0.25, 0.75, 0.5])
        assert [tuple(entity.values()) for entity in found] == [
            ("Tom Berg", "PER", 0, 8, 0.75),
            ("São Paulo", "LOC", 15, 24, 0.25),
            ("😀", "ORG", 25, 26, 0.75),
            ("Oslo", "ORG", 27, 31, 0.5),
        ]


class TestPredictor:
    TEXTS = ["  Anna Berg's café\u200b 😀 in Łódź.", "東京 is big\nreally", "e\u0301te\u0301 Oslo"]

    def test_offsets_point_into_the_text(self, predictor) -> None:
        outputs = predictor.predict_batch_json([{"text": text} for text in self.TEXTS])
        entities = [
            (entity, text)
            for output, text in zip(outputs, self.TEXTS)
            for entity in output["entities"]
        ]
        assert len(entities) > 3
        for entity, text in entities:
            assert text[entity["start"] : entity["end"]] == entity["text"]
            assert 0 < entity["score"] <= 1
        assert outputs[0]["tokens"][:5] == ["Anna", "Berg", "'", "s", "café"]
        assert outputs[1]["tokens"] == ["東", "京", "is", "big", "really"]

    def test_offsets_of_tokens_point_into_the_joined_words(self, predictor) -> None:
        words = ["Anna", "Berg", "São Paulo", "😀", "Oslo"]
        output = predictor.predict_json({"tokens": words, "id": 4})
        assert output["tokens"] == words
        assert output["id"] == 4
        assert len(output["tags"]) == 5
        assert output["entities"]
        for entity in output["entities"]:
            assert " ".join(words)[entity["start"] : entity["end"]] == entity["text"]

    def test_one_record_and_many_and_unlabelled_agree(self, predictor) -> None:
        records = read_json_lines(DATA / "predict.jsonl")
        many = predictor.predict_batch_json(records)
        for record, output in zip(records, many):
            alone = predictor.predict_json({**record, "tags": ["?"]})
            assert alone.pop("gold") == ["?"]
            assert alone["tags"] == output["tags"]
            assert set(output) == {"id", "tags", "tokens", "entities"}

    def test_labelled_instances_have_the_prediction(self, predictor) -> None:
        (instance,) = predictor.json_to_labeled_instances({"text": "Anna flew to Oslo."})
        expected = predictor.predict_json({"text": "Anna flew to Oslo."})["tags"]
        assert [tag for tag in instance["tags"][0].human_readable_repr() if tag] == expected
        assert "loss" in predictor._model.forward_on_instance(instance)


class TestCommands:
    def test_predict_from_a_moved_archive_goes_on_after_errors(
        self, archive_of, tmp_path, monkeypatch
    ) -> None:
        archive = shutil.copy(archive_of("token_classification"), tmp_path / "moved.tar.gz")
        lines = [
            {"id": 1, "text": "Anna flew to Oslo."},
            {"tokens": "Anna"},
            "not json",
            {"id": 4, "tokens": ["Anna", ""]},
            {"text": " "},
            '{"text": "\\ud800"}',
            {"tokens": ["a\ud800"]},
            {"other": 1},
            {"id": 9, "tokens": ["Anna", "runs"], "tags": ["B-PER", "O"]},
        ]
        path = write_lines(tmp_path / "in.jsonl", lines)
        monkeypatch.chdir(tmp_path)
        allennlp("predict", archive, path, "--output-file", tmp_path / "out.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "out.jsonl")
        assert ["error" in output for output in outputs] == [False, *[True] * 7, False]
        assert [output.get("line") for output in outputs[1:-1]] == [2, 3, 4, 5, 6, 7, 8]
        assert "`tokens`" in outputs[1]["error"]
        assert outputs[-1]["gold"] == ["B-PER", "O"]

    def test_evaluate_is_seqeval_on_the_predictions(self, archive_of, tmp_path) -> None:
        archive, dev = archive_of("token_classification"), str(DATA / "dev.conll")
        lines = [{"tokens": words, "tags": tags} for words, tags in words_and_tags(dev)]
        path = write_lines(tmp_path / "dev.jsonl", lines)
        for source, output in ((dev, "a"), (path, "b")):
            allennlp(
                *("evaluate", archive, source, "--output-file", tmp_path / f"{output}.json"),
                *("--predictions-output-file", tmp_path / f"{output}.jsonl"),
            )
        assert "entities" in read_json_lines(tmp_path / "a.jsonl")[0]
        scores = json.loads((tmp_path / "a.json").read_text())
        assert scores == pytest.approx(json.loads((tmp_path / "b.json").read_text()))
        allennlp("predict", archive, path, "--output-file", tmp_path / "p.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "p.jsonl")
        pair = [output["gold"] for output in outputs], [output["tags"] for output in outputs]
        assert scores["f1"] == pytest.approx(f1_score(*pair))
        assert scores["strict_f1"] == pytest.approx(f1_score(*pair, mode="strict", scheme=IOB2))
        assert scores["accuracy"] == pytest.approx(accuracy_score(*pair))

    @pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
    def test_predictions_in_columns_are_read_again(self, archive_of, tmp_path, scheme) -> None:
        path = write_lines(tmp_path / "in.jsonl", [*read_json_lines(DATA / "predict.jsonl"), "x"])
        archive, options = archive_of("token_classification"), {"aggregation": "max"}
        outputs = []
        for name, format in (("p.conll", "conll"), ("p.jsonl", "json")):
            arguments = {**options, "output_scheme": scheme, "output_format": format}
            allennlp(
                *("predict", archive, path, "--silent", "--output-file", tmp_path / name),
                *("--predictor-args", json.dumps(arguments)),
            )
            outputs.append(tmp_path / name)
        expected = read_json_lines(outputs[1])[:-1]
        assert words_and_tags(str(outputs[0]), scheme) == [
            (output["tokens"], output["tags"]) for output in expected
        ]
        assert "not valid JSON" in outputs[0].read_text(encoding="utf-8")

    def test_the_long_sentence_is_predicted_whole(self, archive_of) -> None:
        archive = load_archive(str(archive_of("token_classification")))
        predictor = Predictor.from_archive(archive)
        ((words, _),) = words_and_tags(LONG)
        assert len(predictor.predict_json({"tokens": words})["tags"]) == len(words)
        (instance,) = archive.dataset_reader.read(LONG)
        assert len(instance["tokens"]) > 1
