"""Archives as an attacker, or a bad copy, may have left them; each is a real file."""

import gzip
import io
import json
import os
import pickle
import tarfile
from pathlib import Path

import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import TokenIndexer
from allennlp.models import Model
from allennlp.models.archival import load_archive
from allennlp.predictors import Predictor

from bert_classification.archives import extraction, opening
from tests.support import FIXTURES, allennlp, read_json_lines

RECORDS = FIXTURES / "classification" / "predict.jsonl"
DEV = FIXTURES / "classification" / "dev.jsonl"
WEIGHTS = "weights.th"


@pytest.fixture
def unpacked(archive_of, tmp_path) -> Path:
    """The contents of an archive, for a test to change."""
    directory = tmp_path / "unpacked"
    directory.mkdir()
    extraction.extract(archive_of("classification"), directory)
    return directory


@pytest.fixture
def marker(tmp_path) -> Path:
    """A file that exists when something in an archive was executed, or written where it pleased."""
    path = tmp_path / "marker"
    yield path
    assert not path.exists()


def pack(directory: Path, *others: tarfile.TarInfo) -> Path:
    """The directory as an archive, with further members."""
    archive = directory.parent / "packed.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, arcname=path.name)
        for member in others:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return archive


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def change_config(directory: Path, **changes: object) -> Path:
    """Keys may lead into nested objects, with `__` between them."""
    config = json.loads((directory / "config.json").read_text())
    for path, value in changes.items():
        *keys, last = path.split("__")
        inner = config
        for key in keys:
            inner = inner.setdefault(key, {})
        inner[last] = value
    (directory / "config.json").write_text(json.dumps(config))
    return pack(directory)


def change_weights(directory: Path, change) -> Path:
    state = torch.load(directory / WEIGHTS)
    change(state)
    torch.save(state, directory / WEIGHTS)
    return pack(directory)


def refusal(archive: Path) -> str:
    """The one sentence with which an archive is not opened."""
    with pytest.raises(ConfigurationError) as caught:
        load_archive(archive)
    sentence = str(caught.value)
    assert str(archive) in sentence and "\n" not in sentence
    return sentence


class TestCodeInTheConfig:
    def call(self, marker: Path) -> dict:
        return {"type": "subprocess.getoutput", "cmd": f"touch {marker}"}

    @pytest.mark.parametrize(
        "where",
        [
            "model",
            "dataset_reader",
            "validation_dataset_reader",
            "vocabulary",
            "data_loader",
            "evaluation__batch_serializer",
            "model__initializer",
            "dataset_reader__token_indexers__bert",
            "trainer__callbacks",
        ],
    )
    def test_a_dotted_type(self, unpacked, marker, where) -> None:
        sentence = refusal(change_config(unpacked, **{where: self.call(marker)}))
        assert f"`{where.replace('__', '.')}.type` is 'subprocess.getoutput'" in sentence

    @pytest.mark.parametrize("where", ["model", "evaluation__batch_serializer"])
    def test_a_dotted_name_in_the_place_of_an_object(self, unpacked, where) -> None:
        assert "'os.abort'" in refusal(change_config(unpacked, **{where: "os.abort"}))

    def test_a_dotted_name_that_only_its_place_makes_a_class(self, unpacked) -> None:
        archive = change_config(unpacked, dataset_reader__token_indexers={"bert": "this.nothing"})
        assert "'this.nothing'" in refusal(archive)

    def test_code_from_the_hub(self, unpacked) -> None:
        options = {"trust_remote_code": True}
        archive = change_config(unpacked, dataset_reader__tokenizer={"tokenizer_kwargs": options})
        assert "code from the model hub" in refusal(archive)

    @pytest.mark.parametrize(
        "jsonnet", ['{"model": std.extVar("HOME")}', '{"model": importstr "/etc/hostname"}', "["]
    )
    def test_jsonnet(self, unpacked, jsonnet) -> None:
        (unpacked / "config.json").write_text(jsonnet)
        assert "config.json is not plain JSON" in refusal(pack(unpacked))

    def test_endless_nesting(self, unpacked) -> None:
        (unpacked / "config.json").write_text("[" * 100_000)
        assert "config.json is not plain JSON" in refusal(pack(unpacked))

    def test_further_archives_of_the_network(self, unpacked) -> None:
        model = {"type": "from_archive", "archive_file": "http://127.0.0.1:9/model.tar.gz"}
        with pytest.raises(ConfigurationError, match="it is not a file"):
            load_archive(change_config(unpacked, model=model))

    def test_an_archive_within_itself(self, unpacked) -> None:
        archive = unpacked.parent / "packed.tar.gz"
        model = {"type": "from_archive", "archive_file": str(archive)}
        change_config(unpacked, model=model)
        with pytest.raises(ConfigurationError, match="within each other"):
            load_archive(archive)

    def test_the_caller_is_trusted(self, archive_of, monkeypatch) -> None:
        """With Jsonnet, the environment, and classes by their paths."""
        monkeypatch.setenv("RATE", "0.25")
        overrides = """{
            "model.dropout": std.parseJson(std.extVar("RATE")),
            "vocabulary": {"type": "allennlp.data.Vocabulary"}
        }"""
        archive = load_archive(archive_of("classification"), overrides=overrides)
        assert archive.model.dropout.p == 0.25

    def test_training_configs_still_name_classes_by_their_paths(self) -> None:
        params = Params({"type": "allennlp.data.token_indexers.SingleIdTokenIndexer"})
        assert TokenIndexer.from_params(params)


