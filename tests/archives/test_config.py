"""Configs of archives as an attacker may have written them."""

from pathlib import Path

import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import TokenIndexer
from allennlp.models.archival import load_archive

from bert_classification.archives.nesting import MAX_DEPTH
from tests.archives.support import change_config, pack, refusal


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

    @pytest.mark.parametrize("where", ["trainer", "model", "anything"])
    @pytest.mark.parametrize("depth", [MAX_DEPTH, 700, 5_000])
    def test_deep_nesting(self, unpacked, where, depth) -> None:
        """Python 3.13 parses 5,000 levels, 3.11 parses 990, and both copy some 500."""
        change_config(unpacked, **{f"{where}__deep": "DEEP"})
        config = (unpacked / "config.json").read_text()
        (unpacked / "config.json").write_text(config.replace('"DEEP"', "[" * depth + "]" * depth))
        assert "config.json is " in refusal(pack(unpacked))

    def test_further_archives_of_the_network(self, unpacked) -> None:
        model = {"type": "from_archive", "archive_file": "http://127.0.0.1:9/model.tar.gz"}
        with pytest.raises(ConfigurationError, match="names no file, directory or URL"):
            load_archive(change_config(unpacked, model=model))

    def test_an_archive_within_itself(self, unpacked) -> None:
        archive = unpacked.parent / "packed.tar.gz"
        model = {"type": "from_archive", "archive_file": str(archive)}
        change_config(unpacked, model=model)
        with pytest.raises(ConfigurationError, match="names no file, directory or URL"):
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
