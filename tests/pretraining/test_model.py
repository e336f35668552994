"""Pre-training: documents to segments, both heads against Hugging Face's, and the commands."""

import json
import math
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from allennlp.data.data_loaders import MultiProcessDataLoader
from allennlp.models import load_archive
from allennlp.nn import InitializerApplicator
from allennlp.nn.initializers import ConstantInitializer
from transformers import BertConfig
from transformers import BertForPreTraining as PlainHeads

from bert_classification import (
    BertForPreTraining,
    BertForPreTrainingPredictor,
    BertForPreTrainingReader,
    PretrainedBertIndexer,
)
from bert_classification.data.documents import in_blocks, read_documents
from bert_classification.data.label_field import IGNORE_INDEX
from tests.support import BERT, FIXTURES, allennlp, read_json_lines, write_lines

DATA = FIXTURES / "pretraining"
CONFIG = "training_config/pretraining.jsonnet"
SEGMENTS = "bert_classification.pretraining.segments"
TRAIN = str(DATA / "train.txt")
PAIR = {"text": "The [MASK] was cold.", "text_pair": "We ate [MASK] and [MASK]."}
PAIRS = [
    ("The soup was cold and nobody ate it.", "So we went home.", 0),
    ("Zoë missed the tram 🚋.", "Bees like heather, thyme and the flowers of the lime tree.", 1),
    ("It snowed.", "Why?", 0),
]


def make_reader(max_pieces: int = 128, **options: Any) -> BertForPreTrainingReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForPreTrainingReader(token_indexers={"bert": indexer}, **options)


def tensors(instances: list) -> dict[str, Any]:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


def batch_of(pairs: list) -> dict[str, Any]:
    return tensors([make_reader().text_to_instance(*pair) for pair in pairs])


def segments(instance: Any) -> tuple[list[int], list[int], int]:
    """The ids of both segments without special pieces, and the label."""
    tokens = instance["tokens"]
    ids = tokens.ids.tolist()
    label = instance["next_sentence_label"].label
    return ids[1 : tokens.second - 1], ids[tokens.second : -1], label


@pytest.fixture
def model() -> BertForPreTraining:
    torch.manual_seed(0)
    return BertForPreTraining(Vocabulary(), BERT).eval()


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


