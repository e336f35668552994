"""Masked LM against Hugging Face's head and fill-mask pipeline."""

import copy
import logging
import math
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.models.archival import load_archive
from allennlp.nn import InitializerApplicator
from allennlp.nn.initializers import ConstantInitializer
from transformers import BertForMaskedLM as PlainBertForMaskedLM
from transformers import BertModel, pipeline

from bert_classification import BertForMaskedLM
from bert_classification.data.label_field import IGNORE_INDEX
from tests.masked_lm.support import DATA, TRAIN, make_reader
from tests.support import BERT


def plain(model: BertForMaskedLM) -> PlainBertForMaskedLM:
    theirs = PlainBertForMaskedLM.from_pretrained(BERT).eval()
    theirs.load_state_dict(model.state_dict())
    return theirs


def tied(model: Any) -> bool:
    decoder = model.cls.predictions.decoder
    embeddings = model.bert.embeddings.word_embeddings
    return decoder.weight is embeddings.weight and decoder.bias is model.cls.predictions.bias


def tensors(*texts: str) -> dict[str, Any]:
    reader = make_reader()
    return Batch([reader.text_to_instance(text, labelled=True) for text in texts]).as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/masked_lm.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)


class TestParity:
    @pytest.mark.parametrize(
        "texts",
        [["The soup was cold."], ["Short.", "A much longer text about a late train.", "Two words"]],
        ids=["single", "padded batch"],
    )
    @pytest.mark.parametrize("training", [False, True])
    def test_loss_equals_hugging_face(self, model, texts, training) -> None:
        batch = tensors(*texts)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.train(training)
        tokens, label = model.mask(batch["tokens"])
        assert (label != IGNORE_INDEX).any(-1).all()
        loss = model(tokens, label)["loss"]
        field = tokens["bert"]
        expected = plain(model)(
            field["input_ids"], field["mask"].long(), field["token_type_ids"], labels=label
        ).loss
        assert torch.allclose(loss, expected, atol=1e-5)

    def test_probabilities_equal_hugging_face_logits(self, model) -> None:
        texts = ["The [MASK] was cold.", "It was [MASK], and the train to the [MASK] was late."]
        reader = make_reader()
        batch = Batch([reader.text_to_instance(text) for text in texts]).as_tensor_dict()
        probs = model(**batch)["probs"]
        field = batch["tokens"]["bert"]
        logits = plain(model)(field["input_ids"], field["mask"].long()).logits
        expected = logits.softmax(-1)[field["input_ids"] == reader.tokenizer.mask_id]
        assert [len(rows) for rows in probs] == [1, 2]
        assert torch.allclose(torch.cat(probs), expected, atol=1e-6)

    def test_fills_agree_with_the_fill_mask_pipeline(self, model, predictor) -> None:
        fill_mask = pipeline(
            "fill-mask", plain(model), tokenizer=make_reader().tokenizer.pretrained
        )
        words = [line.split() for line in (DATA / "train.txt").read_text("utf-8").splitlines()]
        texts = [
            " ".join("[MASK]" if index % 7 == row % 7 else word for index, word in enumerate(line))
            for row, line in enumerate(line for line in words if len(line) > 6)
        ]
        targets = ["the", "and", "##s", "his", "was"]
        assert len(texts) > 30
        for text in texts[:30]:
            self._agrees(predictor, fill_mask, text, {"top_k": 7})
            self._agrees(predictor, fill_mask, text, {"top_k": 5, "targets": targets})

    def _agrees(self, predictor: Any, fill_mask: Any, text: str, options: dict) -> None:
        ours = predictor.predict_json({"text": text, **options})["fills"]
        theirs = fill_mask(text, **options)
        theirs = theirs if isinstance(theirs[0], list) else [theirs]
        vocabulary = fill_mask.tokenizer
        assert [[fill["token"] for fill in mask] for mask in ours] == [
            vocabulary.convert_ids_to_tokens([fill["token"] for fill in mask]) for mask in theirs
        ]
        for mine, their in zip(ours, theirs):
            assert [fill["prob"] for fill in mine] == pytest.approx(
                [fill["score"] for fill in their], abs=1e-5
            )


