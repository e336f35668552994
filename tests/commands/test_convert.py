"""`allennlp convert`: predictions, doors, fine-tuning, and what is refused."""

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor
from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

from bert_classification.classification import BertForClassificationReader
from bert_classification.commands.convert import convert
from tests.archives.old import (
    LABELS,
    NAME,
    OLD,
    POSITIONS,
    RECORDS,
    archive_of_0_9,
    old_state,
    predictions_of,
)
from tests.support import BERT, FIXTURES, allennlp, assert_close, read_json_lines, run_allennlp

GENUINE = OLD / "0.9.0.tar.gz"
TEXT = "The CURRY was wonderful, déjà vu; we'll be back."
INDEXER = "dataset_reader__token_indexers__bert"
SPLITTER = "dataset_reader__tokenizer"
DEV = FIXTURES / "classification" / "dev.jsonl"


def converted(directory: Path, **changes: Any) -> Path:
    """Makes an archive of 0.9 and converts it."""
    new = directory / "new.tar.gz"
    convert(str(archive_of_0_9(directory / "old", **changes)), str(new), BERT)
    return new


def expected(state: dict[str, Any], lowercase: bool = True, **tokenizing: Any) -> torch.Tensor:
    """Gives the logits of transformers for `TEXT` with old weights."""
    model = BertForSequenceClassification(BertConfig.from_pretrained(BERT, num_labels=3))
    names = {"bert_model.": "bert.", "_classification_layer.": "classifier."}
    for old, new in names.items():
        state = {name.replace(old, new): tensor for name, tensor in state.items()}
    model.load_state_dict(state)
    tokenizer = BertTokenizer.from_pretrained(BERT, do_lower_case=lowercase)
    with torch.inference_mode():
        return model.eval()(**tokenizer(TEXT, return_tensors="pt", **tokenizing)).logits[0]


def refusal(archive: object, new: Path, bert: Any = BERT) -> str:
    with pytest.raises(ConfigurationError) as caught:
        convert(str(archive), str(new), bert)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestPredictions:
    def test_a_genuine_one(self, tmp_path) -> None:
        convert(str(GENUINE), str(tmp_path / "new.tar.gz"), BERT)
        outputs = Predictor.from_path(tmp_path / "new.tar.gz").predict_batch_json(RECORDS)
        for output, gold in zip(outputs, predictions_of("0.9.0"), strict=True):
            assert_close({key: output[key] for key in gold}, gold, 1e-5)

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"model__num_labels": 3},
            {"model__trainable": False},
            {"model__dropout": 0.5, "model__initializer": [[".*", {"type": "normal"}]]},
            {"model__index": "words", "dataset_reader__token_indexers": "words"},
            {f"{INDEXER}__never_lowercase": ["CURRY"], f"{INDEXER}__use_starting_offsets": True},
            {SPLITTER: {"type": "word", "word_splitter": {"type": "bert-basic"}}},
            {SPLITTER: {"type": "bert-basic"}, "iterator": None},
            {"model__regularizer": [["bert_model.*", {"type": "l2", "alpha": 0.1}]]},
            {"dataset_reader__max_sequence_length": 100},
        ],
    )
    def test_equal_those_of_transformers(self, tmp_path, changes) -> None:
        if changes.get("dataset_reader__token_indexers"):
            indexer = {"type": "bert-pretrained", "pretrained_model": NAME}
            changes = {**changes, "dataset_reader__token_indexers": {"words": indexer}}
        predictor = Predictor.from_path(converted(tmp_path, **changes))
        for key in ("text", "sentence"):
            output = predictor.predict_json({key: TEXT})
            assert output["logits"] == pytest.approx(expected(old_state()).tolist(), abs=1e-5)
            assert output["label"] in LABELS

    def test_weights_of_the_oldest_and_of_1(self, tmp_path) -> None:
        state = {**old_state(beta=True), "bert_model.embeddings.position_ids": POSITIONS}
        output = Predictor.from_path(converted(tmp_path, state=state)).predict_json({"text": TEXT})
        assert output["logits"] == pytest.approx(expected(old_state()).tolist(), abs=1e-5)

    @pytest.mark.parametrize("splitter, indexer", [(False, False), (True, False), (False, True)])
    def test_casing(self, tmp_path, splitter, indexer) -> None:
        split = {"word_splitter": {"type": "bert-basic", "do_lower_case": splitter}}
        changes = {SPLITTER: split, f"{INDEXER}__do_lowercase": indexer}
        reader: Any = load_archive(converted(tmp_path, **changes)).dataset_reader
        lowercase, strip = splitter or indexer, None if splitter == indexer else splitter
        wanted = BertTokenizer.from_pretrained(BERT, do_lower_case=lowercase, strip_accents=strip)
        pieces = reader.text_to_instance(TEXT)["tokens"].ids.tolist()
        assert pieces == wanted(TEXT)["input_ids"]

    @pytest.mark.parametrize("changes", [{}, {"dataset_reader__max_sequence_length": 100}])
    def test_a_long_text_is_cut_behind_a_word(self, tmp_path, changes) -> None:
        archive = load_archive(converted(tmp_path, **{f"{INDEXER}__max_pieces": 9}, **changes))
        reader: Any = archive.dataset_reader
        # Of the two pieces of `wonderful` one would have room.
        instance = reader.text_to_instance("was was was was was was wonderful")
        reader.apply_token_indexers(instance)
        instance.index_fields(archive.model.vocab)
        pieces = instance.as_tensor_dict()["tokens"]["bert"]["input_ids"].tolist()
        whole = BertTokenizer.from_pretrained(BERT)
        assert pieces == whole("was was was was was was")["input_ids"]

    def test_labels_that_nobody_indexed(self, tmp_path) -> None:
        changes = {"dataset_reader__skip_label_indexing": True, "model__num_labels": 3}
        old = archive_of_0_9(tmp_path / "old", **changes)
        contents = old.parent / "contents"
        (contents / "vocabulary" / "labels.txt").unlink()
        convert(str(contents), str(tmp_path / "new.tar.gz"), BERT)
        predictor = Predictor.from_path(tmp_path / "new.tar.gz")
        logits = expected(old_state())
        assert predictor.predict_json({"text": TEXT})["label"] == str(int(logits.argmax()))

    def test_a_namespace_that_nobody_filled(self, tmp_path) -> None:
        """Its first entries were those of padding and of unknown words, and so were the labels."""
        changes = {"model__label_namespace": "topics", "model__num_labels": 3}
        predictor: Any = Predictor.from_path(converted(tmp_path, **changes))
        assert predictor.labels == ["@@PADDING@@", "@@UNKNOWN@@", "2"]
        other = {"model__label_namespace": "topic_labels", "model__num_labels": 3}
        (tmp_path / "other").mkdir()
        predictor = Predictor.from_path(converted(tmp_path / "other", **other))
        assert predictor.labels == ["0", "1", "2"]


