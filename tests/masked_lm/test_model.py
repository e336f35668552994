"""Masked LM: reader, model and predictor against Hugging Face's head and fill-mask pipeline."""

import copy
import gzip
import json
import logging
import math
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.nn import InitializerApplicator
from allennlp.nn.initializers import ConstantInitializer
from allennlp.predictors import Predictor
from transformers import BertForMaskedLM as PlainBertForMaskedLM
from transformers import BertModel, pipeline

from bert_classification import (
    BertForMaskedLM,
    BertForMaskedLMPredictor,
    BertForMaskedLMReader,
    PretrainedBertIndexer,
)
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.objectives.mask_filling import fill_in
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

DATA = FIXTURES / "masked_lm"
TRAIN = str(DATA / "train.txt")


def make_reader(max_pieces: int = 128, **options: Any) -> BertForMaskedLMReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForMaskedLMReader(token_indexers={"bert": indexer}, **options)


@pytest.fixture
def model() -> BertForMaskedLM:
    """With a head that is sure of something: a fresh one gives all pieces nearly the same."""
    torch.manual_seed(0)
    model = BertForMaskedLM(Vocabulary(), BERT).eval()
    model.cls.predictions.transform.LayerNorm.weight.data.mul_(20)
    torch.nn.init.normal_(model.cls.predictions.bias, std=0.5)
    return model


@pytest.fixture
def predictor(model) -> BertForMaskedLMPredictor:
    return BertForMaskedLMPredictor(model, make_reader())


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


def num_word_pieces(instances: list) -> list[list[int]]:
    return [instance["tokens"].ids.tolist() for instance in instances]


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


class TestReader:
    def test_blocks_hold_every_piece_once(self) -> None:
        reader = make_reader(block_size=20)
        blocks = num_word_pieces(list(reader.read(TRAIN)))
        lines = (DATA / "train.txt").read_text("utf-8").splitlines()
        expected = [piece for ids in reader.tokenizer.ids(lines) for piece in ids.tolist()]
        assert [piece for block in blocks for piece in block[1:-1]] == expected
        assert {len(block) for block in blocks[:-1]} == {20} and 3 <= len(blocks[-1]) <= 20
        ends = [(block[0], block[-1]) for block in blocks]
        assert set(ends) == {(reader.tokenizer.cls_id, reader.tokenizer.sep_id)}

    def test_blocks_do_not_depend_on_how_many_lines_are_read_at_once(self, monkeypatch) -> None:
        expected = num_word_pieces(list(make_reader(block_size=20).read(TRAIN)))
        monkeypatch.setattr("bert_classification.masked_lm.dataset_reader.EXAMPLES_AT_ONCE", 3)
        assert num_word_pieces(list(make_reader(block_size=20).read(TRAIN))) == expected

    def test_a_file_is_streamed(self, tmp_path) -> None:
        path = tmp_path / "long.txt"
        path.write_bytes(b"The soup was cold.\n" * 5000 + b"\xff\n")
        instances = make_reader(block_size=20).read(str(path))
        assert len(next(iter(instances))["tokens"]) == 20

    def test_line_by_line(self, tmp_path) -> None:
        path = tmp_path / "text.txt.gz"
        path.write_bytes(gzip.compress("\ufeffThe soup.\r\n\r\nThe train 🚂.\r\n".encode()))
        reader = make_reader(line_by_line=True)
        expected = [
            reader.text_to_instance(text, labelled=True) for text in ("The soup.", "The train 🚂.")
        ]
        assert num_word_pieces(list(reader.read(str(path)))) == num_word_pieces(expected)

    @pytest.mark.parametrize(
        "name, content",
        [
            ("a.jsonl", '{"text": "The soup."}\n{"sentence": "A train."}\n'),
            ("a.tsv", "text\tn\nThe soup.\t1\nA train.\t2\n"),
            ("a.csv", 'n,text\n1,"The soup."\n2,A train.\n'),
        ],
    )
    def test_one_instance_a_record(self, tmp_path, name, content) -> None:
        (tmp_path / name).write_text(content, encoding="utf-8")
        reader = make_reader()
        expected = [
            reader.text_to_instance(text, labelled=True) for text in ("The soup.", "A train.")
        ]
        assert num_word_pieces(list(reader.read(str(tmp_path / name)))) == num_word_pieces(expected)

    def test_a_cut_text_is_counted(self, tmp_path, caplog) -> None:
        path = write_lines(tmp_path / "a.jsonl", [{"text": "the " * 50}, {"text": "Short."}])
        list(make_reader(max_pieces=20).read(path))
        assert "1 of 2 texts were cut; the longest has 52" in caplog.text

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("a.txt", b"", "a.txt: there is no text"),
            ("a.txt", b"\n \n", "a.txt: there is no text"),
            ("a.txt", b"Fine.\nCaf\xe9.\n", "a.txt, line 2: not utf-8"),
            ("a.jsonl", b"", "a.jsonl: no record"),
            ("a.jsonl", b'{"text": "Fine."}\n{"text": ""}\n', "line 2: `text`: the text is empty"),
            ("a.jsonl", b'{"text": 7}\n', "line 1: `text`: expected a string, got a number"),
            ("a.jsonl", b'{"words": "Fine."}\n', "line 1: no key `text`"),
            ("a.jsonl", b'{"text": "x", "piece_ids": [1]}\n{"piece_ids": [1]}', "line 2: no key"),
        ],
    )
    def test_bad_files_name_file_line_and_key(self, tmp_path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=message):
            list(make_reader().read(str(tmp_path / name)))

    def test_plain_text_has_no_columns_and_any_extension(self, tmp_path) -> None:
        (tmp_path / "wiki.raw").write_text("Fine.\n", encoding="utf-8")
        assert len(list(make_reader().read(str(tmp_path / "wiki.raw")))) == 1
        with pytest.raises(ConfigurationError, match="plain text has none"):
            list(make_reader(columns={"text": 1}).read(TRAIN))

    @pytest.mark.parametrize("block_size", [2, 129, -1])
    def test_a_block_size_that_bert_cannot_take(self, block_size) -> None:
        with pytest.raises(ConfigurationError, match="block_size` is"):
            make_reader(block_size=block_size)


