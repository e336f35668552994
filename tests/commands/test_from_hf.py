"""`allennlp from-hf`: our predictions against the classes and pipelines of transformers."""

import json
import os
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, pipeline

from tests.bert.published import FORMS, HEADS, TAGS, publish, rewrite
from tests.commands.support import records_of, tensors_of
from tests.support import BERT, FIXTURES, allennlp, read_json_lines

TASK_OF = {
    "BertForMaskedLM": "masked_lm",
    "BertForMultipleChoice": "multiple_choice",
    "BertForNextSentencePrediction": "next_sentence_prediction",
    "BertForPreTraining": "pretraining",
    "BertForQuestionAnswering": "question_answering",
    "BertForSequenceClassification": "classification",
    "BertForTokenClassification": "token_classification",
    "BertLMHeadModel": "causal_lm",
}
TEXTS = [record["text"] for record in read_json_lines(FIXTURES / "classification/dev.jsonl")[:8]]
TOKENIZER = AutoTokenizer.from_pretrained(BERT)


def convert(checkpoint: Path, *options: Any) -> Path:
    archive = checkpoint.with_suffix(".tar.gz")
    allennlp("from-hf", checkpoint, archive, *options)
    return archive


def predictor_of(checkpoint: Path, *options: Any) -> Predictor:
    """Gives a predictor that has nothing but the archive."""
    archive = convert(checkpoint, *options)
    shutil.rmtree(checkpoint)
    return Predictor.from_path(archive)


def close(values: Any) -> Any:
    return pytest.approx(values, abs=1e-5)


def encode(*texts: Any) -> Any:
    return TOKENIZER(*texts, return_tensors="pt", truncation=True, padding=True)


def inputs_of(task: str, record: dict[str, Any]) -> Any:
    if task == "multiple_choice":
        choices = record["choices"]
        encoded = encode([record["prompt"]] * len(choices), choices)
        return {key: tensor.unsqueeze(0) for key, tensor in encoded.items()}
    keys = ("question", "context", "text", "text_pair")
    return encode(*(record[key] for key in keys if key in record))


def ours_and_theirs(task: str, predictor: Any, record: dict[str, Any], output: Any) -> Any:
    """Yields numbers of our prediction, and the same of the class of transformers."""
    ours = predictor._model.eval()(**tensors_of(predictor, [record]))
    if task in ("classification", "next_sentence_prediction", "multiple_choice"):
        yield predictor.predict_json(record)["logits"], output["logits"][0].tolist()
    elif task == "question_answering":
        for key in ("start_logits", "end_logits"):
            yield ours[key][0].flatten().tolist(), output[key][0].tolist()
    elif task == "token_classification":
        yield ours["logits"].flatten().tolist(), output["logits"].flatten().tolist()
    else:
        masks = inputs_of(task, record)["input_ids"] == TOKENIZER.mask_token_id
        logits = output["prediction_logits" if task == "pretraining" else "logits"]
        probs = logits[masks].softmax(-1).max(-1)
        fills = predictor.predict_json(record)["fills"]
        best = [TOKENIZER.convert_ids_to_tokens(index) for index in probs.indices.tolist()]
        assert best and [fill[0]["token"] for fill in fills] == best
        yield [fill[0]["prob"] for fill in fills], probs.values.tolist()
    if task == "pretraining":
        yield (
            predictor.predict_json(record)["logits"],
            output["seq_relationship_logits"][0].tolist(),
        )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("architecture", sorted(HEADS.keys() - {"BertLMHeadModel"}))
@torch.no_grad()
def test_predicts_what_the_class_of_transformers_does(tmp_path, architecture, form) -> None:
    task = TASK_OF[architecture]
    head = publish(tmp_path / "checkpoint", architecture, form)
    predictor = predictor_of(tmp_path / "checkpoint")
    for record in records_of(task)[:2]:
        theirs = head(**inputs_of(task, record))
        for ours, expected in ours_and_theirs(task, predictor, record, theirs):
            assert ours == close(expected)


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_a_decoder(tmp_path, form) -> None:
    head = publish(tmp_path / "checkpoint", "BertLMHeadModel", form)
    archive = convert(tmp_path / "checkpoint")
    scoring = Predictor.from_path(archive, "bert_for_causal_lm_scoring")
    for text in TEXTS[:3]:
        ids = encode(text)["input_ids"]
        logprobs = head(ids).logits[0].log_softmax(-1)[:-1]
        expected = logprobs.gather(1, ids[0, 1:, None]).mean().item()
        output = scoring.predict_json({"text": text})
        assert output["logprob"] / (ids.size(1) - 1) == close(expected)


