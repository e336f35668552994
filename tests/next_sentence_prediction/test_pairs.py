"""Pairs made of documents."""

from pathlib import Path

from allennlp.data.data_loaders import MultiProcessDataLoader

from bert_classification.next_sentence_prediction.pairs import read_pairs
from tests.next_sentence_prediction.support import TRAIN


class TestPairsOfDocuments:
    def test_half_follow_and_half_come_from_another_document(self) -> None:
        documents = [text.splitlines() for text in Path(TRAIN).read_text().split("\n\n")]
        document_of = {line: index for index, lines in enumerate(documents) for line in lines}
        follower = {a: b for lines in documents for a, b in zip(lines, lines[1:])}
        records = list(read_pairs(TRAIN, seed=3))
        assert [record.values["text"] for record in records] == list(follower)
        for record in records:
            text, pair = record.values["text"], record.values["text_pair"]
            is_next = record.values["label"] == "is_next"
            assert (follower[text] == pair) == is_next
            assert (document_of[text] == document_of[pair]) == is_next
        labels = [record.values["label"] for record in records]
        assert labels.count("is_next") == labels.count("not_next") == len(records) / 2

    def test_the_seed_decides(self) -> None:
        assert list(read_pairs(TRAIN, seed=3)) == list(read_pairs(TRAIN, seed=3))
        assert list(read_pairs(TRAIN, seed=3)) != list(read_pairs(TRAIN, seed=4))

    def test_several_workers_read_the_same_pairs(self, reader) -> None:
        def pairs(workers: int) -> list:
            loader = MultiProcessDataLoader(reader, TRAIN, batch_size=4, num_workers=workers)
            instances = list(loader.iter_instances())
            return sorted((one["tokens"].ids.tolist(), one["label"].label) for one in instances)

        assert pairs(2) == pairs(0)

    def test_sentences_in_no_pair_are_counted(self, caplog) -> None:
        caplog.set_level("INFO")
        used = set()
        for record in read_pairs(TRAIN):
            used |= {record.values["text"], record.values["text_pair"]}
        sentences = [line for line in Path(TRAIN).read_text().splitlines() if line]
        count = len(set(sentences) - used)
        assert f"{count} of {len(sentences)} sentences take part in no pair" in caplog.text

    def test_lone_sentences_may_be_passed_over(self, tmp_path: Path, caplog) -> None:
        caplog.set_level("INFO")
        path = tmp_path / "corpus.txt"
        path.write_text("One.\n\nTwo.\nThree.\n")
        records = list(read_pairs(str(path), skip_lone_sentences=True))
        assert [record.values["text"] for record in records] == ["Two."]
        assert "1 pairs; 1 of 3 sentences take part in no pair" in caplog.text