BAD_RECORDS = [
    ({"text": "No mask."}, "there is no [MASK]"),
    ({"text": ""}, "`text`: the text is empty"),
    ({"text": ["[MASK]"]}, "`text`: expected a string, got a list"),
    ({}, "no key `text`"),
    ({"text": "[MASK]", "targets": ["marvellously"]}, "'marvellously' is not one word piece"),
    ({"text": "[MASK]", "targets": ["the", "日"]}, "'日' is not one word piece"),
    ({"text": "[MASK]", "targets": []}, "`targets`: expected a list"),
    ({"text": "[MASK]", "targets": "the"}, "`targets`: expected a list"),
    ({"text": "[MASK]", "targets": [3]}, "`targets`: expected a word piece, got a number"),
    ({"text": "[MASK]", "targets": [" "]}, "`targets`: expected a word piece"),
    ({"text": "[MASK]", "top_k": 0}, "`top_k`: expected a whole number from 1 to 600"),
    ({"text": "[MASK]", "top_k": 601}, "`top_k`"),
    ({"text": "[MASK]", "top_k": True}, "`top_k`"),
    ({"text": "[MASK]", "top_k": "5"}, "`top_k`"),
    ({"text": "[MASK] " + "the " * 200 + "[MASK]"}, "1 of 2 [MASK] lie beyond"),
]