class TestSegments:
    def documents(self, reader: BertForPreTrainingReader) -> list[list[int]]:
        return [
            [piece for ids in reader.tokenizer.ids([text for _, text in document]) for piece in ids]
            for document in read_documents(TRAIN)
        ]

    @pytest.mark.parametrize("max_pieces", [12, 40, 128])
    def test_segments_are_whole_runs_of_one_document_or_of_two(self, max_pieces) -> None:
        reader = make_reader(max_pieces, short_seq_prob=0.3)
        texts = [",".join(map(str, ["", *ids, ""])) for ids in self.documents(reader)]

        def homes(ids: list[int]) -> set[int]:
            run = "," + ",".join(map(str, ids)) + ","
            return {index for index, text in enumerate(texts) if run in text}

        instances = list(reader.read(TRAIN))
        assert max(len(instance["tokens"]) for instance in instances) <= max_pieces
        for first, second, label in map(segments, instances):
            assert first and second and homes(first) and homes(second)
            if label == 0 and max_pieces == 128:
                assert homes(first + second)
            elif max_pieces == 128:
                assert homes(first).isdisjoint(homes(second))

    @pytest.mark.parametrize("short_seq_prob", [0.0, 1.0])
    def test_what_is_not_kept_is_put_back(self, tmp_path: Path, short_seq_prob) -> None:
        """Without drawn segments the documents are there once, in their order."""
        path = tmp_path / "short.txt"
        lines = Path(TRAIN).read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(" ".join(line.split()[:2]) for line in lines), encoding="utf-8")
        reader = make_reader(short_seq_prob=short_seq_prob)
        kept = []
        for first, second, label in map(segments, reader.read(str(path))):
            kept += first + (second if label == 0 else [])
        texts = [text for document in read_documents(str(path)) for _, text in document]
        assert kept == [piece for ids in reader.tokenizer.ids(texts) for piece in ids.tolist()]

    def test_long_corpora_have_about_as_many_of_both_kinds(self, tmp_path: Path) -> None:
        path = tmp_path / "long.txt"
        path.write_text("\n\n".join([Path(TRAIN).read_text(encoding="utf-8")] * 20))
        labels = [segments(instance)[2] for instance in make_reader(40).read(str(path))]
        assert len(labels) > 500
        assert 0.45 < sum(labels) / len(labels) < 0.65

    def test_short_targets(self) -> None:
        always, never = (
            [len(one["tokens"]) for one in make_reader(short_seq_prob=share).read(TRAIN)]
            for share in (1.0, 0.0)
        )
        assert len(always) > len(never)
        assert sum(always) / len(always) < sum(never) / len(never)

    def test_the_seed_decides(self) -> None:
        def read(seed: int) -> list:
            return [segments(instance) for instance in make_reader(40, seed=seed).read(TRAIN)]

        assert read(3) == read(3)
        assert read(3) != read(4)

    def test_several_workers_read_the_same_pairs(self) -> None:
        def pairs(workers: int) -> list:
            loader = MultiProcessDataLoader(
                make_reader(40), TRAIN, batch_size=4, num_workers=workers
            )
            return sorted(segments(instance) for instance in loader.iter_instances())

        assert pairs(2) == pairs(0)

    def test_a_file_is_streamed(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr(f"{SEGMENTS}.in_blocks", partial(in_blocks, sentences=20))
        path = tmp_path / "long.txt"
        path.write_bytes(b"One soup.\nTwo trains.\n\n" * 5000 + b"\xff\n")
        assert len(next(iter(make_reader().read(str(path))))["tokens"]) > 4

    def test_what_is_cut_or_unused_is_counted(self, tmp_path: Path, caplog) -> None:
        caplog.set_level("INFO")
        path = tmp_path / "corpus.txt"
        path.write_text("the the the the\nsoup\n\n\u200d\nof\n\nlonely\n")
        list(make_reader(short_seq_prob=0.0, skip_lone_sentences=True).read(str(path)))
        assert "0 word pieces were cut off, and" in caplog.text
        assert " of 5 sentences take part in no pair" in caplog.text
        list(make_reader(6, short_seq_prob=0.0, skip_lone_sentences=True).read(str(path)))
        assert "pairs of 3 documents; 0 word" not in caplog.messages[-1]


class TestReader:
    @pytest.mark.parametrize(
        "name, text, settings",
        [
            ("a.tsv", "text\ttext_pair\tlabel\nOne.\tTwo.\tnot_next\n", {}),
            ("a.jsonl", '{"sentence": "One.", "text_pair": "Two.", "label": 1}\n', {}),
            ("a.csv", "text,text_pair,label\nOne.,Two.,other\n", {"label_names": ["on", "other"]}),
        ],
    )
    def test_pairs_in_records(self, tmp_path: Path, name, text, settings) -> None:
        (tmp_path / name).write_text(text)
        (instance,) = make_reader(**settings).read(str(tmp_path / name))
        expected = make_reader().text_to_instance("One.", "Two.", "not_next")
        assert segments(instance) == segments(expected)
        assert list(make_reader(**settings).read(TRAIN))

    @pytest.mark.parametrize(
        "name, content, message",
        [
            ("empty.txt", b"", "no sentence"),
            ("latin.txt", b"One.\nTwo.\n\nCaf\xe9.\nFour.\n", "line 4: not utf-8"),
            ("lone.txt", b"One.\nTwo.\n\nThree.\n", "line 4: .* one sentence"),
            ("one.txt", b"One.\nTwo.\n", "lines 1 to 2: .* only one"),
            ("a.jsonl", b'{"text": "One.", "label": 0}\n', "line 1: no key `text_pair`"),
            ("a.jsonl", b'{"text": "One.", "text_pair": "Two."}\n', "line 1: no key `label`"),
        ],
    )
    def test_bad_files_name_file_and_line(self, tmp_path: Path, name, content, message) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigurationError, match=f"{name}.*{message}"):
            list(make_reader().read(str(tmp_path / name)))

    @pytest.mark.parametrize(
        "options, message",
        [
            ({"short_seq_prob": 1.5}, "short_seq_prob"),
            ({"max_pieces": 4}, "`max_pieces` is 4"),
            ({"label_names": ["one"]}, "`label_names` has one"),
        ],
    )
    def test_bad_settings(self, options, message) -> None:
        with pytest.raises(ConfigurationError, match=message):
            make_reader(**options)


