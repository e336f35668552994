"""
Classification: reader, model and predictor against the plain Hugging Face head, on the tiny BERT.
"""

import json
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Instance, Vocabulary
from allennlp.models.archival import load_archive
from transformers import AutoTokenizer, BertForSequenceClassification

from bert_classification import (
    BertForClassification,
    BertForClassificationPredictor,
    BertForClassificationReader,
    PretrainedBertIndexer,
)
from bert_classification.classification.objectives import make_objective
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

TRAIN = str(FIXTURES / "classification" / "train.jsonl")


@pytest.fixture
def reader() -> BertForClassificationReader:
    return BertForClassificationReader(token_indexers={"bert": PretrainedBertIndexer(BERT)})


@pytest.fixture
def vocab() -> Vocabulary:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(["negative", "neutral", "positive"], "labels")
    return vocab


def tensors(instances: list, vocab: Vocabulary) -> dict:
    batch = Batch(instances)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/classification.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    @pytest.mark.parametrize(
        "texts",
        [
            [("The soup was cold.", None)],
            [("It was cold.", "How was the soup?")],
            [("Short.", None), ("A much longer text about a train.", None), ("Two", "texts here")],
        ],
        ids=["single", "pair", "padded batch"],
    )
    def test_logits_and_loss_equal_hugging_face(self, reader, vocab, texts) -> None:
        model = BertForClassification(vocab, BERT).eval()
        instances = [reader.text_to_instance(*text, label="neutral") for text in texts]
        ours = model(**tensors(instances, vocab))

        theirs = BertForSequenceClassification.from_pretrained(BERT, num_labels=3).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        padded = tokenizer.pad(
            [tokenizer(*(part for part in text if part)) for text in texts], return_tensors="pt"
        )
        expected = theirs(**padded, labels=torch.ones(len(texts), dtype=torch.long))
        assert torch.allclose(ours["logits"], expected.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)


MULTI = "multi_label_classification"
NUMBER = "regression"


def make_reader(**settings) -> BertForClassificationReader:
    return BertForClassificationReader(
        token_indexers={"bert": PretrainedBertIndexer(BERT)}, **settings
    )


