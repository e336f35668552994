"""Continuations against `generate` of Hugging Face, piece by piece."""

import random
from typing import Any

import pytest
import torch

from bert_classification import BertForCausalLMPredictor
from bert_classification.objectives.generation import join_pieces
from tests.causal_lm.support import SEP, TEXTS, TOKENIZER, hugging_face, make_model, reader, tensors

SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {"max_new_tokens": 12},
    "beams": {"max_new_tokens": 12, "num_beams": 4},
    "sampling": {"do_sample": True, "temperature": 0.7, "top_k": 30, "top_p": 0.9, "seed": 5},
    "sampling beams": {"do_sample": True, "num_beams": 3, "max_new_tokens": 6, "seed": 5},
}


class TestGeneration:
    @pytest.mark.parametrize("kind", SETTINGS)
    @pytest.mark.parametrize("attention", ["eager", "sdpa"])
    def test_equals_hugging_face_piece_by_piece(self, kind, attention) -> None:
        model, settings = make_model(), dict(SETTINGS[kind])
        instances = [reader().text_to_instance(text, generation=settings) for text in TEXTS]
        ours = model.forward_on_instances(instances)
        theirs, seed = hugging_face(model, attention), settings.pop("seed", 0)
        for text, output in zip(TEXTS, ours):
            torch.manual_seed(seed)
            prompt = TOKENIZER(text, return_tensors="pt")["input_ids"][:, :-1]
            options = {"max_new_tokens": 20, "eos_token_id": SEP, "pad_token_id": 0, **settings}
            expected = theirs.generate(
                prompt, **options, output_logits=True, return_dict_in_generate=True
            )
            ids = expected.sequences[0, prompt.size(1) :]
            assert output["continuation_ids"] == ids.tolist()
            logits = theirs(expected.sequences).logits[0, prompt.size(1) - 1 : -1]
            logprob = logits.log_softmax(-1).gather(1, ids.unsqueeze(1)).sum()
            assert output["logprob"] == pytest.approx(logprob.item(), abs=1e-3)

    def test_a_continuation_ends_at_sep(self) -> None:
        model = make_model()
        with torch.no_grad():
            model.cls.predictions.bias[SEP] = 1e4
        predictor = BertForCausalLMPredictor(model, reader())
        output = predictor.predict_json({"text": "The soup"})
        assert output == {"text": "The soup", "continuation": "", "logprob": 0.0}

    def test_packed_training_between_two_generations_changes_nothing(self) -> None:
        model = make_model()
        prompt = reader().text_to_instance(TEXTS[2], generation={"num_beams": 3})
        first = model.forward_on_instance(prompt)
        model(**tensors([reader().text_to_instance(text, labelled=True) for text in TEXTS]))
        assert model.forward_on_instance(prompt) == first

    def test_some_end_before_their_limit(self) -> None:
        instances = [
            reader().text_to_instance(text, generation=SETTINGS["greedy"]) for text in TEXTS
        ]
        outputs = make_model().forward_on_instances(instances)
        lengths = [len(output["continuation_ids"]) for output in outputs]
        assert min(lengths) < max(lengths) == 12
        ended = [output["continuation_ids"][-1] == SEP for output in outputs]
        assert ended == [length < 12 for length in lengths]

    def test_a_seed_gives_the_same_in_any_company(self) -> None:
        predictor = BertForCausalLMPredictor(make_model(), reader())
        record = {"text": TEXTS[0], **SETTINGS["sampling"]}
        others = [{"text": text, **SETTINGS["sampling"], "seed": 6} for text in TEXTS]
        alone = predictor.predict_json(record)
        state = torch.get_rng_state()
        company = predictor.predict_batch_json([*others, record, {"text": "x"}, record])
        assert company[3] == company[5] == alone != company[0]
        assert torch.equal(torch.get_rng_state(), state)

    def test_without_a_seed_draws_differ(self) -> None:
        predictor = BertForCausalLMPredictor(make_model(), reader())
        outputs = predictor.predict_batch_json([{"text": "The soup", "do_sample": True}] * 3)
        assert len({output["text"] for output in outputs}) > 1

    def test_mixed_settings_keep_their_order(self) -> None:
        predictor = BertForCausalLMPredictor(make_model(), reader())
        records = [{"text": text, **settings} for settings in SETTINGS.values() for text in TEXTS]
        random.Random(0).shuffle(records)
        together = predictor.predict_batch_json(records)
        alone = [predictor.predict_json(record) for record in records]
        assert [output["text"] for output in together] == [output["text"] for output in alone]

    @pytest.mark.parametrize("beams", [1, 4])
    def test_the_narrowest_sampling_still_samples(self, beams) -> None:
        predictor = BertForCausalLMPredictor(make_model(), reader())
        narrow = {"do_sample": True, "top_k": 1, "top_p": 1e-9, "temperature": 0.01}
        output = predictor.predict_json({"text": TEXTS[0], "num_beams": beams, **narrow})
        greedy = predictor.predict_json({"text": TEXTS[0]})
        assert output["continuation"] and (beams > 1 or output == greedy)

    def test_continues_to_the_last_position(self) -> None:
        predictor = BertForCausalLMPredictor(make_model(), reader())
        with torch.no_grad():
            predictor._model.cls.predictions.bias[SEP] = -1e4
        text = "a " * 120
        output = predictor.predict_json({"text": text, "max_new_tokens": 7})
        assert output["text"] == text + output["continuation"]
        assert predictor.predict_json({"text": text})["continuation"] == output["continuation"]

    def test_pieces_join_the_text_before_them(self) -> None:
        ids = TOKENIZER.convert_tokens_to_ids(["##s", "the", "was", ".", "a", "[SEP]"])
        assert join_pieces(TOKENIZER, ids) == "s the was. a"
        assert join_pieces(TOKENIZER, ids[1:]) == " the was. a"
        assert join_pieces(TOKENIZER, [SEP]) == ""
