"""
A grammar of hostile archives: what an attacker, a bad copy or a failed training may leave of a good
one. `HOSTILE` has them by name; each is made of the contents of an archive by `make`.
"""

import io
import json
import tarfile
from itertools import product
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

import torch

WEIGHTS = "weights.th"
LABELS = "vocabulary/labels.txt"
BERT = "vocabulary/.bert/model/config.json"
TOKENIZER = "vocabulary/.bert/tokenizer"
EMBEDDING = "bert.embeddings.word_embeddings.weight"

Change = Callable[[Path, Path], None]
Members = list[tuple[tarfile.TarInfo, bytes]]


class Hostile(NamedTuple):
    """
    change : `Callable[[Path, Path], None]`
        Changes the contents of a good archive, a directory; the second one lies outside of it, and
        nothing in that one may be touched.
    members : `List[Tuple[TarInfo, bytes]]`
        Further members.
    opens : `bool`, optional
        Whether it is opened all the same, since nothing of it is used; `None` where that does not
        matter.
    repack : `Callable[[bytes], bytes]`, optional
        Changes the bytes of the archive.
    """

    change: Change
    members: Members = []
    opens: Optional[bool] = False
    repack: Optional[Callable[[bytes], bytes]] = None


def make(hostile: Hostile, contents: Path, outside: Path, archive: Path) -> Path:
    """Writes the archive; `contents` is spent."""
    hostile.change(contents, outside)
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(contents.iterdir()):
            tar.add(path, arcname=path.name)
        for member, data in hostile.members:
            tar.addfile(member, io.BytesIO(data))
    if hostile.repack is not None:
        archive.write_bytes(hostile.repack(archive.read_bytes()))
    return archive


def put_outside(outside: Path, bert: Path) -> None:
    """Lays out what an archive may want to have: text, a BERT, weights, labels."""
    outside.mkdir()
    (outside / "bert").symlink_to(bert)
    (outside / "secret.txt").write_text("negative\npositive\n")
    torch.save({"weight": torch.ones(1)}, outside / "weights.th")


def set_config(path: str, value: Any) -> Change:
    """Sets a dotted key of config.json; OUTSIDE in a string is the directory outside."""

    def change(contents: Path, outside: Path) -> None:
        text = json.dumps(value).replace("OUTSIDE", str(outside))
        _set(contents / "config.json", path, json.loads(text))

    return change


def set_json(file: str, path: str, value: Any) -> Change:
    """Sets a dotted key of a JSON file."""
    return lambda contents, outside: _set(contents / file, path, value)


def _set(file: Path, path: str, value: Any) -> None:
    settings = json.loads(file.read_text())
    *keys, last = path.split(".")
    inner = settings
    for key in keys:
        inner = inner.setdefault(key, {})
    inner[last] = value
    file.write_text(json.dumps(settings))


def write(file: str, text: str) -> Change:
    return lambda contents, outside: (contents / file).write_text(text) and None


def after(*changes: Change) -> Change:
    """Applies several changes in their order."""

    def change(contents: Path, outside: Path) -> None:
        for each in changes:
            each(contents, outside)

    return change


def change_weights(function: Callable[[dict[str, Any]], None]) -> Change:
    def change(contents: Path, outside: Path) -> None:
        state = torch.load(contents / WEIGHTS)
        function(state)
        torch.save(state, contents / WEIGHTS)

    return change


def change_tensor(name: str, function: Callable[[torch.Tensor], Any]) -> Change:
    return change_weights(lambda state: state.update({name: function(state[name])}))


def remove(directory: str) -> Change:
    """Removes a part, so that its place outside would be looked at."""

    def change(contents: Path, outside: Path) -> None:
        (contents / directory).rename(contents / f"{directory.rpartition('/')[2]}_removed")

    return change


INDEXER = "dataset_reader.token_indexers.bert"
PLACES = (
    "OUTSIDE/secret.txt",
    "OUTSIDE/bert",
    "file://OUTSIDE/secret.txt",
    "https://localhost:9/x.tar.gz",
    "hf://someone/something",
    "../../etc/passwd",
    "~/.ssh/id_rsa",
    "someone/something",
)
SCRATCH = {"text": "OUTSIDE/secret.txt", "vocab_size": 40, "config": {"hidden_size": 8}}


