"""Classification against the plain Hugging Face head, on the tiny BERT."""

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Instance
from transformers import AutoTokenizer, BertForSequenceClassification

from bert_classification import BertForClassification
from tests.classification.support import make_reader, tensors
from tests.support import BERT, FIXTURES

TRAIN = str(FIXTURES / "classification" / "train.jsonl")


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

    def test_unknown_policies(self, vocab) -> None:
        with pytest.raises(ConfigurationError, match="`long_text` is 'cut'"):
            make_reader(long_text="cut")
        with pytest.raises(ConfigurationError, match="`window_pooling` is 'vote'"):
            BertForClassification(vocab, BERT, window_pooling="vote")


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