@pytest.mark.parametrize("architecture", HEADS)
def test_export_hf_gives_the_same_tensors_back(tmp_path, architecture) -> None:
    publish(tmp_path / "checkpoint", architecture)
    allennlp("export-hf", convert(tmp_path / "checkpoint"), tmp_path / "exported")
    before, after = (
        load_file(tmp_path / directory / "model.safetensors")
        for directory in ("checkpoint", "exported")
    )
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    configs = [
        json.loads((tmp_path / directory / "config.json").read_text())
        for directory in ("checkpoint", "exported")
    ]
    assert configs[0]["architectures"] == configs[1]["architectures"] == [architecture]


class TestBesideThePipelines:
    @pytest.mark.parametrize("function", ["softmax", "sigmoid", "none"])
    def test_classification(self, tmp_path, function) -> None:
        problems = {"softmax": "single_label_classification", "none": "regression"}
        problem = problems.get(function, "multi_label_classification")
        labels = {"id2label": {0: "stars"}, "label2id": {"stars": 0}}
        settings = labels if problem == "regression" else {}
        checkpoint = tmp_path / "checkpoint"
        publish(checkpoint, "BertForSequenceClassification", problem_type=problem, **settings)
        classify = pipeline("text-classification", str(checkpoint))
        theirs = classify(TEXTS, top_k=None, function_to_apply=function)
        top_k = {} if problem != problems["softmax"] else {"model.top_k": 3}
        outputs = predictor_of(checkpoint, "-o", json.dumps(top_k)).predict_batch_json(
            [{"text": text} for text in TEXTS]
        )
        for output, rows in zip(outputs, theirs):
            scores = {row["label"]: row["score"] for row in rows}
            if problem == "regression":
                assert output["score"] == close(scores["stars"])
            elif problem == "multi_label_classification":
                names = sorted(scores)
                assert dict(zip(names, output["probs"])) == close(scores)
                assert output["labels"] == [name for name in names if scores[name] >= 0.5]
            else:
                assert [row["label"] for row in output["top_k"]] == [row["label"] for row in rows]
                assert [row["prob"] for row in output["top_k"]] == close(
                    [row["score"] for row in rows]
                )

    def test_one_output_is_a_regression_where_nothing_is_said(self, tmp_path) -> None:
        head = publish(tmp_path / "one", "BertForSequenceClassification", id2label={0: "x"})
        assert head.config.problem_type is None
        assert "score" in predictor_of(tmp_path / "one").predict_json({"text": TEXTS[0]})

    @pytest.mark.parametrize("aggregation", ["first", "average", "max"])
    def test_token_classification(self, tmp_path, aggregation) -> None:
        checkpoint = tmp_path / "checkpoint"
        publish(checkpoint, "BertForTokenClassification")
        find = pipeline("token-classification", str(checkpoint), aggregation_strategy=aggregation)
        theirs = find(TEXTS)
        options = ("-o", json.dumps({"model.aggregation": aggregation}))
        predictor = predictor_of(checkpoint, *options)
        outputs = predictor.predict_batch_json([{"text": text} for text in TEXTS])
        assert any(theirs)
        for output, rows in zip(outputs, theirs):
            for entity, row in zip(output["entities"], rows, strict=True):
                assert entity["type"] == row["entity_group"]
                assert (entity["start"], entity["end"]) == (row["start"], row["end"])
                assert entity["score"] == close(row["score"])

    def test_tags_without_aggregation(self, tmp_path) -> None:
        checkpoint = tmp_path / "checkpoint"
        publish(checkpoint, "BertForTokenClassification")
        find = pipeline("token-classification", str(checkpoint), ignore_labels=[])
        theirs = [{row["start"]: row for row in rows} for rows in find(TEXTS)]
        predictor = predictor_of(checkpoint)
        for text, pieces in zip(TEXTS, theirs):
            starts = predictor._json_to_instance({"text": text})["words"].metadata.starts
            tags = predictor.predict_json({"text": text})["tags"]
            assert tags == [pieces[start]["entity"] for start in starts]

    @pytest.mark.parametrize("targets", [None, ["the", "and"]])
    def test_masked_lm(self, tmp_path, targets) -> None:
        checkpoint = tmp_path / "checkpoint"
        publish(checkpoint, "BertForMaskedLM")
        text = "The [MASK] left the station."
        theirs = pipeline("fill-mask", str(checkpoint))(text, top_k=5, targets=targets)
        record = {"text": text, "top_k": 5} | ({"targets": targets} if targets else {})
        (fills,) = predictor_of(checkpoint).predict_json(record)["fills"]
        assert [row["token"] for row in fills] == [row["token_str"] for row in theirs]
        assert [row["prob"] for row in fills] == close([row["score"] for row in theirs])