def _named(place: str) -> dict[str, Change]:
    """Ways to have one place outside opened, by the names of parameters."""
    embedder = {"type": "embedding", "embedding_dim": 2, "vocab_namespace": "x"}
    transformer = {"type": "pretrained_transformer", "model_name": place}
    initializer = {"type": "pretrained", "weights_file_path": place}
    spacy = {"type": "spacy", "language": place}
    text = {"type": "text_classification_json", "tokenizer": spacy}
    basic = {"type": "basic_classifier", "seq2vec_encoder": {"type": "boe", "embedding_dim": 2}}
    return {
        "a tokenizer": after(remove(TOKENIZER), set_config(f"{INDEXER}.pretrained_model", place)),
        "a BERT": after(remove("vocabulary/.bert/model"), set_config("model.bert_model", place)),
        "a transformer's pieces": set_config(
            "dataset_reader", {**text, "tokenizer": {**transformer}}
        ),
        "an indexer": set_config(f"{INDEXER}", transformer),
        "a spaCy model": set_config("dataset_reader", text),
        "an embedder": set_config(
            "model", {**basic, "text_field_embedder": {"token_embedders": {"x": transformer}}}
        ),
        "words in a list": set_config(
            "model.embedders", [{**embedder, "weights_file": place}, {"file": place}]
        ),
        "an initializer elsewhere": set_config("model.start", {"regexes": [[".*", initializer]]}),
        "an archive": set_config("model", {"type": "from_archive", "archive_file": place}),
        "a module of an archive": set_config(
            "model.encoder", {"_pretrained": {"archive_file": place, "module_path": ""}}
        ),
        "validation": set_config("validation_dataset_reader", text),
        "a loader": set_config("data_loader.data_path", place),
        "an evaluator": set_config("evaluation", {"type": "simple", "output_file": place}),
        "a cache": set_config(f"{INDEXER}.tokenizer_kwargs", {"cache_dir": place}),
    }


CONFIGS = {
    f"{way}: {place}": Hostile(change) for place in PLACES for way, change in _named(place).items()
} | {
    "from scratch, without a tokenizer": Hostile(
        after(remove(TOKENIZER), set_config(f"{INDEXER}.from_scratch", SCRATCH))
    ),
    "a dotted type": Hostile(set_config("model.type", "os.abort")),
    "code from the hub": Hostile(set_config("model.trust_remote_code", True)),
    "a model of no registry": Hostile(set_config("model.type", "unheard_of")),
    "a reader of no registry": Hostile(set_config("dataset_reader.type", "unheard_of")),
    "an unknown key": Hostile(set_config("model.unheard_of", 1)),
    "no objects": Hostile(set_config("dataset_reader.token_indexers", [1, None])),
    "a number for a BERT": Hostile(set_config(f"{INDEXER}.max_pieces", -(10**30))),
    "no JSON": Hostile(write("config.json", "{" * 10**5)),
    "a list": Hostile(write("config.json", "[]")),
    "many lists": Hostile(write("config.json", "[" + "[]," * 10**6 + "[]]")),
    "a number of labels": Hostile(set_config("model.num_labels", 10**9)),
    "many workers": Hostile(set_config("data_loader.num_workers", 10**5)),
    "a negative seed": Hostile(set_config("numpy_seed", -1)),
    "no object of a loader": Hostile(set_config("data_loader", 5)),
    "a large config": Hostile(write("config.json", f'"{"x" * 2**25}"')),
}

FOREIGN_WEIGHTS = {"type": "pretrained", "weights_file_path": "OUTSIDE/weights.th"}
UNUSED = {
    f"unused, {key}: {place}": Hostile(set_config(key, place), opens=True)
    for key, place in product(
        ("train_data_path", "vocabulary.directory", "trainer.checkpointer.serialization_dir"),
        PLACES[:1],
    )
} | {
    "from scratch": Hostile(set_config(f"{INDEXER}.from_scratch", SCRATCH), opens=True),
    "another tokenizer": Hostile(
        set_config(f"{INDEXER}.pretrained_model", "OUTSIDE/bert"), opens=True
    ),
    "another BERT": Hostile(set_config("model.bert_model", "OUTSIDE/bert"), opens=True),
    "the BERT of another archive": Hostile(
        set_config(
            "model.bert_model",
            {"_pretrained": {"archive_file": "OUTSIDE/bert", "module_path": ""}},
        ),
        opens=True,
    ),
    "a file of labels": Hostile(
        set_config("dataset_reader.label_names", "OUTSIDE/secret.txt"), opens=True
    ),
    "initial weights": Hostile(
        set_config(
            "model.initializer",
            {
                "regexes": [
                    [".*", {"type": "pretrained", "weights_file_path": "OUTSIDE/weights.th"}]
                ]
            },
        ),
        opens=True,
    ),
}


def _member(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", data: bytes = b""
) -> Members:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, len(data)
    return [(member, data)]


def _nothing(contents: Path, outside: Path) -> None:
    pass