class TestProblemTypes:
    @pytest.mark.parametrize(
        "problem_type, labels, expected",
        [
            (MULTI, [["negative"], []], torch.tensor([[1.0, 0, 0], [0, 0, 0]])),
            (NUMBER, [3.5, -1], torch.tensor([3.5, -1])),
        ],
    )
    def test_loss_equals_hugging_face(self, vocab, problem_type, labels, expected) -> None:
        reader = make_reader(problem_type=problem_type)
        model = BertForClassification(vocab, BERT, problem_type=problem_type).eval()
        texts = ("Short.", "A much longer text about a train.")
        instances = [reader.text_to_instance(text, label=one) for text, one in zip(texts, labels)]
        ours = model(**tensors(instances, vocab))
        theirs = BertForSequenceClassification.from_pretrained(
            BERT, num_labels=len(model.objective.names), problem_type=problem_type
        ).eval()
        theirs.load_state_dict(model.state_dict(), strict=False)
        encoded = AutoTokenizer.from_pretrained(BERT)(
            list(texts), padding=True, return_tensors="pt"
        )
        output = theirs(**encoded, labels=expected)
        assert torch.allclose(ours["logits"], output.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], output.loss, atol=1e-5)

    def test_fresh_layer_of_many_labels_starts_at_their_frequencies(self) -> None:
        reader = make_reader(problem_type=MULTI)
        labels = [["a"], ["a"], ["a"], ["b"]]
        instances = [reader.text_to_instance("Some text.", label=one) for one in labels]
        model = BertForClassification(
            Vocabulary.from_instances(instances), BERT, problem_type=MULTI
        )
        assert model.classifier.bias.sigmoid().tolist() == pytest.approx([0.5, 0.25])
        assert BertForClassification(model.vocab, BERT).classifier.bias.tolist() == [0, 0]

    @pytest.mark.parametrize(
        "problem_type, lines",
        [
            (MULTI, [{"text": f"a {n}", "label": ["x", "y"][: n % 3]} for n in range(12)]),
            (NUMBER, [{"text": f"a {n}", "label": n / 2} for n in range(12)]),
        ],
    )
    def test_trains_evaluates_and_predicts(self, tmp_path, problem_type, lines) -> None:
        data = write_lines(tmp_path / "data.jsonl", lines)
        overrides = {
            "dataset_reader.problem_type": problem_type,
            "model.problem_type": problem_type,
            "train_data_path": data,
            "validation_data_path": data,
            "trainer.num_epochs": 1,
            "trainer.validation_metric": "-loss",
        }
        config = "training_config/classification.jsonnet"
        allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
        archive, output = tmp_path / "out" / "model.tar.gz", tmp_path / "predictions.jsonl"
        allennlp("evaluate", archive, data)
        allennlp("predict", archive, data, "--output-file", output, "--silent")
        first = read_json_lines(output)[0]
        assert isinstance(first["labels"], list) if problem_type == MULTI else first["score"]
        metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
        expected = {MULTI: "best_validation_micro_f1", NUMBER: "best_validation_pearson"}
        assert type(metrics[expected[problem_type]]) is float

    def test_labels_in_one_column_by_their_numbers(self, tmp_path) -> None:
        (tmp_path / "data.tsv").write_text("so good\t0,2\tid1\nfine\t\tid2\n")
        reader = make_reader(
            problem_type=MULTI,
            columns={"text": 0, "label": 1},
            label_names=["joy", "anger", "love"],
            label_delimiter=",",
        )
        instances = list(reader.read(str(tmp_path / "data.tsv")))
        assert [instance["label"].labels for instance in instances] == [["joy", "love"], []]

    def test_metrics_of_many_labels_equal_scikit_learn(self) -> None:
        from sklearn.metrics import f1_score

        generator = torch.Generator().manual_seed(5)
        logits = torch.randn(40, 3, generator=generator)
        gold = torch.randint(0, 2, (40, 3), generator=generator)
        problem = make_objective(
            MULTI, ["a", "b", "c"], [], {"threshold": {"a": 0.2, "b": 0.5, "c": 0.7}}
        )
        problem.update(logits[:25], gold[:25])
        problem.update(logits[25:], gold[25:])
        assert problem.metrics(reset=False) == {}
        metrics = problem.metrics(reset=True)
        chosen = logits.sigmoid() >= torch.tensor([0.2, 0.5, 0.7])
        assert metrics["micro_f1"] == pytest.approx(f1_score(gold, chosen, average="micro"))
        assert metrics["f1/b"] == pytest.approx(f1_score(gold[:, 1], chosen[:, 1]))
        readable = problem.decode({"probs": logits.sigmoid()})["labels"]
        assert readable[0] == [name for name, among in zip("abc", chosen[0].tolist()) if among]

    @pytest.mark.parametrize("kind", ["global", "per_label"])
    def test_thresholds_are_tuned_on_validation_in_training_only(self, kind) -> None:
        probs = torch.tensor([[0.3, 0.9], [0.2, 0.85], [0.1, 0.6], [0.05, 0.3]])
        gold = torch.tensor([[1, 1], [1, 1], [0, 0], [0, 0]])
        problem = make_objective(MULTI, ["a", "b"], [], {"tune_threshold": kind}).eval()
        problem.update(probs.logit(), gold)
        untouched = problem.metrics(reset=True)
        assert problem.thresholds.tolist() == [0.5, 0.5]
        problem.train().update(probs.logit(), gold)
        problem.metrics(reset=True)
        assert problem.thresholds.tolist() == [0.5, 0.5]
        problem.eval().update(probs.logit(), gold)
        tuned = problem.metrics(reset=True)
        assert tuned["micro_f1"] > untouched["micro_f1"]
        assert len(set(problem.thresholds.tolist())) == {"global": 1, "per_label": 2}[kind]
        if kind == "per_label":
            assert tuned["macro_f1"] == 1.0

    def test_class_weights_and_label_smoothing(self) -> None:
        logits, gold = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 0, 1])
        names = ["a", "b", "c"]
        for weights, expected in (
            ({"c": 3, "a": 1, "b": 2}, [1.0, 2.0, 3.0]),
            ([1, 2, 3], [1.0, 2.0, 3.0]),
            ("balanced", [6 / 9, 6 / 6, 6 / 3]),
        ):
            options = {"class_weights": weights, "label_smoothing": 0.1}
            problem = make_objective("single_label_classification", names, [3, 2, 1], options)
            loss = torch.nn.functional.cross_entropy(
                logits, gold, weight=torch.tensor(expected), label_smoothing=0.1
            )
            assert torch.allclose(problem.loss(logits, gold), loss)

    def test_balanced_counts_the_training_data_and_travels_with_the_weights(self, tmp_path) -> None:
        lines = [{"text": "a", "label": "x"}] * 3 + [{"text": "b", "label": "y"}]
        data = write_lines(tmp_path / "data.jsonl", lines)
        overrides = {
            "dataset_reader.label_names": ["y", "x"],
            "model.class_weights": "balanced",
            "train_data_path": data,
            "validation_data_path": data,
        }
        config = "training_config/classification.jsonnet"
        allennlp("train", config, "-s", tmp_path / "out", "-o", json.dumps(overrides))
        model = load_archive(tmp_path / "out" / "model.tar.gz").model
        assert model.objective.class_weights.tolist() == pytest.approx([2, 2 / 3])

    def test_top_k_and_matthews(self) -> None:
        from sklearn.metrics import matthews_corrcoef

        problem = make_objective("single_label_classification", ["a", "b", "c"], [], {"top_k": 2})
        probs = torch.tensor([[0.2, 0.5, 0.3]])
        assert [entry["label"] for entry in problem.decode({"probs": probs})["top_k"][0]] == [
            "b",
            "c",
        ]
        logits, gold = torch.randn(20, 3), torch.randint(0, 3, (20,))
        problem.update(logits, gold)
        expected = matthews_corrcoef(gold, logits.argmax(-1))
        assert problem.metrics(reset=True)["matthews"] == pytest.approx(expected)

    @pytest.mark.parametrize(
        "problem_type, options, message",
        [
            ("multi_label", {}, "`problem_type` is 'multi_label'; expected one of"),
            (NUMBER, {"top_k": 3}, "`model.top_k` has no meaning with `problem_type: regression`"),
            (MULTI, {"threshold": [0.5]}, "`threshold` has 1 numbers for 2 labels: a, b"),
            (MULTI, {"threshold": {"a": 0.5}}, "`threshold` names a; the labels are a, b"),
            (MULTI, {"tune_threshold": "yes"}, "`tune_threshold` is 'yes'"),
        ],
    )
    def test_bad_options(self, problem_type, options, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_objective(problem_type, ["a", "b"], [], options)

    def test_reader_and_model_of_different_problem_types(self, reader, vocab) -> None:
        model = BertForClassification(vocab, BERT, problem_type=MULTI)
        with pytest.raises(ConfigurationError, match="dataset_reader.problem_type"):
            model(**tensors([reader.text_to_instance("a", label="neutral")], vocab))

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

    def test_windows_cover_the_text_and_their_logits_are_pooled(self, vocab) -> None:
        reader = make_reader(long_text="windows", doc_stride=50)
        model = BertForClassification(vocab, BERT, window_pooling="mean").eval()
        long, short = reader.text_to_instance(self.TEXT, "Why?"), reader.text_to_instance("Late.")
        windows = long["tokens"].field_list
        assert len(windows) > 2 and all(len(window) <= 128 for window in windows)
        together = model(**tensors([long, short], vocab))["logits"]
        plain = BertForClassification(vocab, BERT).eval()
        plain.load_state_dict(model.state_dict())
        each = [
            plain(**tensors([Instance({"tokens": window})], vocab))["logits"] for window in windows
        ]
        assert torch.allclose(together[0], torch.cat(each).mean(0), atol=1e-5)
        alone = plain(**tensors([make_reader().text_to_instance("Late.")], vocab))["logits"]
        assert torch.allclose(together[1], alone[0], atol=1e-5)
        model._window_pooling = "max"
        highest = model(**tensors([long, short], vocab))["logits"]
        assert torch.allclose(highest[0], torch.cat(each).amax(0), atol=1e-5)

    def test_error_names_the_record_in_training(self, tmp_path) -> None:
        lines = [{"text": "fine", "label": "x"}, {"text": self.TEXT, "label": "x"}]
        data = write_lines(tmp_path / "data.jsonl", lines)
        with pytest.raises(
            ConfigurationError, match="data.jsonl, line 2: a text of 562 word pieces"
        ):
            list(make_reader(long_text="error").read(data))

    def test_error_spares_the_other_records_in_prediction(self, vocab) -> None:
        model = BertForClassification(vocab, BERT)
        predictor = BertForClassificationPredictor(model, make_reader(long_text="error"))
        outputs = predictor.predict_batch_json([{"text": "a"}, {"text": self.TEXT}, {"text": "b"}])
        assert ["error" in output for output in outputs] == [False, True, False]

    def test_unknown_policies(self, vocab) -> None:
        with pytest.raises(ConfigurationError, match="`long_text` is 'cut'"):
            make_reader(long_text="cut")
        with pytest.raises(ConfigurationError, match="`window_pooling` is 'vote'"):
            BertForClassification(vocab, BERT, window_pooling="vote")


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
            ({"text": "a", "label": None}, "no key `label`"),
            ({"text": "a", "label": ["x"]}, "`label`: expected a string or a whole number"),
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


class TestModel:
    def test_labels_by_mistake(self, reader, vocab) -> None:
        model = BertForClassification(vocab, BERT)
        inputs = tensors([reader.text_to_instance("a")], vocab)
        with pytest.raises(ConfigurationError, match="`labels`; .* the argument is `label`"):
            model(**inputs, labels=torch.tensor([0]))

    def test_frozen_bert_leaves_the_head(self, vocab) -> None:
        model = BertForClassification(vocab, BERT, trainable=False)
        trained = {name for name, value in model.named_parameters() if value.requires_grad}
        assert trained == {"classifier.weight", "classifier.bias"}

    def test_initializer_touches_the_final_layer_only(self, vocab) -> None:
        from allennlp.nn import InitializerApplicator
        from allennlp.nn.initializers import ConstantInitializer

        initializer = InitializerApplicator([(".*", ConstantInitializer(0.5))])
        model = BertForClassification(vocab, BERT, initializer=initializer)
        assert model.classifier.weight.eq(0.5).all() and model.classifier.bias.eq(0.5).all()
        assert not model.bert.pooler.dense.weight.eq(0.5).any()

    def test_a_bert_model_may_be_passed(self, vocab) -> None:
        from transformers import BertModel

        bert = BertModel.from_pretrained(BERT)
        assert BertForClassification(vocab, bert).bert is bert

    def test_decode_adds_the_label(self, reader, vocab) -> None:
        model = BertForClassification(vocab, BERT).eval()
        output = model(**tensors([reader.text_to_instance("a")], vocab))
        best = ["negative", "neutral", "positive"][int(output["probs"].argmax())]
        assert model.decode(output)["label"] == [best]

    def test_metrics_are_plain_floats(self, reader, vocab) -> None:
        model = BertForClassification(vocab, BERT).eval()
        labels = ["neutral", "positive", "neutral"]
        model(**tensors([reader.text_to_instance("a", label=label) for label in labels], vocab))
        metrics = model.get_metrics(reset=True)
        assert set(metrics) >= {"accuracy", "macro_f1", "micro_f1", "f1/neutral"}
        assert all(type(value) is float for value in metrics.values())


def test_an_unknown_label_in_evaluation_names_the_known_ones(tmp_path, archive_of) -> None:
    data = write_lines(tmp_path / "other.jsonl", [{"text": "a", "label": "wonderful"}])
    with pytest.raises(ConfigurationError, match="line 1: label 'wonderful' is unknown.*'neutral'"):
        allennlp("evaluate", archive_of("classification"), data)


def test_hidden_states_and_attentions_on_request(tmp_path, archive_of) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"text": "fine"}])
    output = tmp_path / "out.jsonl"
    asked = {"model.output_hidden_states": True, "model.output_attentions": True}
    arguments = ("--output-file", output, "--silent", "-o", json.dumps(asked))
    allennlp("predict", archive_of("classification"), source, *arguments)
    (prediction,) = read_json_lines(output)
    assert len(prediction["hidden_states"]) == 3 and len(prediction["attentions"]) == 2


@pytest.mark.parametrize("name", ["simple-gradient", "integrated-gradient", "smooth-gradient"])
def test_saliency_of_each_piece(archive_of, name) -> None:
    from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
    from allennlp.predictors import Predictor

    predictor = Predictor.from_path(archive_of("classification"))
    interpreter = SaliencyInterpreter.by_name(name)(predictor)
    result = interpreter.saliency_interpret_from_json({"text": "the was"})
    (importance,) = result["instance_1"].values()
    assert len(importance) == 4 and sum(importance) == pytest.approx(1)
