"""Losses and metrics of the problem types, against Hugging Face and scikit-learn."""

import json

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from transformers import AutoTokenizer, BertForSequenceClassification

from bert_classification import BertForClassification
from bert_classification.classification.objectives import make_objective
from tests.classification.support import MULTI, NUMBER, make_reader, tensors
from tests.support import BERT, allennlp, read_json_lines, write_lines


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
