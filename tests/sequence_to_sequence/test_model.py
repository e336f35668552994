"""BERT to BERT: the numbers are those of transformers' `EncoderDecoderModel`."""

import math
from typing import Any
from unittest import mock

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Vocabulary
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel

from bert_classification import BertForSequenceToSequence
from bert_classification.objectives.generation import continue_texts
from bert_classification.sequence_to_sequence.scores import written_scores
from tests.sequence_to_sequence.support import (
    CLS,
    DATA,
    SEP,
    SOURCES,
    TARGETS,
    TOKENIZER,
    hugging_face,
    make_model,
    make_reader,
    tensors,
    their_batch,
    training_batch,
)
from tests.support import BERT

SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {"max_new_tokens": 12},
    "beams": {"max_new_tokens": 12, "num_beams": 4},
    "short beams": {"max_new_tokens": 12, "num_beams": 4, "length_penalty": -8.0},
    "sampling": {"do_sample": True, "temperature": 0.7, "top_k": 30, "top_p": 0.9, "seed": 5},
    "sampling beams": {"do_sample": True, "num_beams": 3, "max_new_tokens": 6, "seed": 5},
}


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        config = "training_config/sequence_to_sequence.jsonnet"
        self.set_up_model(config, str(DATA / "train.jsonl"))
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
class TestParity:
    @pytest.mark.parametrize("options", [{}, {"tie": True}], ids=["apart", "tied"])
    @pytest.mark.filterwarnings("ignore:Version v4.12.0")
    def test_loss_and_logits_equal_hugging_face(self, options, attention) -> None:
        model = make_model(**options)
        given, labels = their_batch()
        expected = hugging_face(model, attention)(**given, labels=labels)
        states = []
        hook = model.decoder.cls.register_forward_hook(lambda _, __, logits: states.append(logits))
        output = model(**training_batch())
        hook.remove()
        assert torch.allclose(output["loss"], expected.loss, atol=1e-5)
        (logits,) = states
        assert torch.allclose(logits, expected.logits[labels != -100], atol=1e-5)
        losses = cross_entropy(expected.logits.transpose(1, 2), labels, reduction="none")
        assert torch.allclose(output["logprob"], -losses.sum(-1), atol=1e-4)
        means = losses.sum(-1) / (labels != -100).sum(-1)
        assert torch.allclose(output["perplexity"], means.exp(), rtol=1e-4)

    @pytest.mark.parametrize("kind", SETTINGS)
    def test_what_is_written_equals_hugging_face(self, kind, attention) -> None:
        model, settings = make_model(), dict(SETTINGS[kind])
        instances = [make_reader().text_to_instance(each, None, settings) for each in SOURCES]
        ours = model.forward_on_instances(instances)
        theirs, seed = hugging_face(model, attention), settings.pop("seed", 0)
        for source, output in zip(SOURCES, ours):
            torch.manual_seed(seed)
            options = {"max_new_tokens": 127, "eos_token_id": SEP, "pad_token_id": 0, **settings}
            written = theirs.generate(
                **dict(TOKENIZER(source, return_tensors="pt", return_token_type_ids=False)),
                decoder_start_token_id=CLS,
                **options,
            )
            assert output["target_ids"] == written[0, 1:].tolist()

    def test_layers_of_both_halves_equal_hugging_face(self, attention) -> None:
        model = make_model(output_hidden_states=True, output_attentions=True)
        given, labels = their_batch()
        before = torch.cat([torch.full((3, 1), CLS), labels[:, :-1].clamp(min=0)], 1)
        options = {"output_hidden_states": True, "output_attentions": True, "use_cache": False}
        mask = torch.cat([torch.ones(3, 1), labels[:, :-1] != -100], 1)
        expected = hugging_face(model, "eager")(
            **given, decoder_input_ids=before, decoder_attention_mask=mask, **options
        )
        output = model(**training_batch())
        read, written = given["attention_mask"].bool(), mask.bool()
        for name, theirs, rows in [
            ("hidden_states", expected.encoder_hidden_states, read),
            ("attentions", expected.encoder_attentions, read),
            ("decoder_hidden_states", expected.decoder_hidden_states, written),
            ("decoder_attentions", expected.decoder_attentions, written),
            ("cross_attentions", expected.cross_attentions, written),
        ]:
            for layer, each in enumerate(theirs):
                ours = output[name][:, layer]
                ours, each = (x if x.dim() == 3 else x.transpose(1, 2) for x in (ours, each))
                assert torch.allclose(ours[rows], each[rows], atol=1e-5), name


