"""Archives of earlier AllenNLPs, genuine ones and such that are made here in their form."""

import json
import tarfile
from pathlib import Path
from typing import Any

import torch
from allennlp.common import Params
from allennlp.data import Vocabulary
from allennlp.models import Model
from transformers import BertForSequenceClassification

from tests.support import BERT, FIXTURES, read_json_lines

OLD = FIXTURES / "old_archives"
RECORDS = read_json_lines(OLD / "input.jsonl")
NAME = "bert-of-others"
LABELS = ["neutral", "positive", "negative"]
POSITIONS = torch.arange(128).unsqueeze(0)


def predictions_of(version: str) -> list[dict[str, Any]]:
    return read_json_lines(OLD / f"{version}.predictions.jsonl")


def replace_strings(value: Any, old: str, new: str) -> Any:
    return json.loads(json.dumps(value).replace(json.dumps(old), json.dumps(new)))


def add_positions(state: dict[str, Any]) -> dict[str, Any]:
    """Adds the buffers that transformers wrote until 4.30, beside the embeddings of each BERT."""
    position = "position_embeddings.weight"
    found = [name.removesuffix(position) for name in state if name.endswith(position)]
    return {**state, **{f"{prefix}position_ids": POSITIONS for prefix in found}}


def write_archive(
    directory: Path, config: dict[str, Any], state: Any, labels: list[str], zipped: bool = True
) -> Path:
    """Packs an archive, with weights in PyTorch's format, or in that before 1.6."""
    contents = directory / "contents"
    contents.mkdir(parents=True)
    (contents / "config.json").write_text(json.dumps(config))
    torch.save(state, contents / "weights.th", _use_new_zipfile_serialization=zipped)
    vocabulary = Vocabulary()
    vocabulary._non_padded_namespaces = {"*tags", "*labels"}
    for label in labels:
        vocabulary.add_token_to_namespace(label, "labels")
    vocabulary.save_to_files(str(contents / "vocabulary"))
    archive = directory / "model.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(contents.iterdir()):
            tar.add(path, arcname=path.name)
    return archive


def archive_of_2(directory: Path, model: dict[str, Any], reader: dict[str, Any]) -> Path:
    """Makes an archive of AllenNLP 2 whose BERT is elsewhere, under the name `NAME`."""
    config = {"model": model, "dataset_reader": reader, "data_loader": {"batch_size": 8}}
    vocabulary = Vocabulary()
    for label in LABELS:
        vocabulary.add_token_to_namespace(label, "labels")
    torch.manual_seed(1)
    built = Model.from_params(Params(replace_strings(model, NAME, BERT)), vocab=vocabulary)
    return write_archive(directory, config, add_positions(built.state_dict()), LABELS)


def old_state(rows: int = 3, beta: bool = False) -> dict[str, Any]:
    """Makes weights of a `bert_for_classification` of AllenNLP 0.9; the oldest have `beta`."""
    torch.manual_seed(2)
    model = BertForSequenceClassification.from_pretrained(BERT, num_labels=rows)
    state = {}
    for name, tensor in model.state_dict().items():
        name = name.replace("classifier.", "_classification_layer.")
        name = name.replace("bert.", "bert_model.", 1) if name.startswith("bert.") else name
        if beta:
            name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
            name = name.replace("LayerNorm.bias", "LayerNorm.beta")
        state[name] = tensor
    return state


def old_config(**changes: Any) -> dict[str, Any]:
    """Makes a config of AllenNLP 0.9; `__` leads into nested objects, and `None` takes out."""
    config: dict[str, Any] = {
        "dataset_reader": {
            "type": "text_classification_json",
            "lazy": True,
            "tokenizer": {"word_splitter": "bert-basic"},
            "token_indexers": {"bert": {"type": "bert-pretrained", "pretrained_model": NAME}},
        },
        "model": {"type": "bert_for_classification", "bert_model": NAME, "dropout": 0.1},
        "train_data_path": "fixtures/classification/train.jsonl",
        "validation_data_path": "fixtures/classification/dev.jsonl",
        "iterator": {"type": "bucket", "sorting_keys": [["tokens", "num_tokens"]], "batch_size": 8},
        "trainer": {
            "optimizer": {"type": "bert_adam", "lr": 0.001, "warmup": 0.1, "t_total": 30},
            "num_epochs": 1,
            "cuda_device": -1,
            "num_serialized_models_to_keep": 1,
        },
    }
    for path, value in changes.items():
        *parents, last = path.split("__")
        section = config
        for parent in parents:
            section = section[parent]
        section[last] = value
        if value is None:
            del section[last]
    return config


def archive_of_0_9(directory: Path, state: Any = None, **changes: Any) -> Path:
    """Makes an archive of AllenNLP 0.9."""
    state = old_state() if state is None else state
    labels = LABELS[: len(state["_classification_layer.weight"])]
    return write_archive(directory, old_config(**changes), state, labels, zipped=False)