class TestHead:
    def test_decoder_stays_tied(self, model, tmp_path, archive_of) -> None:
        assert tied(model) and tied(copy.deepcopy(model))
        loaded = BertForMaskedLM(Vocabulary(), BERT)
        loaded.load_state_dict(model.state_dict())
        assert tied(loaded) and tied(load_archive(archive_of("masked_lm")).model)
        model.train()(**tensors("The soup was cold."))["loss"].backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        assert tied(model)

    def test_a_bert_model_in_memory_gets_a_tied_head(self) -> None:
        bert = BertModel.from_pretrained(BERT)
        model = BertForMaskedLM(Vocabulary(), bert, tokenizer=BERT)
        assert tied(model) and model.bert is bert
        plain(model)
        with pytest.raises(ConfigurationError, match="`tokenizer`"):
            BertForMaskedLM(Vocabulary(), bert)

    def test_the_head_of_a_checkpoint_is_taken_and_the_log_says_so(
        self, model, tmp_path, caplog
    ) -> None:
        plain(model).save_pretrained(tmp_path)
        make_reader().tokenizer.pretrained.save_pretrained(tmp_path)
        with caplog.at_level(logging.INFO):
            again = BertForMaskedLM(Vocabulary(), str(tmp_path)).eval()
            BertForMaskedLM(Vocabulary(), BERT)
        batch = tensors("The soup was cold.")
        assert torch.allclose(again(**batch)["loss"], model(**batch)["loss"], atol=1e-6)
        assert "the head of the checkpoint" in caplog.text
        assert "fresh cls.predictions" in caplog.text

    def test_logits_are_computed_only_where_there_is_a_label(self, model) -> None:
        seen: list[int] = []
        model.cls.register_forward_hook(lambda _, __, logits: seen.append(len(logits)))
        tokens, label = model.mask(tensors("The soup was cold.", "The train.")["tokens"])
        model(tokens, label)
        assert seen == [int((label != IGNORE_INDEX).sum())]

    def test_frozen_bert_trains_the_head_alone(self) -> None:
        model = BertForMaskedLM(Vocabulary(), BERT, trainable=False)
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        assert trained == {
            "cls.predictions.bias",
            "cls.predictions.transform.dense.weight",
            "cls.predictions.transform.dense.bias",
            "cls.predictions.transform.LayerNorm.weight",
            "cls.predictions.transform.LayerNorm.bias",
        }

    def test_initializer_leaves_the_embeddings_alone(self) -> None:
        zeros = InitializerApplicator([(".*weight", ConstantInitializer(0.0))])
        model = BertForMaskedLM(Vocabulary(), BERT, initializer=zeros)
        assert not model.cls.predictions.transform.dense.weight.any()
        assert tied(model) and model.cls.predictions.decoder.weight.any()

    def test_metrics_weigh_each_piece_the_same(self, model) -> None:
        losses = []
        for texts in (["The soup was cold and there was no bread on the table."] * 8, ["Short."]):
            tokens, label = model.mask(tensors(*texts)["tokens"])
            losses.append((model(tokens, label)["loss"].item(), int((label != IGNORE_INDEX).sum())))
        mean = sum(loss * count for loss, count in losses) / sum(count for _, count in losses)
        assert model.get_metrics(reset=True)["perplexity"] == pytest.approx(math.exp(mean))
        assert model.get_metrics() == {"perplexity": 0.0, "accuracy": 0.0}

    def test_a_text_without_ordinary_pieces_costs_nothing(self, model) -> None:
        loss = model.train()(**tensors("[UNK]"))["loss"]
        loss.backward()
        assert loss.item() == 0.0

    def test_validation_is_fixed_and_training_is_not(self, model) -> None:
        batch = tensors(*(DATA / "dev.txt").read_text("utf-8").split("\n")[:4])
        assert model(**batch)["loss"] == model(**batch)["loss"]
        labels = [model.train().mask(batch["tokens"])[1] for _ in range(2)]
        assert not labels[0].equal(labels[1])

    def test_labels_by_mistake(self, model) -> None:
        batch = tensors("The soup was cold.")
        with pytest.raises(ConfigurationError, match="the argument is `label`"):
            model(**batch, labels=batch["tokens"]["bert"]["input_ids"])
