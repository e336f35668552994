"""Fine-tuned checkpoints of Hugging Face as the start of our models: their labels are checked."""

import json
from pathlib import Path
from typing import Any, Sequence

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from transformers import AutoTokenizer, BertForSequenceClassification, BertForTokenClassification

from bert_classification import BertForClassification
from bert_classification import BertForTokenClassification as OurTokenClassification
from bert_classification.bert.labels import label_permutation, label_settings
from tests.support import BERT

LABELS = ["positive", "neutral", "negative"]
TENSORS = {
    "input_ids": torch.tensor([[2, 20, 30, 40, 3]]),
    "token_type_ids": torch.zeros(1, 5, dtype=torch.long),
}


def fine_tuned(directory: Path, head_class: Any, labels: Sequence[str], **config: Any) -> Any:
    torch.manual_seed(5)
    settings = {**label_settings(labels), **config}
    head = head_class.from_pretrained(BERT, **settings).eval()
    torch.nn.init.normal_(head.classifier.bias)
    head.save_pretrained(directory)
    AutoTokenizer.from_pretrained(BERT).save_pretrained(directory)
    return head


def vocabulary(labels: Sequence[str]) -> Vocabulary:
    vocab = Vocabulary()
    for label in labels:
        vocab.add_token_to_namespace(label, "labels")
    return vocab


def classifier(directory: object, labels: Sequence[str], **options: Any) -> BertForClassification:
    return BertForClassification(vocabulary(labels), str(directory), **options).eval()


def logits_of(model: Any) -> torch.Tensor:
    mask = torch.ones(1, 5, dtype=torch.bool)
    return model({"bert": {**TENSORS, "mask": mask}})["logits"]


def save_in_parts(head: Any, directory: Path) -> None:
    head.save_pretrained(directory, max_shard_size="40KB")
    assert len(list(directory.glob("*.safetensors"))) > 1


def save_as_bin(head: Any, directory: Path) -> None:
    torch.save(head.state_dict(), directory / "pytorch_model.bin")


def save_as_bin_in_parts(head: Any, directory: Path) -> None:
    weight_map = {}
    for index, name in enumerate(head.state_dict()):
        weight_map[name] = f"pytorch_model-{index % 2 + 1:05d}-of-00002.bin"
    for file in set(weight_map.values()):
        part = {name: head.state_dict()[name] for name in weight_map if weight_map[name] == file}
        torch.save(part, directory / file)
    index = {"metadata": {}, "weight_map": weight_map}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("save", [save_in_parts, save_as_bin, save_as_bin_in_parts])
def test_weights_in_every_layout(tmp_path, save) -> None:
    head = fine_tuned(tmp_path, BertForSequenceClassification, LABELS)
    (tmp_path / "model.safetensors").unlink()
    save(head, tmp_path)
    theirs = head(**TENSORS).logits
    assert torch.allclose(logits_of(classifier(tmp_path, LABELS)), theirs, atol=1e-5)


def test_rows_follow_the_order_of_the_data(tmp_path) -> None:
    head = fine_tuned(tmp_path, BertForSequenceClassification, LABELS)
    model = classifier(tmp_path, ["negative", "positive", "neutral"])
    theirs = head(**TENSORS).logits[:, [2, 0, 1]]
    assert torch.allclose(logits_of(model), theirs, atol=1e-5)
    assert model.bert.config.id2label == {0: "negative", 1: "positive", 2: "neutral"}


def test_rows_of_tags_follow_the_order_of_the_data(tmp_path) -> None:
    tags = ["O", "B-PER", "I-PER"]
    head = fine_tuned(tmp_path, BertForTokenClassification, tags)
    model = OurTokenClassification(vocabulary(["I-PER", "O", "B-PER"]), str(tmp_path))
    for ours, theirs in zip(model.classifier.parameters(), head.classifier.parameters()):
        assert torch.equal(ours, theirs[[2, 0, 1]])
    with pytest.raises(ConfigurationError, match="O, B-PER, I-PER; the data has 2: O, B-LOC"):
        OurTokenClassification(vocabulary(["O", "B-LOC"]), str(tmp_path))


