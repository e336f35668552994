"""Causal language modelling: nothing that follows is seen, and `generate` is Hugging Face's."""

import gzip
import json
import math
import random
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.models.archival import load_archive
from allennlp.nn import InitializerApplicator
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, BertLMHeadModel, BertModel

from bert_classification import (
    BertForCausalLM,
    BertForCausalLMPredictor,
    BertForCausalLMReader,
    BertForCausalLMScoringPredictor,
    PretrainedBertIndexer,
)
from bert_classification.bert.encoder import encode_field
from bert_classification.causal_lm.predictor import join_pieces
from bert_classification.training.perplexity import CorpusPerplexity
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

DATA = FIXTURES / "causal_lm"
TOKENIZER = AutoTokenizer.from_pretrained(BERT)
CLS = TOKENIZER.cls_token_id
SEP = TOKENIZER.sep_token_id
TEXTS = ["The soup was cold.", "Short", "The ferry left the island at seven, an hour late. 🙂"]
SETTINGS: dict[str, dict[str, Any]] = {
    "greedy": {"max_new_tokens": 12},
    "beams": {"max_new_tokens": 12, "num_beams": 4},
    "sampling": {"do_sample": True, "temperature": 0.7, "top_k": 30, "top_p": 0.9, "seed": 5},
    "sampling beams": {"do_sample": True, "num_beams": 3, "max_new_tokens": 6, "seed": 5},
}


def reader(**options: Any) -> BertForCausalLMReader:
    return BertForCausalLMReader(token_indexers={"bert": PretrainedBertIndexer(BERT)}, **options)


def make_model(**options: Any) -> BertForCausalLM:
    torch.manual_seed(3)
    model = BertForCausalLM(Vocabulary(), **{"bert_model": BERT, **options}).eval()
    with torch.no_grad():
        # Random weights that tell one piece from another, and let some texts end.
        model.cls.predictions.transform.dense.weight.normal_(std=0.5)
        model.bert.embeddings.word_embeddings.weight.mul_(8)
        model.cls.predictions.bias[SEP] = 1.5
    return model


def hugging_face(model: BertForCausalLM, attention: str = "eager") -> BertLMHeadModel:
    theirs = BertLMHeadModel.from_pretrained(BERT, is_decoder=True, attn_implementation=attention)
    theirs.load_state_dict(model.state_dict())
    return theirs.eval()


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def read_blocks(path: Path, text: str, **options: Any) -> list[list[int]]:
    path.write_text(text, encoding="utf-8")
    return [instance["tokens"].ids.tolist() for instance in reader(**options).read(str(path))]


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


def is_tied(model: BertForCausalLM) -> bool:
    return model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight


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
        pieces = reader().tokenizer
        ids = TOKENIZER.convert_tokens_to_ids(["##s", "the", "was", ".", "a", "[SEP]"])
        assert join_pieces(pieces, ids) == "s the was. a"
        assert join_pieces(pieces, ids[1:]) == " the was. a"
        assert join_pieces(pieces, [SEP]) == ""


