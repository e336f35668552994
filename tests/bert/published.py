"""Checkpoints as others publish them, with random weights: written by plain transformers."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoTokenizer, BertConfig, BertPreTrainedModel

from bert_classification.bert.labels import label_settings
from tests.support import BERT

LABELS = ["negative", "neutral", "positive"]
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
HEADS: dict[str, dict[str, Any]] = {
    "BertForMaskedLM": {},
    "BertForMultipleChoice": {},
    "BertForNextSentencePrediction": {},
    "BertForPreTraining": {},
    "BertForQuestionAnswering": {},
    "BertForSequenceClassification": label_settings(LABELS),
    "BertForTokenClassification": label_settings(TAGS),
    "BertLMHeadModel": {"is_decoder": True},
}
FORMS = ("safetensors", "sharded", "bin", "fp16")


def publish(
    directory: Path, architecture: str, form: str = "safetensors", **config: Any
) -> BertPreTrainedModel:
    """Saves a checkpoint with a tokenizer, and gives it back in float32."""
    torch.manual_seed(5)
    settings = {**HEADS[architecture], **config}
    head = getattr(transformers, architecture)(BertConfig.from_pretrained(BERT, **settings)).eval()
    # Far enough from 0 that answers differ.
    for name, parameter in head.named_parameters():
        if "LayerNorm" not in name:
            torch.nn.init.normal_(parameter, std=0.3)
    if form == "fp16":
        head.half()
    head.save_pretrained(directory, max_shard_size="40KB" if form == "sharded" else "1GB")
    if form == "bin":
        weights = directory / "model.safetensors"
        torch.save(load_file(weights), directory / "pytorch_model.bin")
        weights.unlink()
    AutoTokenizer.from_pretrained(BERT).save_pretrained(directory)
    return head.float()


def rewrite(path: Path, **values: Any) -> None:
    """Sets keys of a file of settings, or takes them out where the value is `...`."""
    settings = {**json.loads(path.read_text(encoding="utf-8")), **values}
    kept = {key: value for key, value in settings.items() if value is not ...}
    path.write_text(json.dumps(kept), encoding="utf-8")


def put_on_hub(home: Path, name: str, checkpoint: Path, revision: str = "main") -> Path:
    """Lays a checkpoint into the local cache of the model hub as its client does."""
    cached = home / "hub" / f"models--{name.replace('/', '--')}"
    commit = f"{len(list(cached.glob('snapshots/*'))):040x}"
    (cached / "refs").mkdir(parents=True, exist_ok=True)
    (cached / "refs" / revision).write_text(commit)
    return Path(shutil.copytree(checkpoint, cached / "snapshots" / commit))