MEMBERS = {
    f"member {name!r} of type {kind!r}": Hostile(_nothing, _member(name, kind, target))
    for name, kind, target in [
        ("../escaped", tarfile.REGTYPE, ""),
        ("/tmp/escaped", tarfile.REGTYPE, ""),
        ("a/../../escaped", tarfile.REGTYPE, ""),
        ("a\nb", tarfile.REGTYPE, ""),
        ("config.json", tarfile.REGTYPE, ""),
        ("config.json/x", tarfile.REGTYPE, ""),
        ("vocabulary/link.txt", tarfile.SYMTYPE, "/etc/passwd"),
        ("vocabulary/hard.txt", tarfile.LNKTYPE, "/etc/passwd"),
        ("vocabulary/pipe.txt", tarfile.FIFOTYPE, ""),
        ("vocabulary/device.txt", tarfile.CHRTYPE, ""),
    ]
} | {"a bomb": Hostile(_nothing, _member("zeros", data=bytes(2**28 + 1)))}

SIZES = {
    f"{key} is {value!r}": Hostile(set_json(BERT, key, value))
    for key, value in [
        ("vocab_size", 10**9),
        ("hidden_size", 10**7),
        ("num_hidden_layers", 10**7),
        ("intermediate_size", 10**12),
        ("max_position_embeddings", 10**9),
        ("type_vocab_size", 10**10),
        ("num_labels", 10**8),
        ("num_attention_heads", 10**9),
        ("hidden_size", -32),
        ("num_hidden_layers", -1),
        ("vocab_size", 0),
        ("vocab_size", "100"),
        ("num_attention_heads", 0),
        ("num_attention_heads", 3),
        ("hidden_act", "unheard_of"),
        ("initializer_range", "wide"),
        ("auto_map", {"AutoModel": "code.Model"}),
        ("pruned_heads", {"0": [0]}),
        ("quantization_config", {"quant_method": "bitsandbytes"}),
        ("model_type", 1),
    ]
} | {
    "ten million labels": Hostile(write(LABELS, "a\n" * 10**7)),
    "a long label": Hostile(write(LABELS, "a" * 2**25)),
    "no configuration of BERT": Hostile(write(BERT, "")),
    "a list for a configuration of BERT": Hostile(write(BERT, "[]")),
    "nested configuration of BERT": Hostile(write(BERT, "[" * 10**5)),
}

WEIGHT_FAULTS = {
    "NaN": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor * float("nan"))),
    "sparse": Hostile(change_tensor(EMBEDDING, torch.Tensor.to_sparse)),
    "meta": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor.to("meta"))),
    "expanded": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor[:1, :1].expand(10**6, 32))),
    "complex": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor.to(torch.complex64))),
    "a text": Hostile(change_tensor(EMBEDDING, lambda tensor: "text")),
    "transposed": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor.T)),
    "a number": Hostile(change_tensor(EMBEDDING, lambda tensor: tensor.sum())),
    "very many names": Hostile(
        change_weights(
            lambda state: state.update({f"{i}": state[EMBEDDING] for i in range(120_000)})
        )
    ),
    "no weights": Hostile(write(WEIGHTS, "")),
    "one memory a thousand times, for a large BERT": Hostile(
        after(
            change_weights(
                lambda state: state.update({f"{i}": state[EMBEDDING][:] for i in range(1000)})
            ),
            set_json(BERT, "num_hidden_layers", 1500),
        )
    ),
}

TOKENIZERS = {
    "no pieces": Hostile(set_json(f"{TOKENIZER}/tokenizer.json", "model.vocab", {})),
    "a million pieces": Hostile(
        set_json(f"{TOKENIZER}/tokenizer.json", "model.vocab", {f"p{i}": i for i in range(10**6)})
    ),
    "some pieces too many": Hostile(
        set_json(f"{TOKENIZER}/tokenizer.json", "model.vocab", {f"p{i}": i for i in range(5000)})
    ),
    "a number beyond the model": Hostile(
        set_json(f"{TOKENIZER}/tokenizer.json", "model.vocab.beyond", 10**6)
    ),
    "a damaged tokenizer": Hostile(write(f"{TOKENIZER}/tokenizer.json", "{")),
    "nested": Hostile(write(f"{TOKENIZER}/tokenizer.json", "[" * 10**5)),
    "a list of settings": Hostile(write(f"{TOKENIZER}/tokenizer_config.json", "[]")),
    "another vocabulary": Hostile(
        set_json(f"{TOKENIZER}/tokenizer_config.json", "vocab_file", "/etc/passwd")
    ),
    "another tokenizer.json": Hostile(
        set_json(f"{TOKENIZER}/tokenizer_config.json", "tokenizer_file", "/etc/passwd")
    ),
    "a class of no library": Hostile(
        set_json(f"{TOKENIZER}/tokenizer_config.json", "tokenizer_class", "os.abort"), opens=True
    ),
}

HOSTILE: dict[str, Hostile] = {
    **CONFIGS,
    **UNUSED,
    **MEMBERS,
    **SIZES,
    **WEIGHT_FAULTS,
    **TOKENIZERS,
}