class TestMembers:
    @pytest.mark.parametrize(
        "name", ["../outside", "/tmp/outside", "vocabulary/../../outside", "c:\\x", "a\nb"]
    )
    def test_names(self, unpacked, name) -> None:
        assert "does not have a plain relative name" in refusal(pack(unpacked, member(name)))
        assert not (unpacked.parent / "outside").exists()

    @pytest.mark.parametrize(
        "kind, name",
        [
            (tarfile.SYMTYPE, "a symbolic link"),
            (tarfile.LNKTYPE, "a hard link"),
            (tarfile.CHRTYPE, "a device"),
            (tarfile.FIFOTYPE, "a named pipe"),
            (b"Z", "a file of a special kind"),
        ],
    )
    def test_kinds(self, unpacked, kind, name) -> None:
        assert f"'extra' is {name}" in refusal(pack(unpacked, member("extra", kind, "/etc/passwd")))

    @pytest.mark.parametrize("name", ["config.json", "config.json/inner"])
    def test_twice(self, unpacked, name) -> None:
        assert "takes the place of another" in refusal(pack(unpacked, member(name)))

    def test_a_bomb_stops_at_the_limit(self, unpacked, monkeypatch) -> None:
        monkeypatch.setattr(extraction, "MAX_BYTES", 2**21)
        archive = pack(unpacked, member("zeros", size=2**25))
        assert archive.stat().st_size < 2**21
        assert "unpacks to more than 2097152 bytes" in refusal(archive)

    def test_a_bomb_in_a_header(self, unpacked) -> None:
        name = member("x", size=2**24)
        name.type = tarfile.GNUTYPE_LONGNAME
        assert "a header of 16777216 bytes" in refusal(pack(unpacked, name))

    def test_a_bomb_in_the_weights(self, unpacked, monkeypatch) -> None:
        monkeypatch.setattr(extraction, "MAX_BYTES", 1000)
        with pytest.raises(ConfigurationError, match="weights.th unpacks to"):
            load_archive(unpacked)

    def test_too_many(self, unpacked, monkeypatch) -> None:
        monkeypatch.setattr(extraction, "MAX_MEMBERS", 20)
        members = (member(f"empty{index}") for index in range(20))
        assert "more than 20 members" in refusal(pack(unpacked, *members))

    def test_harmless_further_members_and_dots(self, unpacked) -> None:
        archive = unpacked.parent / "dots.tar.gz"
        (unpacked / "notes").mkdir()
        (unpacked / "notes" / "read me.txt").write_text("included by include_in_archive")
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(unpacked, arcname=".")
        assert load_archive(archive).model

    def test_nothing_is_left_behind(self, unpacked, monkeypatch, tmp_path) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        (tmp_path / "temporary").mkdir()
        refusal(pack(unpacked, member("../x")))
        refusal(change_config(unpacked, model__type="os.abort"))
        assert load_archive(change_config(unpacked, model__type="bert_for_classification"))
        assert list((tmp_path / "temporary").iterdir()) == []