class TestDoors:
    def test_without_home_and_network(self, tmp_path) -> None:
        new, output = converted(tmp_path), tmp_path / "output"
        environment = {**os.environ, "HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
        run = run_allennlp(
            *("predict", new, OLD / "input.jsonl", "--silent", "--output-file", output),
            env=environment,
        )
        assert run.returncode == 0, run.stderr
        assert all("label" in each for each in read_json_lines(output))

    def test_evaluate_and_export(self, tmp_path) -> None:
        new, metrics = converted(tmp_path), tmp_path / "metrics"
        allennlp("evaluate", new, DEV, "--output-file", metrics)
        assert json.loads(metrics.read_text())["loss"] > 0
        allennlp("export-hf", new, tmp_path / "exported")
        model = BertForSequenceClassification.from_pretrained(tmp_path / "exported")
        assert list(model.config.id2label.values()) == LABELS
        allennlp("to-safetensors", new, tmp_path / "safe.tar.gz")
        assert Predictor.from_path(tmp_path / "safe.tar.gz").predict_json({"text": TEXT})["label"]

    @pytest.mark.parametrize("model", ["its own", "from_archive", "bert_model"])
    def test_fine_tuning(self, tmp_path, model) -> None:
        new = converted(tmp_path)
        with tarfile.open(new) as tar:
            config = json.load(tar.extractfile("config.json"))
        indexer = config["dataset_reader"]["token_indexers"]["bert"]
        indexer["pretrained_model"] = str(new)
        config["model"]["bert_model"] = str(new)
        if model == "from_archive":
            config["model"] = {"type": "from_archive", "archive_file": str(new)}
        (tmp_path / "config.json").write_text(json.dumps(config))
        allennlp("train", tmp_path / "config.json", "-s", tmp_path / "trained")
        output = Predictor.from_path(tmp_path / "trained").predict_json({"text": TEXT})
        assert output["label"] in LABELS

    def test_the_reader_is_ours(self, tmp_path) -> None:
        archive = load_archive(converted(tmp_path))
        assert isinstance(archive.dataset_reader, BertForClassificationReader)
        assert "lazy" not in archive.config.as_dict()["dataset_reader"]


class TestRefusals:
    def test_the_bert_is_not_there(self, tmp_path) -> None:
        sentence = refusal(archive_of_0_9(tmp_path / "old"), tmp_path / "new", None)
        assert f"`model.bert_model` is '{NAME}'" in sentence and "`--bert CHECKPOINT`" in sentence

    def test_the_bert_it_names_is_here(self, tmp_path, monkeypatch) -> None:
        old = archive_of_0_9(tmp_path / "old")
        (tmp_path / NAME).symlink_to(BERT)
        monkeypatch.chdir(tmp_path)
        convert(str(old), "new.tar.gz")
        assert load_archive("new.tar.gz").model

    @pytest.mark.parametrize(
        "changes, cause",
        [
            ({"hidden_size": 64}, "another width"),
            ({"vocab_size": 700}, "another vocabulary of word pieces"),
            ({"num_hidden_layers": 3}, "another number of layers"),
            ({"num_hidden_layers": 1}, "another number of layers"),
            ({"max_position_embeddings": 64}, "another size"),
            ({"num_attention_heads": 5}, "no BERT can be built"),
            ({"vocab_size": 10}, "word pieces"),
        ],
    )
    def test_another_bert(self, tmp_path, changes, cause) -> None:
        other = tmp_path / "other"
        other.mkdir()
        for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
            (other / name).write_bytes(Path(BERT, name).read_bytes())
        config = json.loads(Path(BERT, "config.json").read_text())
        (other / "config.json").write_text(json.dumps({**config, **changes}))
        sentence = refusal(GENUINE, tmp_path / "new.tar.gz", str(other))
        assert cause in sentence and not (tmp_path / "new.tar.gz").exists()

    def test_the_new_archive(self, tmp_path) -> None:
        there = tmp_path / "there.tar.gz"
        there.write_bytes(b"mine")
        assert "is there already" in refusal(GENUINE, there)
        assert "is there already" in refusal(GENUINE, GENUINE)
        assert "no directory to write in" in refusal(GENUINE, tmp_path / "none" / "new.tar.gz")
        assert there.read_bytes() == b"mine"

    @pytest.mark.parametrize(
        "archive, cause",
        [
            (FIXTURES / "archives" / "classification.tar.gz", "is not of AllenNLP 0.9"),
            (OLD / "2.10.1.tar.gz", "is not of AllenNLP 0.9"),
            (FIXTURES / "classification" / "dev.jsonl", "is not a tar.gz"),
        ],
    )
    def test_something_else(self, tmp_path, archive, cause) -> None:
        assert cause in refusal(archive, tmp_path / "new")

    @pytest.mark.parametrize(
        "changes, cause",
        [
            ({SPLITTER: None}, "is that of spaCy"),
            ({SPLITTER: {"word_splitter": "just_spaces"}}, "is `just_spaces`"),
            ({SPLITTER: {"word_splitter": "bert-basic", "end_tokens": ["[SEP]"]}}, "`end_tokens`"),
            ({f"{INDEXER}__type": "single_id"}, "expected one indexer"),
            ({"model__index": "words"}, "`model.index` is 'words'"),
            (
                {
                    SPLITTER: {"word_splitter": {"type": "bert-basic", "do_lower_case": False}},
                    f"{INDEXER}__never_lowercase": ["NASA"],
                },
                "keeps the capitals of NASA",
            ),
            ({"model__type": "esim"}, "with the model `esim`"),
            ({"model__label_namespace": "../../topics"}, "expected a plain name"),
            ({"iterator": "bucket"}, "its config is damaged"),
            ({"model__colour": "red"}, "colour"),
        ],
    )
    def test_another_config(self, tmp_path, changes, cause) -> None:
        sentence = refusal(archive_of_0_9(tmp_path / "old", **changes), tmp_path / "new")
        assert cause in sentence and "is not converted: " in sentence


class TestHostile:
    def test_a_pickle_that_calls(self, tmp_path) -> None:
        class Call:
            def __reduce__(self) -> Any:
                return os.system, (f"touch {tmp_path / 'marker'}",)

        state = {**old_state(), "bert_model.extra": Call()}
        old = archive_of_0_9(tmp_path / "old", state)
        assert "weights are tensors only" in refusal(old, tmp_path / "new")
        with pytest.raises(ConfigurationError, match="weights are tensors only"):
            load_archive(old)
        assert not (tmp_path / "marker").exists()

    @pytest.mark.parametrize("share", [0.2, 0.6, 0.99])
    def test_weights_that_end_early(self, tmp_path, share) -> None:
        old = archive_of_0_9(tmp_path / "old")
        weights = old.parent / "contents" / "weights.th"
        whole = weights.read_bytes()
        weights.write_bytes(whole[: int(len(whole) * share)])
        assert "weights.th is" in refusal(old.parent / "contents", tmp_path / "new")

    def test_weights_with_other_names(self, tmp_path) -> None:
        state = {**old_state(), "more": torch.zeros(1)}
        assert "`more` is not in the model" in refusal(
            archive_of_0_9(tmp_path / "old", state), tmp_path / "new"
        )

    def test_weights_of_something_else(self, tmp_path) -> None:
        contents = archive_of_0_9(tmp_path / "old").parent / "contents"
        torch.save({"weight": torch.zeros(3)}, contents / "weights.th")
        assert "its weights are not those of" in refusal(contents, tmp_path / "new")