class TestDecoder:
    def test_a_later_piece_of_the_target_is_not_seen(self) -> None:
        model, batch = make_model(), training_batch()
        losses: list[torch.Tensor] = []
        hook = model.decoder.bert.register_forward_hook(lambda *each: losses.append(each[2][0]))
        model(**batch)
        batch["target"]["bert"]["input_ids"][:, 2] += 1
        model(**batch)
        hook.remove()
        assert torch.equal(losses[0][:, :2], losses[1][:, :2])
        assert not torch.isclose(losses[0][:, 2], losses[1][:, 2]).all()

    def test_it_looks_at_its_own_source_alone(self) -> None:
        model, batch = make_model(), training_batch()
        before = model(**batch)["logprob"]
        batch["tokens"]["bert"]["input_ids"][0, 2] += 1
        after = model(**batch)["logprob"]
        assert abs(before[0] - after[0]) > 1e-3
        assert torch.allclose(before[1:], after[1:], atol=1e-5)

    def test_label_smoothing_is_that_of_torch_and_of_training_alone(self) -> None:
        model = make_model(label_smoothing=0.1)
        given, labels = their_batch()
        with pytest.warns(FutureWarning, match="v4.12.0"):
            logits = hugging_face(model, "eager")(**given, labels=labels).logits
        plain, smooth = (
            cross_entropy(logits.transpose(1, 2), labels, label_smoothing=share)
            for share in (0.0, 0.1)
        )
        for module in model.modules():
            module.p = 0.0 if isinstance(module, torch.nn.Dropout) else None
        assert torch.allclose(model(**training_batch())["loss"], plain, atol=1e-5)
        assert torch.allclose(model.train()(**training_batch())["loss"], smooth, atol=1e-5)

    def test_another_bert_of_another_width_may_be_the_decoder(self, tmp_path) -> None:
        config = BertConfig.from_pretrained(BERT, hidden_size=48, num_attention_heads=4)
        BertModel(config).save_pretrained(tmp_path)
        TOKENIZER.save_pretrained(tmp_path)
        model = make_model(decoder_bert_model=str(tmp_path))
        assert model.enc_to_dec_proj.weight.shape == (48, 32)
        given, labels = their_batch()
        with pytest.warns(FutureWarning, match="v4.12.0"):
            expected = hugging_face(model, "sdpa")(**given, labels=labels).loss
        assert torch.allclose(model(**training_batch())["loss"], expected, atol=1e-5)
        with pytest.raises(ConfigurationError, match="`model.tie` is true, but embeddings"):
            make_model(decoder_bert_model=str(tmp_path), tie=True)


