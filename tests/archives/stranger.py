"""
More hostile archives, of the kinds that nobody thinks of first: the container itself, numbers that
are none, regular expressions, headers of weights, parts of AllenNLP that few know. `ALL` has these
and those of `hostile`.
"""

import gzip
import io
import json
import struct
import tarfile
from pathlib import Path
from typing import Any, Callable, Optional

import torch

from tests.archives.hostile import (
    BERT,
    EMBEDDING,
    HOSTILE,
    INDEXER,
    LABELS,
    TOKENIZER,
    WEIGHTS,
    Change,
    Hostile,
    Members,
    _nothing,
    after,
    change_tensor,
    change_weights,
    set_config,
    set_json,
    write,
)

PIECES = f"{TOKENIZER}/tokenizer.json"
SETTINGS = f"{TOKENIZER}/tokenizer_config.json"
NAMESPACES = "vocabulary/non_padded_namespaces.txt"
SAFE = "weights.safetensors"


def write_bytes(file: str, data: bytes) -> Change:
    return lambda contents, outside: (contents / file).write_bytes(data) and None


def append(file: str, text: str) -> Change:
    def change(contents: Path, outside: Path) -> None:
        with open(contents / file, "a", encoding="utf-8", errors="surrogateescape") as end:
            end.write(text)

    return change


def repacked(function: Callable[[bytes], bytes]) -> Hostile:
    """An archive whose bytes are changed when it is complete."""
    return Hostile(_nothing, opens=None, repack=function)


def of_tar(function: Callable[[bytes], bytes]) -> Hostile:
    """The same of what is within the gzip."""
    return repacked(lambda data: gzip.compress(function(gzip.decompress(data)), 1))


def member(name: str, data: bytes = b"x", **attributes: Any) -> Members:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return [(info, data)]


def _raw_header(name: bytes, size: bytes, kind: bytes = b"0", checksum: bool = True) -> bytes:
    """A header of a member as `tarfile` would not write it."""
    block = bytearray(512)
    block[: len(name)] = name
    block[100:108] = b"0000644\0"
    block[124 : 124 + len(size)] = size
    block[156:157] = kind
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    if checksum:
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def before_others(header: bytes, data: bytes = b"") -> Callable[[bytes], bytes]:
    padded = data + bytes(-len(data) % 512)
    return lambda tar: header + padded + tar


def _pax(records: bytes) -> Callable[[bytes], bytes]:
    return before_others(_raw_header(b"pax", b"%011o\0" % len(records), b"x"), records)


def _record(key: str, value: str) -> bytes:
    text = f" {key}={value}\n".encode()
    size = len(text)
    while len(str(size)) + len(text) != size:
        size = len(str(size)) + len(text)
    return str(size).encode() + text