class TestWeights:
    def test_a_pickle_that_calls(self, unpacked, marker) -> None:
        class Call:
            def __reduce__(self):
                return os.system, (f"touch {marker}",)

        torch.save({"classifier.weight": Call()}, unpacked / WEIGHTS)
        assert "asks for posix.system, and weights are tensors" in refusal(pack(unpacked))
        (unpacked / WEIGHTS).write_bytes(pickle.dumps(Call(), protocol=2))
        assert "asks for posix.system" in refusal(pack(unpacked))

    @pytest.mark.parametrize("contents", [b"", b"no weights", b"PK\x03\x04 no zip"])
    def test_damaged(self, unpacked, contents) -> None:
        (unpacked / WEIGHTS).write_bytes(contents)
        assert "weights.th" in refusal(pack(unpacked)) and "damaged" in refusal(pack(unpacked))

    def test_no_tensors(self, unpacked) -> None:
        torch.save(["text"], unpacked / WEIGHTS)
        assert "does not hold tensors" in refusal(pack(unpacked))

    def test_another_number_of_labels(self, unpacked) -> None:
        with open(unpacked / "vocabulary" / "labels.txt", "a") as labels:
            labels.write("\none_more")
        sentence = refusal(pack(unpacked))
        assert "`classifier.weight` has the shape (" in sentence
        assert "another number of labels than the vocabulary has" in sentence

    def test_another_width(self, unpacked) -> None:
        def narrow(state):
            state.update({name: tensor[..., :-1] for name, tensor in state.items()})

        assert "a BERT of another width" in refusal(change_weights(unpacked, narrow))

    def test_another_vocabulary_of_pieces(self, unpacked) -> None:
        name = "bert.embeddings.word_embeddings.weight"

        def grow(state):
            state[name] = torch.cat([state[name], state[name]])

        sentence = refusal(change_weights(unpacked, grow))
        assert f"`{name}` has the shape" in sentence and "another vocabulary of word" in sentence

    def test_the_tokenizer_of_another_model(self, unpacked) -> None:
        for part in ("model", "tokenizer"):
            path = unpacked / "vocabulary" / ".bert" / part / "config.json"
            config = json.loads(path.read_text())
            path.write_text(json.dumps({**config, "vocab_size": 50}))
            assert "word pieces" in refusal(pack(unpacked))

    def test_the_head_of_another_task(self, unpacked, archive_of) -> None:
        other = unpacked.parent / "other"
        other.mkdir()
        extraction.extract(archive_of("masked_lm"), other)
        (other / WEIGHTS).replace(unpacked / WEIGHTS)
        sentence = refusal(pack(unpacked))
        assert "do not fit BertForClassification" in sentence
        assert "the head of another task" in sentence

    @pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size"])
    def test_a_bert_larger_than_its_weights(self, unpacked, key) -> None:
        path = unpacked / "vocabulary" / ".bert" / "model" / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), key: 10**7}))
        assert "its BERT is that of" in refusal(pack(unpacked))

    def test_fewer_layers(self, unpacked) -> None:
        def cut(state):
            for name in [name for name in state if ".layer.1." in name]:
                del state[name]

        assert "another number of layers" in refusal(change_weights(unpacked, cut))