class TestWhatIsTaken:
    def test_lengths_and_names(self, tmp_path) -> None:
        checkpoint = tmp_path / "checkpoint"
        publish(checkpoint, "BertForSequenceClassification")
        rewrite(checkpoint / "tokenizer_config.json", model_max_length=16)
        predictor = predictor_of(checkpoint)
        assert predictor._dataset_reader.tokenizer.max_pieces == 16
        config = json.loads(predictor_config(checkpoint.with_suffix(".tar.gz")))
        assert config["model"]["bert_model"] == str(checkpoint)

    def test_a_task_that_the_weights_have_the_head_of(self, tmp_path) -> None:
        head = publish(tmp_path / "checkpoint", "BertForPreTraining")
        predictor = predictor_of(tmp_path / "checkpoint", "--task", "next_sentence_prediction")
        expected = head(**encode(*TEXTS[:2])).seq_relationship_logits[0].tolist()
        record = {"text": TEXTS[0], "text_pair": TEXTS[1]}
        assert predictor.predict_json(record)["logits"] == close(expected)

    def test_labels_of_a_file(self, tmp_path) -> None:
        checkpoint = tmp_path / "checkpoint"
        nameless = {"id2label": {index: f"LABEL_{index}" for index in range(len(TAGS))}}
        head = publish(checkpoint, "BertForTokenClassification", **nameless)
        with pytest.raises(ConfigurationError, match="no tags: LABEL_0, .*`allennlp from-hf --lab"):
            convert(checkpoint)
        (tmp_path / "tags.txt").write_text("".join(f"{tag}\n" for tag in TAGS))
        predictor = predictor_of(checkpoint, "--labels", tmp_path / "tags.txt")
        best = head(**encode(TEXTS[0])).logits[0].argmax(-1)[1].item()
        assert predictor.predict_json({"text": TEXTS[0]})["tags"][0] == TAGS[best]

    def test_a_reader(self, tmp_path) -> None:
        publish(tmp_path / "checkpoint", "BertForSequenceClassification")
        reader = {"type": "text_classification_json", "tokenizer": "bert-basic"}
        foreign = predictor_of(tmp_path / "checkpoint", "--reader", json.dumps(reader))
        publish(tmp_path / "again", "BertForSequenceClassification")
        ours = predictor_of(tmp_path / "again", "--reader", '{"long_text": "windows"}')
        outputs = [each.predict_json({"text": TEXTS[0]})["probs"] for each in (foreign, ours)]
        assert outputs[0] == close(outputs[1])

    def test_a_vocabulary_alone_is_a_tokenizer(self, tmp_path) -> None:
        checkpoint = tmp_path / "checkpoint"
        publish(checkpoint, "BertForMaskedLM")
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (checkpoint / name).unlink()
        shutil.copy(f"{BERT}/vocab.txt", checkpoint)
        tokenizer = predictor_of(checkpoint)._dataset_reader.tokenizer
        assert [list(ids) for ids in tokenizer.ids(TEXTS)] == TOKENIZER(
            TEXTS, add_special_tokens=False
        )["input_ids"]


def predictor_config(archive: Path) -> str:
    with tarfile.open(archive) as members:
        return members.extractfile("config.json").read().decode()  # type: ignore[union-attr]


def test_names_and_settings_of_earlier_transformers(tmp_path) -> None:
    """As `bert-base-uncased` has them: weights of two heads, LayerNorm's of 2018, buffers."""
    checkpoint = tmp_path / "checkpoint"
    head = publish(checkpoint, "BertForMaskedLM", "bin")
    state = torch.load(checkpoint / "pytorch_model.bin")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    for name in list(state):
        for today, before in old.items():
            if name.endswith(today):
                state[name.replace(today, before)] = state.pop(name)
    state["bert.embeddings.position_ids"] = torch.arange(128)[None]
    state["cls.seq_relationship.bias"] = torch.zeros(2)
    torch.save(state, checkpoint / "pytorch_model.bin")
    rewrite(checkpoint / "config.json", gradient_checkpointing=False, torch_dtype="float16")
    rewrite(checkpoint / "config.json", dtype=..., use_cache=..., classifier_dropout=...)
    rewrite(
        checkpoint / "tokenizer_config.json",
        model_max_length=10**30,
        name_or_path="/home/somebody/bert",
        special_tokens_map_file="/home/somebody/special_tokens_map.json",
    )
    inputs = encode("The [MASK].")
    expected = head(**inputs).logits[inputs["input_ids"] == TOKENIZER.mask_token_id].softmax(-1)
    predictor = predictor_of(checkpoint)
    assert predictor._dataset_reader.tokenizer.max_pieces == 128
    (fills,) = predictor.predict_json({"text": "The [MASK]."})["fills"]
    assert fills[0]["prob"] == close(expected.max().item())


