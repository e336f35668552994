"""`allennlp export-hf`: transformers against our own predictions."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, pipeline

from tests.commands.support import close, records_of, tensors_of
from tests.support import ROOT, TASKS, allennlp

# Texts that a tokenizer with other settings would split otherwise.
ODD = ["Café Łódź 😀 COST 3.50€", "a\u0301 [MASK] unaffable", "\u4f60\u597d, world"]


def open_exported(directory: Path) -> tuple[Any, Any]:
    """Gives the plain class of transformers, with all weights and no other, and the tokenizer."""
    name = json.loads((directory / "config.json").read_text())["architectures"][0]
    head_class = getattr(transformers, name)
    head, report = head_class.from_pretrained(directory, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    return head.eval(), AutoTokenizer.from_pretrained(directory)


@torch.no_grad()
def run(directory: Path, *texts: Any) -> dict[str, torch.Tensor]:
    head, tokenizer = open_exported(directory)
    return head(**tokenizer(*texts, return_tensors="pt", padding=True))


@pytest.mark.parametrize("task", TASKS)
def test_opens_with_the_plain_class_and_the_same_tokenizer(task, export, predictor_of) -> None:
    predictor = predictor_of(task)
    head, tokenizer = open_exported(export(task))
    theirs = dict(head.state_dict())
    for name, weight in predictor._model.state_dict().items():
        # A model without a head is the encoder itself, and that of two halves has it.
        inner = name.removeprefix("bert.")
        name = next((each for each in (name, inner, f"encoder.{inner}") if each in theirs), name)
        if name in theirs:
            assert torch.equal(theirs.pop(name), weight)
    assert not theirs
    pieces = predictor._dataset_reader.tokenizer.ids(ODD)
    assert [list(ids) for ids in pieces] == tokenizer(ODD, add_special_tokens=False)["input_ids"]
    assert tokenizer.model_max_length == 128


class TestTransformersPredictsTheSame:
    def test_classification(self, export, predictor_of) -> None:
        directory, predictor = export("classification"), predictor_of("classification")
        classify = pipeline("text-classification", str(directory), top_k=None)
        names = predictor._model.objective.names
        for record in [*records_of("classification"), {"text": "Lovely!", "text_pair": "Oh?"}]:
            texts = {key: record[key] for key in ("text", "text_pair") if key in record}
            theirs = {row["label"]: row["score"] for row in classify(texts)}
            assert theirs == close(dict(zip(names, predictor.predict_json(record)["probs"])))

    def test_next_sentence_prediction(self, export, predictor_of) -> None:
        directory = export("next_sentence_prediction")
        head, _ = open_exported(directory)
        assert head.config.id2label == {0: "is_next", 1: "not_next"}
        predictor = predictor_of("next_sentence_prediction")
        for record in records_of("next_sentence_prediction")[:3]:
            logits = run(directory, record["text"], record["text_pair"])["logits"]
            assert predictor.predict_json(record)["probs"] == close(logits.softmax(-1)[0].tolist())

    def test_masked_lm(self, export, predictor_of) -> None:
        fill = pipeline("fill-mask", str(export("masked_lm")))
        ours = predictor_of("masked_lm").predict_json({"text": "A [MASK] train.", "top_k": 4})
        theirs = fill("A [MASK] train.", top_k=4)
        assert [row["token_str"] for row in theirs] == [row["token"] for row in ours["fills"][0]]
        probs = [row["prob"] for row in ours["fills"][0]]
        assert [row["score"] for row in theirs] == close(probs)

    def test_pretraining(self, export, predictor_of) -> None:
        directory, predictor = export("pretraining"), predictor_of("pretraining")
        mask_id = predictor._dataset_reader.tokenizer.mask_id
        for record in records_of("pretraining")[:2]:
            theirs = run(directory, record["text"], record["text_pair"])
            tensors = tensors_of(predictor, [record])
            ours = predictor._model.eval()(**tensors)
            assert torch.allclose(theirs["seq_relationship_logits"], ours["logits"], atol=1e-4)
            masks = tensors["tokens"]["bert"]["input_ids"] == mask_id
            probs = theirs["prediction_logits"][masks].softmax(-1)
            assert len(probs) and torch.allclose(probs, ours["fill_probs"][0], atol=1e-4)

    def test_causal_lm(self, export, predictor_of, archive_of) -> None:
        directory, text = export("causal_lm"), "The ferry left the"
        generate = pipeline("text-generation", str(directory))
        settings = {"do_sample": False, "max_new_tokens": 5}
        (theirs,) = generate(
            f"[CLS] {text}", add_special_tokens=False, return_full_text=False, **settings
        )
        ours = predictor_of("causal_lm").predict_json({"text": text, **settings})
        assert theirs["generated_text"].removeprefix("##").split() == ours["continuation"].split()
        scoring = Predictor.from_path(archive_of("causal_lm"), "bert_for_causal_lm_scoring")
        ids = AutoTokenizer.from_pretrained(directory)(text, return_tensors="pt")["input_ids"][0]
        logprobs = run(directory, text)["logits"][0].log_softmax(-1)
        logprob = logprobs[:-1].gather(1, ids[1:, None]).sum().item()
        assert scoring.predict_json({"text": text})["logprob"] == close(logprob)

    def test_multiple_choice(self, export, predictor_of) -> None:
        head, tokenizer = open_exported(export("multiple_choice"))
        record = records_of("multiple_choice")[0]
        choices = record["choices"]
        inputs = tokenizer([record["prompt"]] * 3, choices, return_tensors="pt", padding=True)
        logits = head(**{key: tensor.unsqueeze(0) for key, tensor in inputs.items()}).logits
        ours = predictor_of("multiple_choice").predict_json(record)
        assert ours["logits"] == close(logits[0].tolist())

    def test_token_classification(self, export, predictor_of) -> None:
        directory, predictor = (
            export("token_classification"),
            predictor_of("token_classification"),
        )
        find = pipeline("token-classification", str(directory), ignore_labels=[])
        text = records_of("token_classification")[0]["text"]
        tensors = tensors_of(predictor, [{"text": text}])
        output = predictor._model(**tensors)
        assert torch.allclose(run(directory, text)["logits"], output["logits"][0], atol=1e-4)
        pieces = {piece["start"]: piece for piece in find(text)}
        starts, best = output["words"][0].starts, output["probs"][0].max(-1)
        assert [pieces[int(start)]["score"] for start in starts] == close(best.values.tolist())
        tags = predictor.predict_json({"text": text})["tags"]
        assert [pieces[int(start)]["entity"] for start in starts] == tags

    def test_question_answering(self, export, predictor_of) -> None:
        directory, predictor = export("question_answering"), predictor_of("question_answering")
        for record in records_of("question_answering")[:3]:
            theirs = run(directory, record["question"], record["context"])
            ours = predictor._model.eval()(**tensors_of(predictor, [record]))
            for key in ("start_logits", "end_logits"):
                assert torch.allclose(theirs[key], ours[key][0], atol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_the_exported_checkpoint_comes_back(task, export, predictor_of, tmp_path) -> None:
    """checkpoint -> archive -> exported checkpoint -> archive, with a learning rate of 0."""
    bert = str(export(task))
    overrides = {
        "dataset_reader.token_indexers.bert.pretrained_model": bert,
        "model.bert_model": bert,
        "data_loader.batches_per_epoch": 1,
        "trainer.num_epochs": 1,
        "trainer.optimizer.lr": 0.0,
    }
    config = ROOT / "training_config" / f"{task}.jsonnet"
    allennlp("train", config, "-s", tmp_path / "again", "-o", json.dumps(overrides))
    again = Predictor.from_path(tmp_path / "again" / "model.tar.gz")
    ours, theirs = (
        each.predict_batch_json(records_of(task)) for each in (predictor_of(task), again)
    )
    assert_same(theirs, ours)


def assert_same(values: Any, expected: Any) -> None:
    """Compares JSON, numbers to 1e-4."""
    if isinstance(expected, (dict, list)):
        assert type(values) is type(expected) and len(values) == len(expected)
        for key in expected if isinstance(expected, dict) else range(len(expected)):
            assert_same(values[key], expected[key])
    else:
        assert values == (close(expected) if isinstance(expected, float) else expected)


class TestRefusals:
    def test_a_directory_with_something_in_it(self, archive_of, tmp_path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(ConfigurationError, match="is there already"):
            allennlp("export-hf", archive_of("classification"), tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]

    def test_an_archive_of_another_model(self, archive_of, tmp_path) -> None:
        run = shutil.copytree(archive_of("classification").parent, tmp_path / "run")
        config = run / "vocabulary" / ".bert" / "model" / "config.json"
        config.write_text(config.read_text().replace("BertForSequence", "GPT2ForSequence"))
        with pytest.raises(ConfigurationError, match="no head of BERT: .*GPT2"):
            allennlp("export-hf", run, tmp_path / "out")
        shutil.rmtree(run / "vocabulary")
        with pytest.raises(ConfigurationError, match="not of a model of bert_classification"):
            allennlp("export-hf", run, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_an_archive_that_lacks_weights(self, archive_of, tmp_path) -> None:
        run = shutil.copytree(archive_of("classification").parent, tmp_path / "run")
        weights = torch.load(run / "best.th")
        del weights["classifier.bias"]
        torch.save(weights, run / "best.th")
        with pytest.raises(ConfigurationError, match="lacks 1 weights .* classifier.bias"):
            allennlp("export-hf", run, tmp_path / "out")