CONTAINERS = {
    "two gzip members": repacked(lambda data: data + gzip.compress(b"more")),
    "a hundred thousand empty gzip members": repacked(
        lambda data: gzip.compress(b"") * 100_000 + data
    ),
    "bytes after the gzip": repacked(lambda data: data + b"PK\x03\x04 and more"),
    "zeros after the gzip": repacked(lambda data: data + bytes(2**20)),
    "a gzip of a gzip": repacked(lambda data: gzip.compress(data)),
    "no gzip": repacked(gzip.decompress),
    "a wrong checksum": repacked(lambda data: data[:-8] + b"abcd" + data[-4:]),
    "a wrong length": repacked(lambda data: data[:-4] + b"\xff\xff\xff\x7f"),
    "a gzip name without end": repacked(
        lambda data: data[:3] + b"\x08" + data[4:10] + b"a" * 2**20
    ),
    "an extra field of gzip": repacked(
        lambda data: data[:3] + b"\x04" + data[4:10] + b"\xff\xff" + b"a" * 65535 + data[10:]
    ),
    "nothing": repacked(lambda data: b""),
    "a header alone": repacked(lambda data: data[:10]),
    "a tar of nothing": of_tar(lambda tar: bytes(1024)),
    "a gigabyte of zeros behind": of_tar(lambda tar: tar + bytes(2**28)),
    "many blocks of zeros before": of_tar(lambda tar: bytes(2**20) + tar),
    "no end of the tar": of_tar(lambda tar: tar.rstrip(b"\0")),
    "half of the tar": of_tar(lambda tar: tar[: len(tar) // 2]),
    "a negative size": of_tar(before_others(_raw_header(b"neg", b"\xff" * 12))),
    "a size of 2 ** 88": of_tar(before_others(_raw_header(b"huge", b"\x80" + b"\x7f" * 11))),
    "a size that is no number": of_tar(before_others(_raw_header(b"odd", b"12x45\0"))),
    "a header without checksum": of_tar(
        before_others(_raw_header(b"bad", b"00000000000\0", checksum=False))
    ),
    "a name with a zero byte": of_tar(
        before_others(_raw_header(b"config.json\0.txt", b"00000000000\0"))
    ),
    "a name of no UTF-8": of_tar(before_others(_raw_header(b"\xff\xfe", b"00000000000\0"))),
    "an empty name": of_tar(before_others(_raw_header(b"", b"00000000000\0"))),
    "a sparse member of GNU": of_tar(before_others(_raw_header(b"s", b"00000000000\0", b"S"))),
    "a volume of several": of_tar(before_others(_raw_header(b"m", b"00000000000\0", b"M"))),
    "a label of a volume": of_tar(before_others(_raw_header(b"v", b"00000000000\0", b"V"))),
    "an unknown kind of member": of_tar(before_others(_raw_header(b"q", b"00000000000\0", b"Q"))),
    "a contiguous file": of_tar(before_others(_raw_header(b"c", b"00000000000\0", b"7"))),
    "pax: another path": of_tar(_pax(_record("path", "../../escaped"))),
    "pax: an absolute path": of_tar(_pax(_record("path", "/tmp/escaped"))),
    "pax: a size": of_tar(_pax(_record("size", str(2**60)))),
    "pax: a negative size": of_tar(_pax(_record("size", "-512"))),
    "pax: a link": of_tar(_pax(_record("linkpath", "/etc/passwd"))),
    "pax: sparse of GNU": of_tar(
        _pax(_record("GNU.sparse.major", "1") + _record("GNU.sparse.minor", "0"))
    ),
    "pax: sparse map": of_tar(_pax(_record("GNU.sparse.map", "0," * 10**4 + "0"))),
    "pax: no length": of_tar(_pax(b"=x\n")),
    "pax: a length of zero": of_tar(_pax(b"0 a=b\n")),
    "pax: a length of thousands of digits": of_tar(_pax(b"9" * 5000 + b" a=b\n")),
    "pax: a megabyte": of_tar(_pax(_record("comment", "x" * 2**20))),
    "pax: another encoding": of_tar(_pax(_record("hdrcharset", "BINARY"))),
    "pax: a time that is none": of_tar(_pax(_record("mtime", "nan"))),
    "a chain of long names": of_tar(
        lambda tar: (_raw_header(b"L", b"00000000002\0", b"L") + b"a" + bytes(511)) * 2000 + tar
    ),
    "a thousand directories": Hostile(
        _nothing, [each for i in range(1001) for each in member(f"d{i}", b"", type=tarfile.DIRTYPE)]
    ),
    "a deep directory": Hostile(
        _nothing, member("a/" * 120 + "a", b"", type=tarfile.DIRTYPE), opens=None
    ),
    "a directory in the place of a file": Hostile(
        _nothing, member("config.json", b"", type=tarfile.DIRTYPE)
    ),
    "a file in the place of a directory": Hostile(_nothing, member("vocabulary")),
    "a name in other letters": Hostile(_nothing, member("CONFIG.JSON"), opens=None),
    "a name with a dot": Hostile(_nothing, member("./config.json")),
    "a name with two slashes": Hostile(_nothing, member("vocabulary//labels.txt")),
    "a name of another system": Hostile(_nothing, member("C:\\labels.txt")),
    "a link to itself": Hostile(
        _nothing, member("self", b"", type=tarfile.SYMTYPE, linkname="self")
    ),
    "a hard link within": Hostile(
        _nothing, member("hard", b"", type=tarfile.LNKTYPE, linkname="config.json")
    ),
    "a member nobody may read": Hostile(_nothing, member("secret", mode=0), opens=None),
    "a member of root, with its rights": Hostile(
        _nothing, member("suid", mode=0o6777, uid=0), opens=None
    ),
}


def number(path: str, text: str) -> Change:
    """Sets a key of config.json to what JSON may not know, as it is written."""
    mark = "a number of the archive"

    def change(contents: Path, outside: Path) -> None:
        set_config(path, mark)(contents, outside)
        file = contents / "config.json"
        file.write_text(file.read_text().replace(json.dumps(mark), text))

    return change


NUMBERS = {
    f"{path} is {text[:20]}": Hostile(number(path, text), opens=opens)
    for path, text, opens in [
        ("model.dropout", "NaN", None),
        ("model.dropout", "1e400", None),
        ("model.dropout", "-1", None),
        ("model.dropout", "true", None),
        ("model.dropout", '"0.5"', None),
        ("model.dropout", "[0.5]", False),
        ("model.trainable", "-1", None),
        ("model.trainable", "1e400", None),
        ("model.trainable", '"all"', None),
        ("model.top_k", "0", None),
        ("model.top_k", "true", None),
        ("model.label_smoothing", "NaN", None),
        ("model.class_weights", "[NaN, 1, 1]", None),
        ("model.class_weights", '{"neutral": Infinity}', None),
        ("model.num_labels", "9" * 5000, False),
        ("model.num_labels", "-3", False),
        ("model.num_labels", "true", False),
        ("model.gradient_checkpointing", "5", None),
        ("model.output_hidden_states", '"yes"', None),
        ("model.window_pooling", '"sum"', False),
        ("model.index", '"other"', None),
        ("model.label_namespace", '"../../etc/passwd"', None),
        ("model.label_namespace", '""', None),
        ("model.regularizer", '{"regexes": [["(a+)+$", {"type": "l2", "alpha": 1}]]}', None),
        ("model.regularizer", '{"regexes": [["(", "l2"]]}', None),
        ("model.bert_model", "5", None),
        ("model.bert_model", "null", None),
        (f"{INDEXER}.max_pieces", "2", False),
        (f"{INDEXER}.max_pieces", "1e400", False),
        (f"{INDEXER}.max_pieces", "true", False),
        (f"{INDEXER}.max_pieces", '"128"', None),
        (f"{INDEXER}.never_lowercase", '["a", 5]', None),
        (f"{INDEXER}.never_lowercase", '["[unused999999]"]', False),
        (f"{INDEXER}.do_lowercase", '"no"', None),
        (f"{INDEXER}.token_min_padding_length", "1000000000", None),
        ("dataset_reader.encoding", '"unheard_of"', None),
        ("dataset_reader.columns", '{"text": -1}', None),
        ("dataset_reader.label_names", "[1, 2]", None),
        ("dataset_reader.label_names", '["a", "a"]', False),
        ("dataset_reader.label_names", '["\\ud800"]', False),
        ("dataset_reader.doc_stride", "0", None),
        ("dataset_reader.max_instances", "-1", None),
        ("dataset_reader.problem_type", '"regression"', None),
        ("random_seed", "NaN", False),
        ("numpy_seed", "1.5", False),
        ("pytorch_seed", '"1"', False),
        ("data_loader.num_workers", "1e400", None),
        ("data_loader.num_workers", '"100000"', None),
        ("model.type", "null", False),
        ("model", "true", False),
        ("model", '"bert_for_classification"', None),
        ("dataset_reader", "NaN", False),
        ("vocabulary", "5", None),
        ("vocabulary", '{"type": "unheard_of"}', False),
        ("vocabulary.padding_token", "5", None),
        ("vocabulary.oov_token", '"\\u0000"', None),
        ("vocabulary.type", '"from_pretrained_transformer"', None),
        ("environment", '{"LD_PRELOAD": "/tmp/x.so"}', True),
        ("evaluation", '"simple"', False),
    ]
}

FIRST = {"type": "bert_for_classification", "token_indexers": "INNER"}
CLASSES = {
    f"{name} for a {section}": Hostile(set_config(section, value), opens=None)
    for section, name, value in [
        ("dataset_reader", "multitask", {"type": "multitask", "readers": {"a": "OUTSIDE/x"}}),
        (
            "dataset_reader",
            "sharded",
            {"type": "sharded", "base_reader": {"type": "sharded", "base_reader": {}}},
        ),
        ("dataset_reader", "interleaving", {"type": "interleaving", "readers": {}}),
        ("dataset_reader", "babi", {"type": "babi", "token_indexers": {"a": {"type": "spacy"}}}),
        ("dataset_reader", "a list", [{"type": "bert_for_classification"}]),
        ("model", "multitask", {"type": "multitask", "backbone": {}, "heads": {}}),
        (
            "model",
            "a tagger with elmo",
            {
                "type": "simple_tagger",
                "text_field_embedder": {
                    "token_embedders": {
                        "e": {
                            "type": "elmo_token_embedder",
                            "options_file": "OUTSIDE/secret.txt",
                            "weight_file": "OUTSIDE/weights.th",
                        }
                    }
                },
            },
        ),
        (
            "model",
            "a huge recurrent encoder",
            {
                "type": "basic_classifier",
                "text_field_embedder": {
                    "token_embedders": {
                        "e": {"type": "embedding", "num_embeddings": 900000, "embedding_dim": 9000}
                    }
                },
                "seq2vec_encoder": {
                    "type": "lstm",
                    "input_size": 9000,
                    "hidden_size": 90000,
                    "num_layers": 9000,
                },
            },
        ),
        (
            "model",
            "convolutions without end",
            {
                "type": "basic_classifier",
                "text_field_embedder": {
                    "token_embedders": {
                        "e": {"type": "embedding", "num_embeddings": 9, "embedding_dim": 9}
                    }
                },
                "seq2vec_encoder": {
                    "type": "cnn",
                    "embedding_dim": 9,
                    "num_filters": 9,
                    "ngram_filter_sizes": list(range(1, 100_000)),
                },
            },
        ),
        ("model", "itself", {"type": "bert_for_classification", "bert_model": {"type": "x"}}),
        (
            "model",
            "a constructor of another name",
            {"type": "bert_for_classification.from_archive", "archive_file": "x"},
        ),
        ("model", "a dunder", {"type": "bert_for_classification.__init__"}),
        ("model", "a name with a line break", {"type": "a\nb"}),
        ("model", "a name of a megabyte", {"type": "x" * 10**6}),
    ]
}

VOCABULARIES = {
    "labels in another encoding": Hostile(
        write_bytes(LABELS, b"\xff\xfe\x00neutral\n"), opens=None
    ),
    "labels with a zero byte": Hostile(append(LABELS, "\0"), opens=None),
    "labels with another line end": Hostile(
        write_bytes(LABELS, b"neutral\rpositive\rnegative\r"), opens=None
    ),
    "labels twice": Hostile(write(LABELS, "neutral\nneutral\nnegative\n"), opens=None),
    "an empty label": Hostile(write(LABELS, "neutral\n\nnegative\n"), opens=None),
    "no labels": Hostile(write(LABELS, "")),
    "labels with markup": Hostile(write(LABELS, "<script>\n{{7*7}}\n%s%n\n"), opens=None),
    "a padded namespace of labels": Hostile(write(NAMESPACES, ""), opens=None),
    "a namespace of every name": Hostile(write(NAMESPACES, "*\n"), opens=None),
    "a namespace as a pattern": Hostile(write(NAMESPACES, "*" * 10**5 + "\n"), opens=None),
    "no namespaces": Hostile(write_bytes(NAMESPACES, b"\xff\xff")),
    "a thousand namespaces": Hostile(
        lambda contents, outside: (
            [(contents / f"vocabulary/n{i}.txt").write_text("a\n") for i in range(900)] and None
        ),
        opens=None,
    ),
    "a lock that is a directory": Hostile(
        lambda contents, outside: (
            (
                (contents / "vocabulary/.lock").unlink(missing_ok=True),
                (contents / "vocabulary/.lock").mkdir(),
            )
            and None
        ),
        opens=None,
    ),
    "a version of the future": Hostile(write("meta.json", '{"version": "99.0.0"}'), opens=None),
    "a version that is a list": Hostile(write("meta.json", '{"version": [1]}')),
    "a version of a megabyte": Hostile(
        write("meta.json", '{"version": "' + "1." * 2**19 + '"}'), opens=None
    ),
    "deep metadata": Hostile(write("meta.json", '{"version": ' + "[" * 10**5)),
}

SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
REGEX = {"type": "Replace", "pattern": {"Regex": "(a+)+b"}, "content": "x"}
GROW = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000}
TOKENIZERS = {
    f"{name} ({path})": Hostile(set_json(PIECES, path, value), opens=opens)
    for name, path, value, opens in [
        ("backtracking", "normalizer", REGEX, False),
        (
            "a regex of a megabyte",
            "normalizer",
            {**REGEX, "pattern": {"Regex": "a?" * 5 * 10**5}},
            False,
        ),
        ("a text that grows", "normalizer", GROW, False),
        (
            "a text that grows and grows",
            "normalizer",
            {"type": "Sequence", "normalizers": [GROW] * 5},
            False,
        ),
        (
            "a normalizer within one another",
            "normalizer",
            {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]},
            None,
        ),
        ("backtracking", "pre_tokenizer", {**SPLIT, "pattern": {"Regex": "(a|a)*$"}}, False),
        ("a damaged regex", "pre_tokenizer", {**SPLIT, "pattern": {"Regex": "("}}, False),
        ("another splitter", "pre_tokenizer", {"type": "ByteLevel"}, None),
        ("no normalizer", "normalizer", None, None),
        ("no splitter", "pre_tokenizer", None, None),
        ("long prefix", "normalizer", {"type": "Prepend", "prepend": "a" * 10**6}, False),
        ("a number for a normalizer", "normalizer", 5, False),
        (
            "padding",
            "padding",
            {
                "strategy": {"Fixed": 10**9},
                "direction": "Right",
                "pad_to_multiple_of": None,
                "pad_id": 0,
                "pad_type_id": 0,
                "pad_token": "[PAD]",
            },
            None,
        ),
        (
            "truncation",
            "truncation",
            {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
            None,
        ),
        (
            "a model of another kind",
            "model",
            {"type": "BPE", "vocab": {"a": 0}, "merges": []},
            None,
        ),
        (
            "a unigram of NaN",
            "model",
            {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0]]},
            None,
        ),
        ("long words", "model.max_input_chars_per_word", 10**12, False),
        ("no words", "model.max_input_chars_per_word", 0, None),
        ("a negative limit", "model.max_input_chars_per_word", -1, False),
        ("another unknown piece", "model.unk_token", "nothing", None),
        ("an empty prefix", "model.continuing_subword_prefix", "", None),
        ("a long prefix", "model.continuing_subword_prefix", "#" * 10**5, None),
        (
            "many added pieces",
            "added_tokens",
            [
                {
                    "id": 5 + i,
                    "content": f"a{i}",
                    "single_word": False,
                    "lstrip": True,
                    "rstrip": True,
                    "normalized": True,
                    "special": False,
                }
                for i in range(5000)
            ],
            False,
        ),
        (
            "an added piece of nothing",
            "added_tokens",
            [
                {
                    "id": 0,
                    "content": "",
                    "single_word": False,
                    "lstrip": True,
                    "rstrip": True,
                    "normalized": True,
                    "special": True,
                }
            ],
            None,
        ),
        ("a version", "version", "99", False),
        (
            "a post-processor",
            "post_processor",
            {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}},
            None,
        ),
        (
            "a decoder",
            "decoder",
            {"type": "Replace", "pattern": {"Regex": "(a+)+b"}, "content": ""},
            None,
        ),
    ]
}
TOKENIZERS |= {
    # transformers makes its own normalizer for the class that BERT has, and none for this one.
    f"{name}, of no class": hostile._replace(
        change=after(
            hostile.change, set_json(SETTINGS, "tokenizer_class", "PreTrainedTokenizerFast")
        )
    )
    for name, hostile in TOKENIZERS.items()
}
TOKENIZERS |= {
    f"tokenizer_config: {key}": Hostile(set_json(SETTINGS, key, value), opens=None)
    for key, value in [
        ("model_max_length", -1),
        ("model_max_length", 1e400),
        ("added_tokens_decoder", {"99999999999": {"content": "x"}}),
        ("extra_special_tokens", {"a": "b"}),
        ("chat_template", "{% for i in range(10**9) %}{% endfor %}"),
        ("backend", "os"),
        ("cls_token", {"__type": "AddedToken", "content": 5}),
        ("cls_token", "[PAD]"),
        ("mask_token", None),
        ("name_or_path", "OUTSIDE/bert"),
        ("processor_class", "AutoProcessor"),
        ("add_prefix_space", "x"),
        ("from_slow", True),
        ("gguf", "x"),
        ("padding_side", "above"),
        ("split_special_tokens", True),
    ]
}