BAD_RECORDS = [
    ({"text": "No mask.", "text_pair": "None."}, "`text` and `text_pair`: there is no [MASK]"),
    ({"text": "The [MASK]."}, "no key `text_pair`"),
    ({"text_pair": "The [MASK]."}, "no key `text`"),
    ({**PAIR, "text": 5}, "`text`: expected a string"),
    ({**PAIR, "top_k": 0}, "`top_k`"),
    ({**PAIR, "targets": ["marvellously"]}, "is not one word piece"),
    ({"text": "the " * 200 + "[MASK]", "text_pair": "[MASK]"}, "1 of 2 [MASK] lie beyond"),
]


class TestPredictor:
    @pytest.mark.parametrize("record, message", BAD_RECORDS)
    def test_bad_records_become_errors(self, model, record, message) -> None:
        predictor = BertForPreTrainingPredictor(model, make_reader())
        good, bad = predictor.predict_batch_json([PAIR, record])
        assert "fills" in good and message in bad["error"]

    def test_texts_are_filled_with_the_best_pieces(self, model) -> None:
        record = {**PAIR, "targets": ["the"], "id": 7}
        output = BertForPreTrainingPredictor(model, make_reader()).predict_json(record)
        assert output["id"] == 7 and len(output["fills"]) == 3
        assert output["text"] == "The the was cold."
        assert output["text_pair"] == "We ate the and the."
        assert (output["label"] == "is_next") == (output["probs"][0] > output["probs"][1])


class TestCommands:
    def test_predict_from_a_moved_archive(self, archive_of, tmp_path: Path, monkeypatch) -> None:
        moved = shutil.copy(archive_of("pretraining"), tmp_path / "moved.tar.gz")
        records = read_json_lines(DATA / "predict.jsonl")
        source = write_lines(tmp_path / "in.jsonl", [*records, {"id": "bad"}, "{not json"])
        monkeypatch.chdir(tmp_path)
        allennlp("predict", moved, source, "--output-file", "out.jsonl", "--silent")
        outputs = read_json_lines(tmp_path / "out.jsonl")
        assert [output.get("id") for output in outputs[:-1]] == [*(r["id"] for r in records), "bad"]
        assert [output.get("gold") for output in outputs[:5]] == [r.get("label") for r in records]
        assert [output.get("line") for output in outputs] == [None] * 5 + [6, 7]

    def test_evaluate_gives_the_same_twice(self, archive_of, tmp_path: Path) -> None:
        metrics = []
        for name in ("one.json", "two.json"):
            out = ("--output-file", tmp_path / name)
            allennlp("evaluate", archive_of("pretraining"), DATA / "dev.txt", *out)
            metrics.append(json.loads((tmp_path / name).read_text()))
        assert metrics[0] == metrics[1]
        assert {"loss", "perplexity", "mlm_accuracy", "nsp_accuracy"} <= metrics[0].keys()

    def test_an_interrupted_training_goes_on_as_if_it_had_not_been(self, tmp_path: Path) -> None:
        checkpointer = {"save_every_num_batches": 3, "keep_most_recent_by_count": None}
        overrides = {"data_loader.batch_size": 8, "trainer.checkpointer": checkpointer}
        arguments = ("train", CONFIG, "-o", json.dumps(overrides), "-s")
        whole = tmp_path / "whole"
        allennlp(*arguments, whole)
        expected = load_archive(whole / "model.tar.gz").model.state_dict()
        for checkpoint in ("e1_b0", "e1_b3"):
            broken = tmp_path / checkpoint
            shutil.copytree(whole, broken)
            for path in [*broken.glob("*_state_e*.th"), broken / "model.tar.gz"]:
                if path.stem.partition("_state_")[2] > checkpoint or path.suffix == ".gz":
                    path.unlink()
            assert (broken / f"model_state_{checkpoint}.th").exists()
            allennlp(*arguments, broken, "--recover")
            weights = load_archive(broken / "model.tar.gz").model.state_dict()
            assert all(weights[key].equal(expected[key]) for key in weights)