class TestBrokenFiles:
    @pytest.mark.parametrize("share", [0.1, 0.6, 0.999])
    def test_truncated(self, archive_of, tmp_path, share) -> None:
        whole = archive_of("classification").read_bytes()
        archive = tmp_path / "short.tar.gz"
        archive.write_bytes(whole[: int(len(whole) * share)])
        assert "it ends too early" in refusal(archive)

    def test_flipped_bits(self, archive_of, tmp_path) -> None:
        contents = bytearray(archive_of("classification").read_bytes())
        contents[-1000] ^= 0xFF
        archive = tmp_path / "flipped.tar.gz"
        archive.write_bytes(contents)
        assert "is damaged" in refusal(archive)

    @pytest.mark.parametrize(
        "contents",
        [b"", b"plain text", gzip.compress(b"", mtime=0), gzip.compress(b"no tar" * 1000, mtime=0)],
        ids=["empty", "text", "gzip of nothing", "gzip of text"],
    )
    def test_something_else(self, tmp_path, contents) -> None:
        archive = tmp_path / "else.tar.gz"
        archive.write_bytes(contents)
        assert "damaged" in refusal(archive)

    @pytest.mark.parametrize(
        "name", ["config.json", WEIGHTS, "vocabulary/non_padded_namespaces.txt"]
    )
    def test_a_missing_member(self, unpacked, name) -> None:
        (unpacked / name).unlink()
        assert name in refusal(pack(unpacked))

    @pytest.mark.parametrize("key", ["model", "dataset_reader"])
    @pytest.mark.parametrize("value", [None, {"type": 1}, [{"type": "text"}]])
    def test_a_missing_section(self, unpacked, key, value) -> None:
        archive = change_config(unpacked, **{key: value})
        assert f"`{key}` with its `type` is missing" in refusal(archive)

    @pytest.mark.parametrize("meta", ["{", "[]", '{"version": "x"}', '{"other": 1}'])
    def test_meta(self, unpacked, meta) -> None:
        (unpacked / "meta.json").write_text(meta)
        assert "meta.json is not what AllenNLP writes" in refusal(pack(unpacked))

    def test_a_vocabulary_of_bytes(self, unpacked) -> None:
        (unpacked / "vocabulary" / "labels.txt").write_bytes(b"\xff\xfe")
        assert "vocabulary cannot be read" in refusal(pack(unpacked))


class TestDoors:
    """Everything that opens archives opens them in this way."""

    @pytest.fixture
    def hostile(self, unpacked, marker) -> Path:
        call = {"type": "subprocess.getoutput", "cmd": f"touch {marker}"}
        return change_config(unpacked, validation_dataset_reader=call)

    @pytest.mark.parametrize(
        "command",
        [
            ["predict", "ARCHIVE", RECORDS, "--silent", "--output-file", "/dev/null"],
            ["evaluate", "ARCHIVE", DEV],
            ["serve", "--archive-path", "ARCHIVE"],
        ],
    )
    def test_commands(self, hostile, command) -> None:
        with pytest.raises(ConfigurationError, match="is not opened"):
            allennlp(*(hostile if word == "ARCHIVE" else word for word in command))

    def test_python(self, hostile) -> None:
        for door in (Predictor.from_path, Model.from_archive):
            with pytest.raises(ConfigurationError, match="is not opened"):
                door(str(hostile))

    def test_commands_open_what_is_harmless(self, archive_of, tmp_path) -> None:
        archive = archive_of("classification")
        allennlp("predict", archive, RECORDS, "--silent", "--output-file", tmp_path / "out")
        assert all("label" in line or "error" in line for line in read_json_lines(tmp_path / "out"))
        allennlp("evaluate", archive, DEV, "--output-file", tmp_path / "metrics")
        assert "accuracy" in json.loads((tmp_path / "metrics").read_text())


class TestTrust:
    """The switch brings AllenNLP's own behaviour back."""

    @pytest.fixture
    def own(self, unpacked, tmp_path) -> Path:
        call = {"type": "subprocess.getoutput", "cmd": f"touch {tmp_path / 'called'}"}
        return change_config(unpacked, validation_dataset_reader=call)

    def test_by_the_environment(self, own, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("BERT_CLASSIFICATION_TRUST_ARCHIVES", "1")
        assert load_archive(own).validation_dataset_reader == ""
        assert (tmp_path / "called").exists()

    def test_by_python(self, own, tmp_path) -> None:
        with opening.trusted_archives():
            load_archive(own)
        assert (tmp_path / "called").exists()
        refusal(own)