BERTS = {
    f"BERT: {key} is {value!r:.30}": Hostile(set_json(BERT, key, value), opens=opens)
    for key, value, opens in [
        ("hidden_dropout_prob", float("nan"), None),
        ("hidden_dropout_prob", 2, None),
        ("attention_probs_dropout_prob", "x", None),
        ("layer_norm_eps", float("nan"), None),
        ("layer_norm_eps", "x", None),
        ("pad_token_id", 10**9, None),
        ("pad_token_id", -1, None),
        ("is_decoder", True, None),
        ("add_cross_attention", True, None),
        ("chunk_size_feed_forward", 10**9, None),
        ("chunk_size_feed_forward", -1, None),
        ("position_embedding_type", "relative_key", None),
        ("dtype", "float64", None),
        ("dtype", "os.abort", None),
        ("torch_dtype", "bool", None),
        ("_name_or_path", "OUTSIDE/bert", None),
        ("architectures", ["os.abort"], None),
        ("architectures", "x", None),
        ("id2label", {"0": "a"}, None),
        ("id2label", [1], None),
        ("id2label", {"x": "y"}, None),
        ("use_return_dict", 5, None),
        ("output_attentions", True, None),
        ("problem_type", "x", None),
        ("tie_word_embeddings", False, None),
        ("transformers_version", [1], None),
        ("experts_implementation", "x", None),
        ("attn_implementation", "flash_attention_2", None),
        ("base_model_tp_plan", {"a": "b"}, None),
        ("sub_configs", {"a": {}}, None),
        ("tokenizer_class", "os.abort", None),
        ("hidden_size", True, False),
        ("hidden_size", 32.0, False),
        ("num_hidden_layers", 1e400, False),
        ("classifier_dropout", "x", None),
    ]
}