class Planted:
    """Touches a file where somebody unpickles it."""

    def __init__(self, marker: Path) -> None:
        self._command = f"touch {marker}"

    def __reduce__(self) -> Any:
        return os.system, (self._command,)


class TestNothingIsRun:
    def test_code_beside_it(self, tmp_path) -> None:
        checkpoint, marker = tmp_path / "checkpoint", tmp_path / "marker"
        publish(checkpoint, "BertForMaskedLM")
        (checkpoint / "planted.py").write_text(f"open({str(marker)!r}, 'w')")
        names = ("AutoConfig", "AutoModel", "AutoModelForMaskedLM")
        rewrite(checkpoint / "config.json", auto_map={name: "planted.A" for name in names})
        rewrite(
            checkpoint / "tokenizer_config.json",
            auto_map={"AutoTokenizer": ["planted.A", "planted.A"]},
            tokenizer_class="PlantedTokenizer",
        )
        assert "fills" in predictor_of(checkpoint).predict_json({"text": "The [MASK]."})
        assert not marker.exists()

    @pytest.mark.parametrize(
        "save", [torch.save, lambda what, path: path.write_bytes(pickle.dumps(what, 2))]
    )
    def test_a_pickle(self, tmp_path, save) -> None:
        checkpoint, marker = tmp_path / "checkpoint", tmp_path / "marker"
        publish(checkpoint, "BertForMaskedLM", "bin")
        save({"planted": Planted(marker)}, checkpoint / "pytorch_model.bin")
        with pytest.raises(ConfigurationError, match="pytorch_model.bin is not read|damaged"):
            convert(checkpoint)
        assert not marker.exists()


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    publish(tmp_path / "checkpoint", "BertForSequenceClassification")
    return tmp_path / "checkpoint"


