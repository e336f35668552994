"""
The same weights for all sides: a checkpoint for Hugging Face, and an archive made of it by way of a
shipped config.
"""

import copy
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Optional

import torch
from allennlp.commands.train import TrainModel
from allennlp.common import Params
from allennlp.common.params import with_overrides
from allennlp.models.archival import archive_model
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertPreTrainedModel,
)

import bert_classification  # noqa: F401  registers everything
from benchmarks.texts import write_json_lines
from bert_classification.commands.demo import embedded_bert

LABELS = [f"label {index}" for index in range(28)]


class Setting(NamedTuple):
    """
    What the command line asks for.

    directory : `Path`, for what the contests write.
    threads : `int`, of PyTorch, ONNX Runtime and tokenizers.
    share : `float`, of the full amount of work.
    data, squad, text : `str`, optional, the files for `texts`.
    """

    directory: Path
    threads: int
    share: float
    data: Optional[str]
    squad: Optional[str]
    text: Optional[str]

    def amount(self, full: int) -> int:
        return max(1, round(self.share * full))


def checkpoint(head: type[BertPreTrainedModel], setting: Setting, dropout: float = 0.1) -> str:
    """Makes a directory with MiniLM, a new head, and the tokenizer; the same with each call."""
    directory = setting.directory / f"{head.__name__}-{dropout}"
    if not directory.exists():
        torch.manual_seed(0)
        bert = embedded_bert()
        labels = LABELS if head is BertForSequenceClassification else ["0", "1"]
        config = BertConfig.from_pretrained(
            bert,
            id2label=dict(enumerate(labels)),
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
        model = head.from_pretrained(bert, config=config)
        for name in ("classifier", "qa_outputs"):
            if hasattr(model, name):
                # As it is made, it would answer nearly the same to all texts.
                getattr(model, name).weight.data *= 20
        model.save_pretrained(directory)
        AutoTokenizer.from_pretrained(bert, model_max_length=512).save_pretrained(directory)
    return str(directory)


def config(task: str, bert: str, data: str, **overrides: Any) -> dict[str, Any]:
    """
    Fills in the shipped config of a task with this BERT and these data, without validation and
    checkpoints. Overrides have `__` for the dots of their paths.
    """
    return with_overrides(
        Params.from_file(f"training_config/{task}.jsonnet").as_dict(quiet=True),
        {
            "dataset_reader.token_indexers.bert.pretrained_model": bert,
            "model.bert_model": bert,
            "train_data_path": data,
            "validation_data_path": None,
            "trainer.checkpointer": None,
            **{path.replace("__", "."): value for path, value in overrides.items()},
        },
    )


def training(config: dict[str, Any], setting: Setting) -> TrainModel:
    """Makes what `allennlp train` would run."""
    directory = tempfile.mkdtemp(dir=setting.directory)
    # What is made of `Params` is taken out of them.
    params = Params(copy.deepcopy(config))
    params.to_file(os.path.join(directory, "config.json"))
    return TrainModel.from_params(params, serialization_dir=directory, local_rank=0)


def archive(task: str, bert: str, records: list[dict], setting: Setting, **overrides: Any) -> str:
    """Makes an archive of ours of a checkpoint, as it is before any training."""
    data = write_json_lines(setting.directory / f"{task}.jsonl", records)
    untrained = training(config(task, bert, data, **overrides), setting)
    torch.save(untrained.model.state_dict(), os.path.join(untrained.serialization_dir, "best.th"))
    archive_model(untrained.serialization_dir, weights="best.th")
    return os.path.join(untrained.serialization_dir, "model.tar.gz")