class TestConstruction:
    def test_tied_halves_train_the_same_weights(self) -> None:
        apart, tied = make_model(), make_model(tie=True)
        inner = [sum(each.numel() for each in model.parameters()) for model in (apart, tied)]
        shared = sum(p.numel() for name, p in apart.bert.named_parameters() if "pooler" not in name)
        assert inner[0] - inner[1] == shared
        optimizer = torch.optim.SGD(tied.parameters(), lr=0.1)
        tied.train()(**training_batch())["loss"].backward()
        optimizer.step()
        theirs = tied.decoder.bert.state_dict()
        for name, weight in tied.bert.state_dict().items():
            assert "pooler" in name or torch.equal(weight, theirs[name])
        head = tied.decoder.cls.predictions.decoder.weight
        assert head is tied.bert.embeddings.word_embeddings.weight

    def test_a_bert_model_gives_both_halves_its_weights(self) -> None:
        bert = BertModel.from_pretrained(BERT)
        model = BertForSequenceToSequence(Vocabulary(), bert, validation_generation=False)
        theirs = model.decoder.bert.state_dict()
        given = {name: each for name, each in bert.state_dict().items() if "pooler" not in name}
        assert all(torch.equal(weight, theirs[name]) for name, weight in given.items())
        assert model.bert is bert and not bert.config.is_decoder
        assert model.decoder.config.is_decoder

    def test_frozen_halves_leave_cross_attention_and_head_to_train(self) -> None:
        model = make_model(trainable=False)
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        assert any("crossattention" in name for name in trained)
        assert all("crossattention" in name or ".cls." in name for name in trained)

    def test_every_weight_that_is_trained_has_a_gradient(self) -> None:
        model = make_model().train()
        model(**training_batch())["loss"].backward()
        for name, weight in model.named_parameters():
            assert (weight.grad is not None) == weight.requires_grad, name

    def test_gradient_checkpointing_gives_the_same_gradients(self) -> None:
        gradients = []
        for checkpointing in (False, True):
            model = make_model(gradient_checkpointing=checkpointing)
            for module in model.modules():
                module.p = 0.0 if isinstance(module, torch.nn.Dropout) else None
            model.train()(**training_batch())["loss"].backward()
            layer = model.decoder.bert.encoder.layer[0]
            gradients.append(layer.crossattention.self.value.weight.grad)
        assert torch.allclose(*gradients, atol=1e-6)

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"label_smoothing": 1.0}, "`model.label_smoothing` is 1.0"),
            ({"label_smoothing": -0.1}, "`model.label_smoothing`"),
            ({"max_validation_pieces": 0}, "`model.max_validation_pieces` is 0"),
            ({"trainable": 3}, "`trainable` is 3"),
        ],
    )
    def test_settings_out_of_range(self, options, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_model(**options)

    def test_without_scorers_the_extra_is_named_before_training(self) -> None:
        name = "bert_classification.sequence_to_sequence.scores.find_spec"
        with mock.patch(name, return_value=None):
            with pytest.raises(ConfigurationError, match=r"bert-classification\[seq2seq\]"):
                make_model(validation_generation=True)
            assert make_model(validation_generation=False)

    def test_more_than_the_decoder_has_positions_for(self, tmp_path) -> None:
        config = BertConfig.from_pretrained(BERT, max_position_embeddings=16)
        BertModel(config).save_pretrained(tmp_path)
        TOKENIZER.save_pretrained(tmp_path)
        model = make_model(decoder_bert_model=str(tmp_path))
        with pytest.raises(ConfigurationError, match="`dataset_reader.max_target_pieces`"):
            model(**tensors([make_reader().text_to_instance(SOURCES[0])]))
        with pytest.raises(ConfigurationError, match="16 positions"):
            model(**tensors([make_reader().text_to_instance(SOURCES[0], "a " * 30)]))
        short = make_reader(max_target_pieces=16).text_to_instance(SOURCES[0])
        assert len(model(**tensors([short]))["target_ids"][0]) <= 15

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ({"labels": torch.ones(3, 2)}, "`labels`; in AllenNLP the argument is `target`"),
            ({"target": None}, "needs a `target`"),
        ],
    )
    def test_a_wrong_call_of_forward(self, arguments, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_model()(**{**training_batch(), **arguments})


class TestMetrics:
    def test_validation_scores_what_is_written(self) -> None:
        model = make_model(validation_generation=True, max_validation_pieces=10)
        with torch.no_grad():
            output = model(**training_batch())
        assert all(1 <= len(ids) <= 10 for ids in output["target_ids"])
        written = [TOKENIZER.decode(ids, skip_special_tokens=True) for ids in output["target_ids"]]
        metrics = model.get_metrics(reset=True)
        assert metrics.pop("perplexity") == pytest.approx(math.exp(output["loss"].item()), rel=1e-5)
        assert metrics == pytest.approx(written_scores(written, TARGETS))
        assert all(type(value) is float for value in metrics.values())
        assert model.get_metrics() == {"perplexity": 0.0}

    @pytest.mark.parametrize("switched_on", [True, False])
    def test_nothing_is_written_in_training_or_where_it_is_switched_off(self, switched_on) -> None:
        model = make_model(validation_generation=switched_on)
        name = "bert_classification.sequence_to_sequence.model.continue_texts"
        with mock.patch(name, side_effect=continue_texts) as called:
            model.train()(**training_batch())
            assert not called.called
            with torch.no_grad():
                model.eval()(**training_batch())
        assert called.called == switched_on

    def test_scores_are_those_of_their_libraries(self) -> None:
        from rouge_score.rouge_scorer import RougeScorer
        from sacrebleu import corpus_bleu, corpus_chrf

        written = [TARGETS[0], "some bread he made", "night at two rooms"]
        scores = written_scores(written, TARGETS)
        assert scores["bleu"] == corpus_bleu(written, [TARGETS]).score
        assert scores["chrf"] == corpus_chrf(written, [TARGETS]).score
        rouge = RougeScorer(["rougeL"], use_stemmer=True)
        means = [rouge.score(*pair)["rougeL"].fmeasure for pair in zip(TARGETS, written)]
        assert scores["rouge_l"] == pytest.approx(sum(means) / 3)
        assert scores["exact_match"] == pytest.approx(1 / 3)
        assert written_scores(TARGETS, TARGETS)["bleu"] == pytest.approx(100)