class TestPredictor:
    def test_bad_records_get_an_error_and_the_others_are_predicted(self, predictor) -> None:
        good = {"text": "The soup was [MASK].", "id": 1}
        outputs = predictor.predict_batch_json([good, *(bad for bad, _ in BAD_RECORDS), good])
        assert outputs[0] == outputs[-1] and outputs[0]["id"] == 1
        for output, (_, message) in zip(outputs[1:-1], BAD_RECORDS):
            assert message in output["error"] and "fills" not in output

    def test_fills_and_text(self, predictor) -> None:
        record = {
            "text": "The [MASK] 🍵 was [MASK].",
            "top_k": 2,
            "targets": ["Was", "on", "the"],
        }
        output = predictor.predict_json(record)
        assert [len(fills) for fills in output["fills"]] == [2, 2]
        best = [fills[0]["token"] for fills in output["fills"]]
        assert output["text"] == f"The {best[0]} 🍵 was {best[1]}."
        assert set(output) == {"fills", "text"} and best[0] in ("was", "on", "the")

    def test_without_top_k_all_targets_else_five(self, predictor) -> None:
        targets = ["the", "a", "and", "his", "was", "on"]
        assert len(predictor.predict_json({"text": "[MASK]", "targets": targets})["fills"][0]) == 6
        assert len(predictor.predict_json({"sentence": "[MASK]"})["fills"][0]) == 5

    def test_alone_as_in_a_batch(self, predictor) -> None:
        records = read_json_lines(DATA / "predict.jsonl")
        together = predictor.predict_batch_json(records)
        for record, output in zip(records, together):
            alone = predictor.predict_json(record)
            assert alone["text"] == output["text"]
            for mine, its in zip(alone["fills"], output["fills"]):
                assert [fill["prob"] for fill in mine] == pytest.approx(
                    [fill["prob"] for fill in its], abs=1e-6
                )

    @pytest.mark.parametrize(
        "text, pieces, filled",
        [
            ("The [MASK] boil [MASK].", ["soup", "##s"], "The soup boils."),
            ("[MASK] late", ["##s"], "s late"),
            ("[MASK][MASK]!", ["train", "##ing"], "training!"),
        ],
    )
    def test_a_continuation_joins_what_stands_before(self, text, pieces, filled) -> None:
        assert fill_in(text, "[MASK]", pieces) == filled


class TestCommands:
    def test_predict_from_a_moved_archive(self, archive_of, tmp_path, monkeypatch) -> None:
        moved = tmp_path / "moved.tar.gz"
        moved.write_bytes(archive_of("masked_lm").read_bytes())
        records = [*read_json_lines(DATA / "predict.jsonl"), {"id": "bad", "text": "No mask."}]
        source = write_lines(tmp_path / "in.jsonl", [*records, "{not json"])
        monkeypatch.chdir(tmp_path)
        allennlp("predict", moved, source, "--output-file", "out.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "out.jsonl")
        assert [output.get("id") for output in outputs[:-1]] == [record["id"] for record in records]
        assert all("fills" in output for output in outputs[:-2])
        assert [output["line"] for output in outputs[-2:]] == [9, 10]

    def test_evaluate_gives_the_same_twice(self, archive_of, tmp_path) -> None:
        metrics = []
        for name in ("one.json", "two.json"):
            arguments = (
                archive_of("masked_lm"),
                DATA / "dev.txt",
                "--output-file",
                tmp_path / name,
            )
            allennlp("evaluate", *arguments)
            metrics.append(json.loads((tmp_path / name).read_text()))
        assert metrics[0] == metrics[1]
        assert metrics[0]["perplexity"] == pytest.approx(math.exp(metrics[0]["loss"]), rel=1e-4)

    def test_training_again_gives_the_same_weights_also_with_workers(self, tmp_path) -> None:
        weights = []
        for index, workers in enumerate([0, 2]):
            overrides = {
                "trainer.num_epochs": 2,
                "dataset_reader.block_size": 32,
                "data_loader": {
                    "batch_size": 8,
                    "num_workers": workers,
                    "shuffle": True,
                },
            }
            directory = tmp_path / str(index)
            config = "training_config/masked_lm.jsonnet"
            allennlp("train", config, "-s", directory, "-o", json.dumps(overrides))
            weights.append(load_archive(directory / "model.tar.gz").model.state_dict())
        assert all(weights[0][key].equal(weights[1][key]) for key in weights[0])
        assert isinstance(Predictor.from_path(directory), BertForMaskedLMPredictor)
        assert Model.by_name("bert_for_masked_lm") is BertForMaskedLM
