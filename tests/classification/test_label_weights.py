"""Weights of labels in the loss."""

import json

import pytest
import torch
from allennlp.models.archival import load_archive

from bert_classification.classification.objectives import make_objective
from tests.support import allennlp, write_lines


class TestLabelWeights:
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