class TestRefusals:
    @pytest.mark.parametrize(
        "settings, message",
        [
            ({"model_type": "roberta"}, "of type 'roberta'"),
            ({"model_type": "distilbert"}, "of type 'distilbert'"),
            ({"model_type": "mine", "auto_map": {"AutoConfig": "a.B"}}, "expected that of a BERT"),
            ({"position_embedding_type": "relative_key"}, "embeddings of type 'relative_key'"),
            ({"num_hidden_layers": 1}, "`num_hidden_layers` .* is 1, and its weights have 2"),
            ({"num_hidden_layers": 3}, "lacks 16 weights of BERT"),
            ({"hidden_size": 400_000}, "is that of 1280394400000 weights"),
            ({"vocab_size": 601}, "in another shape, such as bert.embeddings.word_embeddings"),
            ({"max_position_embeddings": 64}, "such as bert.embeddings.position_embeddings"),
            ({"num_labels": 4}, "names 3 labels, and `num_labels` is 4"),
            ({"id2label": {"0": "a", "1": "b"}}, "classifier.* have not the shape"),
            ({"id2label": {"0": "a", "1": "a", "2": "b"}}, "has 'a'; expected names, each once"),
            ({"id2label": {"0": "a", "1": " ", "2": "b"}}, "has ' '; expected names"),
            ({"id2label": {"1": "a", "2": "b", "3": "c"}}, "expected a name for each of 0, 1"),
            ({"id2label": ["a", "b", "c"]}, "config.json: expected that of a BERT"),
            ({"problem_type": "regression"}, "a regression of 3 numbers"),
            ({"problem_type": "poetry"}, "`problem_type` is 'poetry'"),
            ({"quantization_config": {"load_in_4bit": True}}, "`quantization_config`"),
            ({"architectures": None}, "nothing says what head it has"),
            ({"architectures": ["BertForPoetry"]}, "has the head 'BertForPoetry'"),
            ({"architectures": ["BertForMaskedLM"]}, "lacks cls.predictions.* which a BertForMask"),
        ],
    )
    def test_a_configuration(self, checkpoint, settings, message) -> None:
        rewrite(checkpoint / "config.json", **settings)
        self.refuse(checkpoint, message)

    @pytest.mark.parametrize(
        "options, message",
        [
            (("--task", "poetry"), "`--task` is 'poetry'; expected one of causal_lm, class"),
            (("--task", "token_classification"), "lacks classifier|no tags"),
            (("--revision", "v1"), "is a directory, which has no revision 'v1'"),
            (("--labels", "two.txt"), "names 2 labels; .*checkpoint has 3 outputs"),
            (("--labels", "twice.txt"), "twice.txt names 'a' twice"),
            (("--labels", "none.txt"), "none.txt: no such file"),
            (("--reader", "[1]"), "`--reader`: expected an object"),
            (("--reader", '{"x": 1}'), "`dataset_reader.x`: there is no such parameter"),
            (("-o", "[1]"), "`--overrides`: expected an object"),
            (("-o", '{"model.x": 1}'), "Extra parameters passed to BertForClass"),
        ],
    )
    def test_an_option(self, checkpoint, monkeypatch, options, message) -> None:
        monkeypatch.chdir(checkpoint.parent)
        Path("two.txt").write_text("a\nb\n")
        Path("twice.txt").write_text("a\nb\na\n")
        self.refuse(checkpoint, message, *options)

    @pytest.mark.parametrize("missing", ["tokenizer.json", "model.safetensors", "config.json"])
    def test_a_file_that_is_missing(self, checkpoint, missing) -> None:
        (checkpoint / missing).unlink()
        messages = {
            "tokenizer.json": "has no tokenizer; expected tokenizer.json or vocab.txt",
            "model.safetensors": "has no weights; expected model.safetensors or pytorch_model.bin",
            "config.json": "is neither a directory with a BERT",
        }
        self.refuse(checkpoint, messages[missing])

    @pytest.mark.parametrize("damaged", ["tokenizer.json", "tokenizer_config.json", "config.json"])
    def test_a_file_that_is_damaged(self, checkpoint, damaged) -> None:
        (checkpoint / damaged).write_text("{")
        self.refuse(checkpoint, "checkpoint.*(double quotes|not a valid JSON)")

    def test_weights(self, checkpoint) -> None:
        weights = checkpoint / "model.safetensors"
        state = load_file(weights)
        state["classifier.bias"][0] = torch.nan
        save_file(state, weights, metadata={"format": "pt"})
        self.refuse(checkpoint, "model.safetensors is not read: `classifier.bias` holds NaN")
        weights.write_bytes(weights.read_bytes()[:100])
        self.refuse(checkpoint, "model.safetensors is damaged")

    @pytest.mark.parametrize("place", ["../outside.safetensors", 5, "missing.safetensors"])
    def test_parts(self, tmp_path, place) -> None:
        publish(tmp_path / "parts", "BertForMaskedLM", "sharded")
        index = tmp_path / "parts" / "model.safetensors.index.json"
        rewrite(index, weight_map={"cls.predictions.bias": place})
        self.refuse(tmp_path / "parts", "`weight_map` in model.*index.json has|there are no weight")

    @pytest.mark.parametrize(
        "name, message",
        [
            ("nobody/knows", "nobody/knows is neither a directory here nor in the local cache"),
            ("hf:nobody/knows@v1", "nobody/knows in the revision 'v1' is neither"),
            ("a/b/c", "'a/b/c' is neither a directory here nor a name"),
            ("hf:", "'' is neither"),
        ],
    )
    def test_a_name(self, tmp_path, name, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            allennlp("from-hf", name, tmp_path / "model.tar.gz")

    def test_an_output_that_cannot_be_written(self, checkpoint, tmp_path) -> None:
        (tmp_path / "there.tar.gz").write_text("mine")
        for name, message in (
            ("there.tar.gz", "is there already"),
            ("no/x.tar.gz", "no directory"),
        ):
            with pytest.raises(ConfigurationError, match=message):
                # Said before anything is looked for.
                allennlp("from-hf", "nobody/knows", tmp_path / name)
        assert (tmp_path / "there.tar.gz").read_text() == "mine"

    def refuse(self, checkpoint: Path, message: str, *options: Any) -> None:
        before = set(checkpoint.parent.iterdir())
        with pytest.raises(ConfigurationError, match=message) as caught:
            convert(checkpoint, *options)
        assert "\n" not in str(caught.value).strip() and "/tmp/tmp" not in str(caught.value)
        assert set(checkpoint.parent.iterdir()) == before
