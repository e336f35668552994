"""
Lines and files as nobody would write them: seeded, so a failure comes again with its number.

`mutated_lines` and `mutated_bytes` give what a test, or a longer run of its own, feeds to the
readers and to `predict`.
"""

import csv
import gzip
import io
import json
from random import Random
from typing import Any, Callable, Iterator, Sequence

HOSTILE_JSON = (
    "9" * 4300,
    "-" + "9" * 4300,
    "9" * 4301,
    "9" * 400,
    "1e400",
    "-1e39",
    "NaN",
    "-Infinity",
    "-0.0",
    "null",
    "true",
    '""',
    '" \\t"',
    '"\\u0000\\u0007"',
    '"\\ud800"',
    '"half \\udfff of it"',
    '["\\ud800"]',
    '"\\ufffd \\ufeff\\u200b"',
    '"a\\r"',
    '"a\\nb"',
    '"' + "a\u0301" * 300 + '"',
    '"' + "x" * 5000 + '"',
    '"' + "[MASK] " * 300 + '"',
    '"' + "5" * 5000 + '"',
    '"\u4e2d\U0001f602\u202e"',
    "[]",
    "{}",
    "[[]]",
    '["a"]',
    '["a", ""]',
    '["a", 1, null]',
    '{"text": "a"}',
    '[{"text": "a", "answer_start": ' + "9" * 4300 + "}]",
    '{"text": ["a"], "answer_start": [-1]}',
    '{"stem": "a", "choices": [1, 2]}',
    *("[" * depth + "]" * depth for depth in (63, 64, 65, 500, 984, 990, 5000)),
    *('{"a":' * depth + "1" + "}" * depth for depth in (62, 66, 985, 5000)),
)
"""Values in the words of JSON, some of which Python cannot read."""

HOSTILE_LINES = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"{",
    b"[1]",
    b"nul",
    b'"text"',
    b'{"text": "caf\xe9"}',
    b'\xef\xbb\xbf{"text": "a"}',
    b'{"text": "a"}{"text": "b"}',
    '{"text": "a"}'.encode("utf-16"),
    b"[" * 100_000,
    b'{"a":' * 100_000,
)

Mutation = Callable[[Random, bytes], bytes]


def mutated_lines(seed: int, lines: Sequence[str], keys: Sequence[str]) -> Iterator[bytes]:
    """Yields each line of JSON once as it is not meant to be; some values are those of `keys`."""
    random = Random(seed)
    for line in lines:
        if random.random() < 0.7:
            yield _with_hostile_value(random, line, keys)
        elif random.random() < 0.5:
            yield random.choice(HOSTILE_LINES)
        else:
            yield _break(random, line.encode())


def mutated_bytes(seed: int, content: bytes) -> bytes:
    """Gives the bytes of a whole file with a few changes, sometimes in another encoding."""
    random = Random(seed)
    for _ in range(random.randint(1, 3)):
        content = _break(random, content)
    return content


def as_table(records: Sequence[dict[str, Any]], delimiter: str) -> str:
    """Writes records as TSV or CSV, with what is no string as JSON."""
    names = list(dict.fromkeys(name for record in records for name in record))
    table = io.StringIO()
    writer = csv.writer(table, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    for record in records:
        writer.writerow([_cell(record.get(name)) for name in names])
    return table.getvalue()


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _with_hostile_value(random: Random, line: str, keys: Sequence[str]) -> bytes:
    """A value of the record, or one more, replaced in the text, where Python could not hold it."""
    record = json.loads(line)
    key = random.choice([*record, *keys, "id", "error"])
    record[key] = "HERE"
    value = random.choice(HOSTILE_JSON)
    return json.dumps(record).replace('"HERE"', value).encode(errors="surrogatepass")


def _break(random: Random, data: bytes) -> bytes:
    start = random.randrange(len(data) + 1)
    end = min(len(data), start + random.randrange(1, 30))
    return random.choice(_BREAKS)(random, data, start, end)


_BREAKS: tuple[Callable[[Random, bytes, int, int], bytes], ...] = (
    lambda random, data, start, end: data[:start],
    lambda random, data, start, end: data[:start] + data[end:],
    lambda random, data, start, end: data[:end] + data[start:],
    lambda random, data, start, end: data[:start] + random.randbytes(3) + data[start:],
    lambda random, data, start, end: (
        data[:start] + random.choice(b'\t\r\n "[]{},:\x00\\').to_bytes() + data[start:]
    ),
    lambda random, data, start, end: (
        data[:start] + random.choice(HOSTILE_JSON).encode(errors="surrogatepass") + data[end:]
    ),
    lambda random, data, start, end: data.decode(errors="replace").encode("utf-16-le"),
    lambda random, data, start, end: gzip.compress(data, mtime=0)[: max(end, 12)],
    lambda random, data, start, end: b"\xef\xbb\xbf" + data,
)
