"""Kept training examples as an attacker, or a bad copy, may have left them."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from allennlp.models.archival import load_archive
from safetensors.torch import save_file

from bert_classification.archives import extraction, nearest
from tests.archives.support import pack, refusal

WIDTH = 32
RECORD = {"file": "train.jsonl", "line": 3, "record": {"text": "a", "label": "b"}}


def keep(unpacked: Path, tensors: Any, lines: list[Any]) -> Path:
    """Packs the archive with these examples; bytes are written as they stand."""
    directory = unpacked / "vocabulary" / ".bert" / "nearest"
    directory.mkdir()
    if isinstance(tensors, bytes):
        (directory / "vectors.safetensors").write_bytes(tensors)
    elif tensors is not None:
        save_file(tensors, directory / "vectors.safetensors")
    if lines is not None:
        texts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
        (directory / "records.jsonl").write_bytes(b"".join(text + b"\n" for text in texts))
    return pack(unpacked)


def vectors(rows: int, width: int = WIDTH, dtype: torch.dtype = torch.float16) -> dict[str, Any]:
    return {"vectors": torch.ones(rows, width, dtype=dtype)}


def test_plain_ones_are_read(unpacked) -> None:
    kept = load_archive(keep(unpacked, vectors(2), [RECORD, RECORD])).model.kept_examples
    assert kept.records == [RECORD, RECORD]
    assert kept.vectors.norm(dim=-1).tolist() == pytest.approx([1, 1])


def test_as_many_as_may_be_kept_are_more_than_the_rows_of_a_tiny_bert(unpacked) -> None:
    record = {**RECORD, "record": {"text": "\U0001f600" * nearest.MAX_TEXT, "label": "b"}}
    count = nearest.MAX_EXAMPLES
    archive = keep(unpacked, vectors(count), [record] * count)
    assert len(load_archive(archive).model.kept_examples.records) == count


@pytest.mark.parametrize(
    "tensors, said",
    [
        (None, "nearest/vectors.safetensors is missing"),
        (b"", "vectors.safetensors is damaged"),
        (b"\xff" * 100, "vectors.safetensors"),
        (vectors(1, WIDTH + 1), "rows of 32 numbers, float16"),
        (vectors(0), "rows of 32 numbers, float16"),
        (vectors(nearest.MAX_EXAMPLES + 1), "of up to 5000 rows"),
        (vectors(1, dtype=torch.float32), "rows of 32 numbers, float16"),
        (vectors(1, dtype=torch.int16), "rows of 32 numbers, float16"),
        ({"vectors": torch.ones(WIDTH, dtype=torch.float16)}, "rows of 32 numbers, float16"),
        ({**vectors(1), "more": torch.ones(1)}, "does not hold `vectors` alone"),
        ({"other": torch.ones(1, WIDTH, dtype=torch.float16)}, "does not hold `vectors` alone"),
        ({"vectors": vectors(1)["vectors"] * float("inf")}, "not finite"),
        ({"vectors": vectors(1)["vectors"] * float("nan")}, "NaN"),
        (vectors(100_000), "more than the 1368576 of 5000 vectors"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_vectors_are_one_sentence(unpacked, tensors, said) -> None:
    assert said in refusal(keep(unpacked, tensors, [RECORD]))


def changed(**values: Any) -> dict[str, Any]:
    return {**RECORD, **values}


@pytest.mark.parametrize(
    "lines",
    [
        None,
        [],
        [RECORD, RECORD],
        [b""],
        [b"[" * 10_000],
        [b"\xff"],
        [b"{"],
        [[]],
        [{}],
        [changed(more=1)],
        [changed(file=1)],
        [changed(line="3")],
        [changed(line=True)],
        [changed(line=1.5)],
        [changed(line=10**40)],
        [changed(record=[])],
        [changed(record={})],
        [changed(record={"text": None})],
        [changed(record={"text": {"text": "a"}})],
        [changed(record={"text": [["a"]]})],
        [changed(record={"label": True})],
        [changed(record={"label": float("nan")})],
        [changed(record={"label": float("-inf")})],
        [changed(record={str(key): "a" for key in range(9)})],
        [changed(record={"text": "a" * nearest.MAX_RECORD})],
        [b'{"file": "a", "line": 1, "record": {"label": 1e999}}'],
        [b'{"file": "a", "line": 1' + b"0" * 9_000 + b', "record": {"label": 1}}'],
    ],
)
def test_other_records_are_one_sentence(unpacked, lines) -> None:
    sentence = refusal(keep(unpacked, vectors(1), lines))
    assert "nearest/records.jsonl" in sentence and len(sentence) < 500


def test_a_line_without_end_is_not_read_to_it(unpacked) -> None:
    archive = keep(unpacked, vectors(1), [b"a" * 2**27])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "line 1, has more than 16384 bytes" in refusal(archive)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16


def test_what_is_kept_is_read_again_whatever_it_is_of(tmp_path) -> None:
    worst = "\x01" * 10_000
    values = {"text": worst, "text_pair": worst, "label": [worst] * 100}
    record = nearest.kept_record("/data/" + "\udcff" * 250, 10**9, values)
    nearest.save_nearest(str(tmp_path), torch.ones(1, WIDTH), [record])
    kept = nearest.read_nearest(str(tmp_path), WIDTH)
    assert kept is not None and kept.records == [record]


def test_what_would_not_be_read_is_not_kept(tmp_path) -> None:
    record = nearest.kept_record("train.jsonl", 1, {"text": "a", "label": {"of": "another kind"}})
    with pytest.raises(extraction.InvalidArchiveError, match="records.jsonl, line 1, is not"):
        nearest.save_nearest(str(tmp_path), torch.ones(1, WIDTH), [record])
    assert nearest.read_nearest(str(tmp_path), WIDTH) is None


def test_they_are_not_those_of_other_weights(unpacked) -> None:
    archive = keep(unpacked, vectors(1), [RECORD])
    other = load_archive(archive, weights_file=str(unpacked / "weights.th"))
    assert getattr(other.model, "kept_examples", None) is None
