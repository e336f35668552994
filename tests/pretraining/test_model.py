"""Pre-training against Hugging Face's two heads."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.nn import InitializerApplicator
from allennlp.nn.initializers import ConstantInitializer
from transformers import BertConfig
from transformers import BertForPreTraining as PlainHeads

from bert_classification import BertForPreTraining
from bert_classification.data.label_field import IGNORE_INDEX
from tests.pretraining.support import CONFIG, PAIR, TRAIN, make_reader
from tests.support import BERT

PAIRS = [
    ("The soup was cold and nobody ate it.", "So we went home.", 0),
    ("Zoë missed the tram 🚋.", "Bees like heather, thyme and the flowers of the lime tree.", 1),
    ("It snowed.", "Why?", 0),
]


def tensors(instances: list) -> dict[str, Any]:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def batch_of(pairs: list) -> dict[str, Any]:
    return tensors([make_reader().text_to_instance(*pair) for pair in pairs])


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model(CONFIG, TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)


class TestParity:
    @pytest.mark.parametrize("pairs", [PAIRS[:1], PAIRS], ids=["single", "padded batch"])
    def test_logits_and_loss_equal_hugging_face(self, model, pairs) -> None:
        batch = batch_of(pairs)
        tokens, label = model.mask(batch["tokens"])
        ours = model(tokens, label, batch["next_sentence_label"])

        theirs = PlainHeads(BertConfig.from_pretrained(BERT)).eval()
        theirs.load_state_dict(model.state_dict())
        field = tokens["bert"]
        expected = theirs(
            field["input_ids"],
            field["mask"].long(),
            field["token_type_ids"],
            labels=label,
            next_sentence_label=batch["next_sentence_label"],
        )
        assert batch["next_sentence_label"].tolist() == [label for _, _, label in pairs]
        assert torch.allclose(ours["logits"], expected.seq_relationship_logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)

    def test_fills_equal_hugging_face(self, model) -> None:
        instance = make_reader().text_to_instance(**PAIR, top_k=3)
        (output,) = model.forward_on_instances([instance])
        theirs = PlainHeads(BertConfig.from_pretrained(BERT)).eval()
        theirs.load_state_dict(model.state_dict())
        field = tensors([instance])["tokens"]["bert"]
        logits = theirs(
            field["input_ids"], field["mask"].long(), field["token_type_ids"]
        ).prediction_logits
        best = (
            logits.softmax(-1)[field["input_ids"] == make_reader().tokenizer.mask_id].topk(3).values
        )
        fills = [[fill["prob"] for fill in mask] for mask in output["fills"]]
        assert torch.allclose(torch.tensor(fills), best, atol=1e-6)


class TestHeads:
    def test_heads_and_tied_weights_of_a_checkpoint_are_taken(self, tmp_path: Path) -> None:
        checkpoint = PlainHeads(BertConfig.from_pretrained(BERT))
        checkpoint.save_pretrained(tmp_path)
        model = BertForPreTraining(Vocabulary(), str(tmp_path), tokenizer=BERT)
        for name, weight in checkpoint.state_dict().items():
            assert torch.equal(model.state_dict()[name], weight), name
        assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight

    def test_logits_are_computed_only_where_there_is_a_label(self, model) -> None:
        seen: list[int] = []
        model.cls.predictions.register_forward_hook(lambda _, __, logits: seen.append(len(logits)))
        tokens, label = model.mask(batch_of(PAIRS)["tokens"])
        model(tokens, label)
        assert seen == [int((label != IGNORE_INDEX).sum())]

    def test_initializer_and_freezing_leave_their_part(self) -> None:
        initializer = InitializerApplicator([["weight", ConstantInitializer(0.5)]])
        model = BertForPreTraining(Vocabulary(), BERT, trainable=False, initializer=initializer)
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        assert all(name.startswith("cls.") for name in trained)
        assert {"cls.seq_relationship.weight", "cls.predictions.transform.dense.weight"} <= trained
        assert model.cls.seq_relationship.weight.unique().tolist() == [0.5]
        assert model.bert.embeddings.word_embeddings.weight.unique().numel() > 1

    def test_metrics_are_those_of_all_pieces_and_pairs(self, model) -> None:
        total, pieces, right = 0.0, 0, 0
        for pairs in (PAIRS[:2], PAIRS[2:]):
            batch = batch_of(pairs)
            tokens, label = model.mask(batch["tokens"])
            count = int((label != IGNORE_INDEX).sum())
            total, pieces = total + model(tokens, label)["loss"].item() * count, pieces + count
            output = model(tokens, label, batch["next_sentence_label"])
            right += int((output["logits"].argmax(-1) == batch["next_sentence_label"]).sum())
        metrics = model.get_metrics(reset=True)
        assert metrics["perplexity"] == pytest.approx(math.exp(total / pieces), rel=1e-5)
        assert metrics["nsp_accuracy"] == pytest.approx(right / len(PAIRS))
        assert set(map(type, metrics.values())) == {float}

    def test_labels_by_mistake(self, model) -> None:
        with pytest.raises(ConfigurationError, match="the argument is `label`"):
            model(**batch_of(PAIRS), labels=None)
