"""
Training examples that an archive keeps, for answers to be compared with: a vector of each, and
what was read of it with its file and line, in `vocabulary/.bert/nearest`.
"""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple, Optional, Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from bert_classification.archives import serialization
from bert_classification.archives.extraction import InvalidArchiveError, describe_error, require
from bert_classification.archives.weights import MAX_NAMES, read_weights, write_safetensors

NEAREST = "nearest"
VECTORS = "vectors.safetensors"
RECORDS = "records.jsonl"

MAX_EXAMPLES = 5_000
MAX_TEXT = 500
"""Characters that are kept of a text or a name."""
MAX_NAMES_OF_LABELS = 20
"""That are kept of an example with many labels, each with a tenth of the characters of a text."""
MAX_RECORD = 2**14
"""Bytes of a line; two texts, labels and the name of a file have room, whatever they are of."""
MAX_KEYS = 8
MAX_NUMBER = 1e39


class KeptExamples(NamedTuple):
    """
    vectors : `Tensor`
        Of length 1, float32, shape `(examples, width)`.
    records : `List[Dict[str, Any]]`
        `{"file": ..., "line": ..., "record": {...}}` each, in the same order.
    """

    vectors: Tensor
    records: list[dict[str, Any]]


def save_nearest(
    serialization_dir: str, vectors: Tensor, records: Sequence[dict[str, Any]]
) -> None:
    """
    Keeps examples, each made by `kept_record`, and their vectors, shape `(examples, width)`.

    # Raises

    `InvalidArchiveError` for what would not be read again.
    """
    lines = [_dump(each) for each in records]
    for number, line in enumerate(lines, 1):
        _read_record(line, f"{NEAREST}/{RECORDS}, line {number},")

    def write(directory: str) -> None:
        write_safetensors({"vectors": vectors.half()}, Path(directory, VECTORS))
        Path(directory, RECORDS).write_bytes(b"".join(lines))

    serialization.save(NEAREST, serialization_dir, write)


def forget_nearest(serialization_dir: str) -> None:
    """Removes what an earlier training has kept in a directory."""
    directory = serialization.saved_directory(NEAREST, serialization_dir)
    if directory is not None:
        shutil.rmtree(directory)


def kept_record(file: str, line: int, values: dict[str, Any]) -> dict[str, Any]:
    """Makes what is kept of an example: the name of its file alone, and the begin of long texts."""
    kept = {key: _cut(value) for key, value in values.items() if value is not None}
    return {"file": Path(file).name[:MAX_TEXT], "line": line, "record": kept}


def _dump(record: dict[str, Any]) -> bytes:
    # Half a surrogate pair, in the name of a file, becomes the escape that JSON has for it.
    return (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _cut(value: Any) -> Any:
    if isinstance(value, list):
        return [each[: MAX_TEXT // 10] for each in value[:MAX_NAMES_OF_LABELS]]
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return value[: MAX_TEXT - 2] + " …"
    return value


def read_nearest(directory: str, width: int) -> Optional[KeptExamples]:
    """
    Reads the examples that an archive keeps; `None` where it keeps none.

    # Parameters

    directory : `str`
        What was extracted of the archive.
    width : `int`
        Of its model's vectors.

    # Raises

    `InvalidArchiveError` for vectors of another width, more than `MAX_EXAMPLES`, records that are
    not as many, and whatever else `save_nearest` does not write.
    """
    kept = serialization.saved_directory(NEAREST, directory)
    if kept is None:
        return None
    vectors = _read_vectors(Path(kept, VECTORS), width)
    return KeptExamples(
        normalize(vectors.float(), dim=-1), _read_records(Path(kept, RECORDS), len(vectors))
    )


def _read_vectors(path: Path, width: int) -> Tensor:
    require(path, f"{NEAREST}/{path.name}")
    limit = MAX_NAMES + MAX_EXAMPLES * width * 2
    if path.stat().st_size > limit:
        raise InvalidArchiveError(
            f"its {NEAREST}/{path.name} has {path.stat().st_size} bytes, more than the {limit} of "
            f"{MAX_EXAMPLES} vectors of its model."
        )
    state = read_weights(path)
    vectors = state.get("vectors", torch.empty(0))
    fits = vectors.dim() == 2 and 0 < len(vectors) <= MAX_EXAMPLES and vectors.size(1) == width
    if len(state) != 1 or vectors.dtype != torch.float16 or not fits:
        raise InvalidArchiveError(
            f"its {NEAREST}/{path.name} does not hold `vectors` alone, of up to {MAX_EXAMPLES} "
            f"rows of {width} numbers, float16; it was not written by `bert_nearest_examples`."
        )
    if not vectors.isfinite().all():
        raise InvalidArchiveError(f"its {NEAREST}/{path.name} holds numbers that are not finite.")
    return vectors


def _read_records(path: Path, count: int) -> list[dict[str, Any]]:
    require(path, f"{NEAREST}/{path.name}")
    records: list[dict[str, Any]] = []
    with open(path, "rb") as file:
        while line := file.readline(MAX_RECORD + 1):
            where = f"its {NEAREST}/{path.name}, line {len(records) + 1},"
            if len(records) == count:
                raise InvalidArchiveError(f"{where} has no vector; there are {count}.")
            records.append(_read_record(line, where))
    if len(records) < count:
        raise InvalidArchiveError(
            f"its {NEAREST}/{path.name} has {len(records)} lines; there are {count} vectors."
        )
    return records


def _read_record(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > MAX_RECORD:
        raise InvalidArchiveError(f"{where} has more than {MAX_RECORD} bytes.")
    try:
        value = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        reason = describe_error(error)
        raise InvalidArchiveError(f"{where} is no JSON ({reason}).") from error
    if not _is_kept_record(value):
        raise InvalidArchiveError(
            f'{where} is not `{{"file": ..., "line": ..., "record": {{...}}}}` with texts and '
            "numbers in the record."
        )
    return value


def _is_kept_record(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys() != {"file", "line", "record"}:
        return False
    record = value["record"]
    return (
        isinstance(value["file"], str)
        and _is_number(value["line"])
        and isinstance(value["line"], int)
        and isinstance(record, dict)
        and 0 < len(record) <= MAX_KEYS
        and all(_is_plain(each) for each in record.values())
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str) or _is_number(value)


def _is_number(value: Any) -> bool:
    """Tells of a number that is finite; NaN is less than nothing."""
    return type(value) in (int, float) and abs(value) < MAX_NUMBER
