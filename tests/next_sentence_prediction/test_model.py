"""Next sentence prediction against Hugging Face's head, and its metrics."""

from pathlib import Path

import pytest
import torch
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.nn import InitializerApplicator
from allennlp.nn.initializers import ConstantInitializer
from sklearn.metrics import f1_score, roc_auc_score
from transformers import AutoTokenizer, BertConfig, BertForPreTraining
from transformers import BertForNextSentencePrediction as PlainHead

from bert_classification import BertForNextSentencePrediction
from bert_classification.next_sentence_prediction.model import area_under_curve
from tests.next_sentence_prediction.support import TRAIN
from tests.support import BERT

CONFIG = "training_config/next_sentence_prediction.jsonnet"
PAIRS = [
    ("The alarm rang at six.", "Nora got up at once."),
    ("Zoë missed the last tram 🚋.", "Penguins cannot fly, but they are good swimmers."),
    ("Snow fell.", "Why?"),
]


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model(CONFIG, TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    @pytest.mark.parametrize("pairs", [PAIRS[:1], PAIRS], ids=["single", "padded batch"])
    def test_logits_and_loss_equal_hugging_face(self, reader, pairs) -> None:
        model = BertForNextSentencePrediction(Vocabulary(), BERT).eval()
        labels = [1, 0, 1][: len(pairs)]
        instances = [reader.text_to_instance(*pair, label) for pair, label in zip(pairs, labels)]
        ours = model(**tensors(instances))

        theirs = PlainHead(BertConfig.from_pretrained(BERT)).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        padded = tokenizer(*map(list, zip(*pairs)), padding=True, return_tensors="pt")
        expected = theirs(**padded, labels=torch.tensor(labels))
        assert torch.allclose(ours["logits"], expected.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)

    def test_a_pretrained_checkpoint_gives_its_head(self, reader, tmp_path: Path) -> None:
        checkpoint = BertForPreTraining(BertConfig.from_pretrained(BERT))
        checkpoint.save_pretrained(tmp_path)
        model = BertForNextSentencePrediction(Vocabulary(), str(tmp_path))
        assert torch.equal(
            model.cls.seq_relationship.weight, checkpoint.cls.seq_relationship.weight
        )

    def test_initializer_and_freezing_leave_their_part(self) -> None:
        initializer = InitializerApplicator([["weight", ConstantInitializer(0.5)]])
        model = BertForNextSentencePrediction(
            Vocabulary(), BERT, trainable=False, initializer=initializer
        )
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        assert trained == {"cls.seq_relationship.weight", "cls.seq_relationship.bias"}
        assert model.cls.seq_relationship.weight.unique().tolist() == [0.5]


class TestMetrics:
    def test_f1_and_auc_are_those_of_is_next(self, reader) -> None:
        model = BertForNextSentencePrediction(Vocabulary(), BERT).eval()
        instances = list(reader.read(TRAIN))
        with torch.no_grad():
            logits = model(**tensors(instances))["logits"]
            # About half are judged to follow, and none of them by a hair.
            margins = (logits[:, 0] - logits[:, 1]).sort().values
            middle = margins[len(margins) // 4 : -len(margins) // 4]
            gap = middle.diff().argmax()
            model.cls.seq_relationship.bias[0] -= middle[gap : gap + 2].mean()
        model.get_metrics(reset=True)
        scores = []
        for start in range(0, len(instances), 30):
            scores += model(**tensors(instances[start : start + 30]))["probs"][:, 0].tolist()
        positive = [instance["label"].label == 0 for instance in instances]
        assert "auc" not in model.get_metrics()
        metrics = model.get_metrics(reset=True)
        assert metrics["auc"] == pytest.approx(roc_auc_score(positive, scores))
        expected = f1_score(positive, [score > 0.5 for score in scores])
        assert metrics["f1"] == pytest.approx(expected, abs=1e-6) and expected > 0
        assert set(map(type, metrics.values())) == {float}

    def test_auc_of_one_kind_of_pairs_is_a_half(self) -> None:
        assert area_under_curve([0.1, 0.9], [True, True]) == {"auc": 0.5}
        assert area_under_curve([0.1, 0.9], [True, False]) == {"auc": 0.0}