class TestScoring:
    def test_equals_hugging_face(self) -> None:
        model = make_model()
        predictor = BertForCausalLMScoringPredictor(model, reader())
        outputs = predictor.predict_batch_json([{"id": 1, "text": text} for text in TEXTS])
        theirs = hugging_face(model)
        for text, output in zip(TEXTS, outputs):
            ids = TOKENIZER(text, return_tensors="pt")["input_ids"]
            loss = theirs(ids, labels=ids).loss.item()
            assert set(output) == {"id", "logprob", "perplexity"}
            assert output["logprob"] == pytest.approx(-loss * (ids.size(1) - 1), rel=1e-5)
            assert output["perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)
        assert model.get_metrics()["perplexity"] == 0.0

    def test_a_text_without_room_is_an_error(self) -> None:
        predictor = BertForCausalLMScoringPredictor(make_model(), reader())
        outputs = predictor.predict_batch_json(
            [{"text": "a " * 127}, {"text": "a " * 126}, {"text": ""}, [1]]
        )
        assert ["error" in output for output in outputs] == [True, False, True, True]
        assert "128 word pieces" in outputs[0]["error"]


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


class TestReader:
    def test_blocks_are_the_text_with_one_sep_at_each_end(self, tmp_path) -> None:
        text = "\nOne cold soup.\nTwo boats!\n\n\n \nThree oaks and a lake.\n"
        made = read_blocks(tmp_path / "a.raw", text, block_size=8)
        assert all(ids[0] == CLS and ids.count(CLS) == 1 for ids in made)
        assert all(len(ids) == 8 for ids in made[:-1]) and 2 <= len(made[-1]) <= 8
        pieces = [piece for ids in made for piece in ids[1:]]
        first, second = "One cold soup. Two boats!", "Three oaks and a lake."
        assert pieces == TOKENIZER(first)["input_ids"][1:] + TOKENIZER(second)["input_ids"][1:]
        assert not any(pair == (SEP, SEP) for pair in pairwise(pieces))

    @pytest.mark.parametrize(
        "name, content, options",
        [
            ("a.jsonl", '{"text": "One lake."}\n{"sentence": "Two oaks."}\n', {}),
            ("a.tsv", "text\nOne lake.\nTwo oaks.\n", {}),
            ("a.csv", 'n,words\n1,"One lake."\n2,Two oaks.\n', {"columns": {"text": "words"}}),
            ("a.txt", "One lake.\nTwo oaks.\n", {"format": "tsv", "columns": {"text": 0}}),
            ("a.txt", "\ufeffOne lake.\r\n\r\nTwo oaks.", {}),
            ("tokens", "One lake.\n\nTwo oaks.\n", {}),
        ],
    )
    def test_formats(self, tmp_path, name, content, options) -> None:
        (block,) = read_blocks(tmp_path / name, content, **options)
        assert TOKENIZER.decode(block) == "[CLS] one lake. [SEP] two oaks. [SEP]"

    def test_columns_of_plain_text_are_refused(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="columns.*tsv"):
            read_blocks(tmp_path / "a.txt", "One lake.\n", columns={"text": 0})

    def test_gzip(self, tmp_path) -> None:
        (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"One lake.\n"))
        (instance,) = reader().read(str(tmp_path / "a.txt.gz"))
        assert instance["tokens"].ids.tolist() == TOKENIZER("One lake.")["input_ids"]

    def test_blocks_are_given_out_while_the_file_is_read(self, tmp_path) -> None:
        path = tmp_path / "a.txt"
        path.write_bytes(b"A cold lake.\n" * 50000 + b"\xff\n")
        made = iter(reader().read(str(path)))
        assert len(next(made)["tokens"]) == 128
        with pytest.raises(ConfigurationError, match="line 50001"):
            list(made)

    def test_lines_without_pieces_are_counted(self, tmp_path, caplog) -> None:
        (block,) = read_blocks(tmp_path / "a.txt", "One lake\n\n\u200b\n\nTwo oaks\n")
        assert TOKENIZER.decode(block) == "[CLS] one lake [SEP] two oaks [SEP]"
        assert "1 lines have no word piece" in caplog.text

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("a.txt", b"", "a.txt: no text"),
            ("a.txt", b" \n\n", "a.txt: no text"),
            ("a.txt", b"Fine.\nCaf\xe9\n", "a.txt, line 2: not utf-8"),
            ("a.jsonl", b"", "a.jsonl: no record"),
            ("a.jsonl", b'{"text": "a"}\n{"text": ""}\n', "a.jsonl, line 2: `text`: .* empty"),
            ("a.jsonl", b'{"text": "a"}\n{"text": 3}\n', "a.jsonl, line 2: `text`: .* number"),
            ("a.jsonl", b'{"txt": "a"}\n', "a.jsonl, line 1: no key `text`"),
            ("a.tsv", b"text\tn\n \t1\n", "a.tsv, line 2: `text`: .* empty"),
        ],
    )
    def test_bad_files(self, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=message):
            list(reader().read(str(tmp_path / name)))

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"block_size": 1}, "block_size"),
            ({"block_size": 129}, "128"),
            ({"format": "x"}, "text"),
        ],
    )
    def test_bad_settings(self, options, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            reader(**options)


BAD: list[tuple[Any, str]] = [
    ({"text": ""}, "empty"),
    ({"text": 3}, "`text`: expected a string"),
    ({"max_new_tokens": 3}, "no key `text`"),
    ({"text": "a " * 127}, "128 word pieces"),
    ({"text": "a", "max_new_tokens": 127}, "`max_new_tokens`: .* 126"),
    ({"text": "a", "max_new_tokens": 0}, "`max_new_tokens`"),
    ({"text": "a", "max_new_tokens": 2.5}, "`max_new_tokens`"),
    ({"text": "a", "num_beams": 0}, "`num_beams`: .* got a number"),
    ({"text": "a", "num_beams": "4"}, "`num_beams`: .* got a string"),
    ({"text": "a", "num_beams": True}, "`num_beams`: .* got a boolean"),
    ({"text": "a", "num_beams": 10**9}, "`num_beams`"),
    ({"text": "a", "do_sample": 1}, "`do_sample`"),
    ({"text": "a", "do_sample": True, "temperature": 0}, "`temperature`"),
    ({"text": "a", "do_sample": True, "temperature": 1e-40}, "`temperature`"),
    ({"text": "a", "do_sample": True, "temperature": "hot"}, "`temperature`"),
    ({"text": "a", "do_sample": True, "temperature": math.nan}, "`temperature`"),
    ({"text": "a", "do_sample": True, "top_p": 0}, "`top_p`"),
    ({"text": "a", "do_sample": True, "top_p": 1.5}, "`top_p`"),
    ({"text": "a", "do_sample": True, "top_k": 0}, "`top_k`"),
    ({"text": "a", "do_sample": True, "seed": -1}, "`seed`"),
    ({"text": "a", "do_sample": True, "seed": 2**70}, "`seed`"),
    ({"text": "a", "temperature": 0.5}, "`do_sample: true`"),
]


@pytest.mark.parametrize("record, message", BAD, ids=lambda value: str(value)[:40])
def test_bad_records_become_errors_beside_good_ones(record, message) -> None:
    predictor = BertForCausalLMPredictor(make_model(), reader())
    good = {"text": "The soup", "max_new_tokens": 2}
    outputs = predictor.predict_batch_json([good, record, good])
    assert re.search(message, outputs[1]["error"])
    assert outputs[0] == outputs[2] and "error" not in outputs[0]


class TestCommands:
    def test_predict_from_a_moved_archive(self, archive_of, tmp_path, monkeypatch) -> None:
        archive = shutil.copy(archive_of("causal_lm"), tmp_path / "moved.tar.gz")
        monkeypatch.chdir(tmp_path)
        records = read_json_lines(DATA / "predict.jsonl")
        lines = [*records, {"id": "bad", "text": "a", "num_beams": 0}, "not json"]
        source = write_lines(tmp_path / "in.jsonl", lines)
        for size in (1, 16):
            target = tmp_path / f"out{size}.jsonl"
            allennlp("predict", archive, source, "--output-file", target, "--batch-size", size)
        ones, many = (read_json_lines(tmp_path / f"out{size}.jsonl") for size in (1, 16))
        assert [one.get("text") for one in ones] == [one.get("text") for one in many]
        assert [set(one) for one in ones[:-2]] == [
            {"id", "text", "continuation", "logprob"} for _ in records
        ]
        assert all(
            one["text"] == record.get("text", record.get("sentence")) + one["continuation"]
            for one, record in zip(ones, records)
        )
        assert ["error" in one for one in ones[-2:]] == [True, True]

    def test_scoring_predictor(self, archive_of, tmp_path) -> None:
        target = tmp_path / "out.jsonl"
        options = ["--predictor", "bert_for_causal_lm_scoring", "--output-file", target]
        allennlp("predict", archive_of("causal_lm"), DATA / "predict.jsonl", *options)
        assert all(output["perplexity"] > 1 for output in read_json_lines(target))

    def test_evaluate(self, archive_of, tmp_path) -> None:
        target = tmp_path / "metrics.json"
        allennlp("evaluate", archive_of("causal_lm"), DATA / "dev.txt", "--output-file", target)
        metrics = json.loads(target.read_text())
        assert 1 < metrics["perplexity"] < metrics["word_perplexity"]

    def test_the_decoder_stays_tied_in_an_archive(self, archive_of) -> None:
        archive = load_archive(archive_of("causal_lm"))
        assert is_tied(archive.model)
        predictor = Predictor.from_archive(archive)
        assert isinstance(predictor, BertForCausalLMPredictor)

    def test_train_with_a_bad_file_names_the_place(self, tmp_path) -> None:
        data = write_lines(tmp_path / "bad.jsonl", [{"text": "a"}, {"text": None}])
        overrides = json.dumps({"train_data_path": data})
        config = "training_config/causal_lm.jsonnet"
        with pytest.raises(ConfigurationError, match="bad.jsonl, line 2: `text`"):
            allennlp("train", config, "-s", tmp_path / "out", "-o", overrides)
