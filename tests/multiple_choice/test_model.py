"""Multiple choice: varying numbers of choices, and Hugging Face's head."""

from pathlib import Path

import pytest
import torch
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from transformers import AutoTokenizer, BertConfig
from transformers import BertForMultipleChoice as PlainHead

from bert_classification import BertForMultipleChoice
from tests.multiple_choice.support import DATA
from tests.support import BERT

CONFIG = "training_config/multiple_choice.jsonnet"
TRAIN = str(DATA / "train.jsonl")
QUESTIONS = [
    ("To cut bread you need", ["a pillow", "a knife", "a very long ladder"]),
    ("The bus has just left, and the next one goes in an hour. Zoë 🚌", ["walks", "eats it", "?"]),
]


@pytest.fixture
def model() -> BertForMultipleChoice:
    return BertForMultipleChoice(Vocabulary(), BERT).eval()


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model(CONFIG, TRAIN)
        # One bias for all choices moves none of the probabilities.
        self.ensure_model_can_train_save_and_load(
            self.param_file, tolerance=1e-4, gradients_to_ignore={"classifier.bias"}
        )
        self.ensure_batch_predictions_are_consistent()


class TestAgainstHuggingFace:
    @pytest.mark.parametrize("questions", [QUESTIONS[:1], QUESTIONS], ids=["single", "batch"])
    def test_logits_and_loss_are_equal(self, reader, model, questions) -> None:
        labels = [2, 0][: len(questions)]
        instances = [reader.text_to_instance(*one, label) for one, label in zip(questions, labels)]
        ours = model(**tensors(instances))

        theirs = PlainHead(BertConfig.from_pretrained(BERT)).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        prompts = [prompt for prompt, choices in questions for _ in choices]
        choices = [choice for _, choices in questions for choice in choices]
        padded = tokenizer(prompts, choices, padding=True, return_tensors="pt")
        expected = theirs(
            **{key: value.view(len(questions), 3, -1) for key, value in padded.items()},
            labels=torch.tensor(labels),
        )
        assert torch.allclose(ours["logits"], expected.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)

    def test_a_fine_tuned_checkpoint_gives_its_head(self, tmp_path: Path) -> None:
        checkpoint = PlainHead(BertConfig.from_pretrained(BERT))
        checkpoint.save_pretrained(tmp_path)
        model = BertForMultipleChoice(Vocabulary(), str(tmp_path))
        assert torch.equal(model.classifier.weight, checkpoint.classifier.weight)


class TestVaryingChoices:
    def test_a_mixed_batch_gives_the_numbers_of_each_record_alone(self, reader, model) -> None:
        instances = list(reader.read(str(DATA / "dev.jsonl")))
        counts = [len(instance["choices"].metadata) for instance in instances]
        assert set(counts) == {2, 3, 4, 5}
        together = model.forward_on_instances(instances)
        alone = [model.forward_on_instance(instance) for instance in instances]
        for count, mixed, single in zip(counts, together, alone):
            assert len(mixed["probs"]) == len(mixed["logits"]) == count
            assert mixed["logits"] == pytest.approx(single["logits"], abs=1e-5)
            assert mixed["probs"].sum() == pytest.approx(1, abs=1e-5)
            assert mixed["label"] == single["label"] and mixed["choice"] == single["choice"]

    def test_loss_and_gradients_leave_padding_out(self, reader, model) -> None:
        instances = [
            reader.text_to_instance("The bus", ["is red", "is late"], 0),
            reader.text_to_instance("To eat", ["a", "b", "c", "d", "e"], 4),
        ]
        together = model(**tensors(instances))
        losses = [model(**tensors([instance]))["loss"] for instance in instances]
        assert torch.allclose(together["loss"], torch.stack(losses).mean(), atol=1e-5)
        assert together["probs"][0, 2:].tolist() == [0, 0, 0]
        assert together["logits"].isfinite().all()
        together["loss"].backward()
        assert all(weight.grad.isfinite().all() for weight in model.parameters())
