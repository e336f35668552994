"""Segments of documents, as BERT was pre-trained with."""

from functools import partial
from pathlib import Path

import pytest
from allennlp.data.data_loaders import MultiProcessDataLoader

from bert_classification import BertForPreTrainingReader
from bert_classification.data.documents import in_blocks, read_documents
from tests.pretraining.support import TRAIN, make_reader, segments

SEGMENTS = "bert_classification.pretraining.segments"


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