def safe(header: Any, data: bytes = b"", size: Optional[int] = None) -> Change:
    """Puts a safetensors file of this header in the place of the weights."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = struct.pack("<Q", len(text) if size is None else size)

    def change(contents: Path, outside: Path) -> None:
        (contents / WEIGHTS).unlink()
        (contents / SAFE).write_bytes(length + text + data)

    return change


def _tensor(dtype: str, shape: list, offsets: list) -> dict[str, Any]:
    return {EMBEDDING: {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def zipped(name: str, data: bytes) -> Change:
    """Adds a part to the zip that PyTorch's file is."""
    import zipfile

    def change(contents: Path, outside: Path) -> None:
        with zipfile.ZipFile(contents / WEIGHTS, "a", zipfile.ZIP_DEFLATED) as parts:
            parts.writestr(name, data)

    return change


def _saved(value: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


WEIGHT_FILES = {
    "safetensors of a huge header": Hostile(safe(b"", size=2**63)),
    "safetensors of a long header": Hostile(safe(b" " * 2**21)),
    "safetensors of no header": Hostile(safe(b"")),
    "safetensors of no JSON": Hostile(safe(b"{")),
    "safetensors of a list": Hostile(safe([])),
    "safetensors, nested": Hostile(safe(b"[" * 10**5)),
    "safetensors with a huge shape": Hostile(safe(_tensor("F32", [2**40, 2**40], [0, 4]))),
    "safetensors with a negative shape": Hostile(safe(_tensor("F32", [-1, 1], [0, 4]), bytes(4))),
    "safetensors of a shape of zeros": Hostile(safe(_tensor("F32", [0, 2**62], [0, 0]))),
    "safetensors beyond its end": Hostile(safe(_tensor("F32", [1], [0, 4]))),
    "safetensors backwards": Hostile(safe(_tensor("F32", [1], [4, 0]), bytes(4))),
    "safetensors of an unknown kind": Hostile(safe(_tensor("X9", [1], [0, 4]), bytes(4))),
    "safetensors that overlap": Hostile(
        safe(
            {
                **_tensor("F32", [1], [0, 4]),
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            },
            bytes(4),
        )
    ),
    "safetensors with metadata of numbers": Hostile(
        safe({"__metadata__": {"a": 5}, **_tensor("F32", [1], [0, 4])}, bytes(4))
    ),
    "safetensors with names in a circle": Hostile(
        safe({"__metadata__": {"a": "b", "b": "a"}, **_tensor("F32", [1], [0, 4])}, bytes(4))
    ),
    "safetensors of eight bits": Hostile(safe(_tensor("F8_E4M3", [4], [0, 4]), bytes(4))),
    "safetensors of truths": Hostile(safe(_tensor("BOOL", [4], [0, 4]), b"\x07" * 4)),
    "the old format of PyTorch": Hostile(
        change_weights(lambda state: state.update({"x": torch.zeros(1)}))
    ),
    "a part that is a bomb": Hostile(zipped("archive/data/bomb", bytes(2**27))),
    "a part twice": Hostile(zipped("weights/data.pkl", b"cos\nabort\n."), opens=None),
    "a part with a path": Hostile(zipped("../../escaped", b"x"), opens=None),
    "a tar for weights": Hostile(write_bytes(WEIGHTS, bytes(10240))),
    "a TorchScript": Hostile(zipped("weights/constants.pkl", b"x"), opens=None),
    "a list of weights": Hostile(write_bytes(WEIGHTS, _saved([torch.zeros(1)]))),
    "a tensor alone": Hostile(write_bytes(WEIGHTS, _saved(torch.zeros(1)))),
    "numbers for names": Hostile(write_bytes(WEIGHTS, _saved({1: torch.zeros(1)}))),
    "no names": Hostile(write_bytes(WEIGHTS, _saved({}))),
    "a name of a megabyte": Hostile(write_bytes(WEIGHTS, _saved({"x" * 2**21: torch.zeros(1)}))),
    "the old pickle": Hostile(
        write_bytes(WEIGHTS, _saved({"x": torch.zeros(1)}, _use_new_zipfile_serialization=False))
    ),
    "infinite": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor / 0.0), opens=None),
    "whole numbers": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor.long()), opens=None),
    "truths": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor > 0), opens=None),
    "half numbers": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor.half()), opens=None),
    "quantized": Hostile(
        change_tensor(
            EMBEDDING, lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8)
        )
    ),
    "no rows": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor[:0])),
    "of many dimensions": Hostile(
        change_tensor(EMBEDDING, lambda tensor: tensor.reshape([1] * 50 + [-1]))
    ),
    "that asks for gradients": Hostile(
        change_tensor(EMBEDDING, lambda tensor: tensor.requires_grad_()), opens=None
    ),
    "that looks at itself": Hostile(
        change_tensor(EMBEDDING, lambda tensor: tensor.flip(0).T.contiguous().T), opens=None
    ),
    "both formats": Hostile(
        lambda contents, outside: (contents / SAFE).write_bytes(b"damaged") and None
    ),
}

STRANGE: dict[str, Hostile] = {
    **CONTAINERS,
    **NUMBERS,
    **CLASSES,
    **VOCABULARIES,
    **TOKENIZERS,
    **BERTS,
    **WEIGHT_FILES,
    "two archives in one": Hostile(after(write("best.th", ""), write("weights", "")), opens=None),
}

ALL: dict[str, Hostile] = {**HOSTILE, **STRANGE}