@pytest.mark.parametrize("labels", [["positive", "good", "bad"], ["positive", "negative"]])
def test_other_labels_show_both_lists(tmp_path, labels) -> None:
    fine_tuned(tmp_path, BertForSequenceClassification, LABELS)
    lists = (
        "3 labels: positive, neutral, negative; "
        f"the data has {len(labels)}: {', '.join(labels)}. .*`model.fresh_head: true`"
    )
    with pytest.raises(ConfigurationError, match=lists):
        classifier(tmp_path, labels)
    model = classifier(tmp_path, labels, fresh_head=True)
    assert model.classifier.out_features == len(labels) and not model.classifier.bias.any()


def test_a_fresh_head_of_the_same_labels_is_fresh(tmp_path, caplog) -> None:
    head = fine_tuned(tmp_path, BertForSequenceClassification, LABELS)
    with caplog.at_level("INFO"):
        model = classifier(tmp_path, LABELS, fresh_head=True)
    assert "fresh classifier.bias, classifier.weight" in caplog.text
    assert not torch.equal(model.classifier.weight, head.classifier.weight)
    assert 0.01 < model.classifier.weight.std() < 0.03


def test_nameless_labels_keep_their_order_and_the_log_says_so(tmp_path, caplog) -> None:
    names = ["LABEL_0", "LABEL_1", "LABEL_2"]
    head = fine_tuned(tmp_path, BertForSequenceClassification, names)
    with caplog.at_level("WARNING"):
        model = classifier(tmp_path, LABELS)
    assert "taken for positive, neutral, negative" in caplog.text
    assert torch.equal(model.classifier.weight, head.classifier.weight)
    with pytest.raises(ConfigurationError, match="LABEL_2; the data has 2: good, bad"):
        classifier(tmp_path, ["good", "bad"])


def test_numbers_are_the_rows_of_nameless_labels_only() -> None:
    assert label_permutation("bert", ["LABEL_0", "LABEL_1", "LABEL_2"], ["2", "0", "1"]) == [
        2,
        0,
        1,
    ]
    with pytest.raises(ConfigurationError, match="label_names"):
        label_permutation("bert", LABELS, ["2", "0", "1"])


def test_a_regression_has_one_output_of_any_name(tmp_path) -> None:
    head = fine_tuned(tmp_path, BertForSequenceClassification, ["similarity"])
    model = classifier(tmp_path, [], problem_type="regression")
    assert torch.allclose(logits_of(model), head(**TENSORS).logits, atol=1e-5)


def test_another_problem_type_names_both(tmp_path) -> None:
    kind = "multi_label_classification"
    fine_tuned(tmp_path, BertForSequenceClassification, LABELS, problem_type=kind)
    with pytest.raises(ConfigurationError, match=f"{kind}.*single_label_classification"):
        classifier(tmp_path, LABELS)
    assert classifier(tmp_path, LABELS, problem_type=kind).objective.names == LABELS


@pytest.mark.parametrize("num_labels", [2, 3])
def test_the_head_of_another_task_is_not_taken(tmp_path, caplog, num_labels) -> None:
    head = fine_tuned(tmp_path, BertForTokenClassification, LABELS[:num_labels])
    with caplog.at_level("INFO"):
        model = classifier(tmp_path, LABELS)
    assert "fresh" in caplog.text
    assert not torch.equal(model.classifier.weight[:num_labels], head.classifier.weight)


def test_weights_that_contradict_their_config(tmp_path) -> None:
    fine_tuned(tmp_path, BertForSequenceClassification, LABELS)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, **label_settings(["a", "b"])}))
    with pytest.raises(ConfigurationError, match="classifier.bias.*shape"):
        classifier(tmp_path, ["a", "b"])
