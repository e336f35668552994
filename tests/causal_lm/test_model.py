"""Causal language modelling: nothing that follows is seen, and the numbers are Hugging Face's."""

import math

import pytest
import torch
from allennlp.common import Params
from allennlp.common.testing import ModelTestCase
from allennlp.data import Vocabulary
from allennlp.nn import InitializerApplicator
from transformers import BertModel

from bert_classification import BertForCausalLM
from bert_classification.bert.encoder import encode_field
from bert_classification.training.perplexity import CorpusPerplexity
from tests.causal_lm.support import (
    DATA,
    TEXTS,
    TOKENIZER,
    hugging_face,
    is_tied,
    make_model,
    reader,
    tensors,
)
from tests.support import BERT


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/causal_lm.jsonnet", str(DATA / "train.txt"))
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)


class TestParity:
    @pytest.mark.parametrize("texts", [TEXTS[:1], TEXTS], ids=["single", "padded batch"])
    def test_logits_and_loss_equal_hugging_face(self, texts) -> None:
        model = make_model()
        given = tensors([reader().text_to_instance(text, labelled=True) for text in texts])
        ours = model.cls(encode_field(model.bert, given["tokens"], model.text_input).hidden_states)

        padded = TOKENIZER(texts, padding=True, return_tensors="pt")
        mask = padded["attention_mask"].bool()
        labels = padded["input_ids"].masked_fill(~mask, -100)
        expected = hugging_face(model)(**padded, labels=labels)
        assert torch.allclose(ours[mask], expected.logits[mask], atol=1e-5)
        assert torch.allclose(model(**given)["loss"], expected.loss, atol=1e-5)

    def test_weights_load_into_hugging_face(self) -> None:
        assert hugging_face(make_model()).cls.predictions.decoder.out_features == len(TOKENIZER)


class TestCausality:
    @pytest.mark.parametrize("given", ["directory", "BertModel"])
    @pytest.mark.parametrize("options", [{}, {"output_hidden_states": True}], ids=str)
    def test_a_later_piece_leaves_earlier_logits_unchanged(self, given, options) -> None:
        bert = BERT if given == "directory" else BertModel.from_pretrained(BERT)
        model = make_model(bert_model=bert, **options)
        fields = tensors([reader().text_to_instance(text, labelled=True) for text in TEXTS])

        def logits() -> torch.Tensor:
            encoded = encode_field(model.bert, fields["tokens"], model.text_input)
            return model.cls(encoded.hidden_states)

        before = logits()
        fields["tokens"]["bert"]["input_ids"][:, 2] += 1
        after = logits()
        assert torch.equal(before[:, :2], after[:, :2])
        assert not torch.isclose(before[:, 2], after[:, 2]).all()

    def test_texts_of_a_batch_do_not_see_each_other(self) -> None:
        model = make_model()
        alone = model(**tensors([reader().text_to_instance(TEXTS[0], labelled=True)]))["logprob"]
        fields = tensors([reader().text_to_instance(text, labelled=True) for text in TEXTS])
        assert torch.allclose(model(**fields)["logprob"][0], alone, atol=1e-4)

    def test_a_bert_model_gives_its_weights_and_is_tied(self) -> None:
        bert = BertModel.from_pretrained(BERT)
        model = BertForCausalLM(Vocabulary(), bert)
        ours, theirs = model.bert.state_dict(), bert.state_dict()
        assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())
        assert is_tied(model)
        assert not bert.config.is_decoder


class TestMetrics:
    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_perplexity_does_not_depend_on_the_batches(self, batch_size) -> None:
        model = make_model()
        instances = list(reader(block_size=20).read(str(DATA / "dev.txt")))
        losses = [model(**tensors([instance])) for instance in instances]
        total = -sum(output["logprob"].item() for output in losses)
        model.get_metrics(reset=True)
        for start in range(0, len(instances), batch_size):
            model(**tensors(instances[start : start + batch_size]))
        metrics = model.get_metrics(reset=True)

        predicted = sum(len(instance["tokens"].ids) - 1 for instance in instances)
        text = (DATA / "dev.txt").read_text(encoding="utf-8")
        words = len(TOKENIZER.backend_tokenizer.pre_tokenizer.pre_tokenize_str(text))
        assert metrics["perplexity"] == pytest.approx(math.exp(total / predicted), rel=1e-5)
        assert metrics["word_perplexity"] == pytest.approx(math.exp(total / words), rel=1e-5)
        assert model.get_metrics() == {"perplexity": 0.0, "word_perplexity": 0.0}

    def test_an_endless_perplexity_stays_a_number(self) -> None:
        metric = CorpusPerplexity()
        metric(1e6, 2, 1)
        assert all(
            type(value) is float and value < math.inf for value in metric.get_metric().values()
        )


class TestConstruction:
    def test_the_initializer_leaves_the_embeddings_alone(self) -> None:
        settings = Params({"regexes": [["weight", {"type": "constant", "val": 0.25}]]})
        constant = InitializerApplicator.from_params(settings)
        model = BertForCausalLM(Vocabulary(), BERT, initializer=constant)
        assert (model.cls.predictions.transform.dense.weight == 0.25).all()
        assert not (model.cls.predictions.decoder.weight == 0.25).any()

    def test_frozen_bert_leaves_the_head_to_train(self) -> None:
        model = BertForCausalLM(Vocabulary(), BERT, trainable=False)
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        assert trained and all(name.startswith("cls.predictions.") for name in trained)

    def test_gradient_checkpointing_gives_the_same_gradients(self) -> None:
        fields = tensors([reader().text_to_instance(text, labelled=True) for text in TEXTS])
        gradients = []
        for checkpointing in (False, True):
            model = make_model(gradient_checkpointing=checkpointing)
            for module in model.modules():
                module.p = 0.0 if isinstance(module, torch.nn.Dropout) else None
            model.train()
            model(**fields)["loss"].backward()
            gradients.append(model.bert.encoder.layer[0].attention.self.query.weight.grad)
        assert torch.allclose(*gradients, atol=1e-6)
