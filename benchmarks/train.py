"""Fine-tuning of a classifier, in random batches, with the same weights, optimizer and schedule."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoTokenizer,
    BertForSequenceClassification,
    DataCollatorWithPadding,
    PrinterCallback,
    Trainer,
    TrainingArguments,
)

from benchmarks.checkpoints import LABELS, Setting, checkpoint, config, training
from benchmarks.comparison import Contest, Row, Work, per_second
from benchmarks.texts import comments, write_json_lines

BATCH_SIZE = 32
STEPS = 24
CHECKED_STEPS = 10
LEARNING_RATE = 5e-5
LIKENESS = 0.99

OURS, RANDOM, GROUPED = "ours", "Hugging Face Trainer", "Hugging Face Trainer, grouped by length"

Weights = dict[str, Tensor]


def contest(setting: Setting) -> Contest:
    steps = setting.amount(STEPS)
    bert = checkpoint(BertForSequenceClassification, setting)
    records = label_comments(steps * BATCH_SIZE, setting)
    return Contest(
        f"train, random batches of {BATCH_SIZE}",
        {
            OURS: partial(ours, bert, records, setting),
            RANDOM: partial(hugging_face, bert, records, setting, "random"),
            GROUPED: partial(hugging_face, bert, records, setting, "group_by_length"),
        },
        [Row(OURS, RANDOM, 1.7), Row(OURS, GROUPED, 1.05)],
        partial(check, setting),
        per_second(len(records), "texts"),
    )


def label_comments(count: int, setting: Setting) -> list[dict[str, str]]:
    # The index of a text modulo a prime is as good as a random label.
    return [
        {"text": text, "label": LABELS[index * index % 29 % len(LABELS)]}
        for index, text in enumerate(comments(count, setting.data))
    ]


def ours(bert: str, records: list, setting: Setting, epochs: int = 1) -> Work:
    data = write_json_lines(setting.directory / "train.jsonl", records)
    overrides = {
        "dataset_reader__label_names": LABELS,
        "data_loader__batch_size": BATCH_SIZE,
        "trainer__optimizer__lr": LEARNING_RATE,
        "trainer__num_epochs": epochs,
    }
    run = training(config("classification", bert, data, **overrides), setting)

    def work() -> Weights:
        run.trainer.train()
        return run.model.state_dict()

    return work


def hugging_face(
    bert: str, records: list, setting: Setting, sampling: str, epochs: int = 1
) -> Work:
    tokenizer = AutoTokenizer.from_pretrained(bert)
    data = [
        {**tokenizer(record["text"], truncation=True), "label": LABELS.index(record["label"])}
        for record in records
    ]
    model = BertForSequenceClassification.from_pretrained(bert)
    chosen = arguments(setting, BATCH_SIZE, epochs, train_sampling_strategy=sampling)
    trainer = silent_trainer(model, chosen, DataCollatorWithPadding(tokenizer), data)

    def work() -> Weights:
        trainer.train()
        return model.state_dict()

    return work


def arguments(setting: Setting, batch_size: int, epochs: int = 1, **more: Any) -> TrainingArguments:
    """Trainer's defaults (fused AdamW, gradients clipped at 1), and what our configs say."""
    return TrainingArguments(
        str(setting.directory / "trainer"),
        num_train_epochs=epochs,
        per_device_train_batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        weight_decay=0.01,
        warmup_steps=0.1,
        use_cpu=True,
        disable_tqdm=True,
        logging_strategy="no",
        save_strategy="no",
        **more,
    )


def silent_trainer(*parts: Any) -> Trainer:
    trainer = Trainer(*parts)
    trainer.remove_callback(PrinterCallback)
    return trainer


def check(setting: Setting) -> None:
    """
    Raises when the sides, without dropout and on one batch again and again, do not change the
    weights in the same way; their schedules are off by one step.
    """
    bert = checkpoint(BertForSequenceClassification, setting, dropout=0.0)
    records = label_comments(BATCH_SIZE, setting)
    start = BertForSequenceClassification.from_pretrained(bert).state_dict()
    sides = (
        ours(bert, records, setting, CHECKED_STEPS),
        hugging_face(bert, records, setting, "random", CHECKED_STEPS),
    )
    by_us, by_them = (
        torch.cat([(weights[name] - start[name]).flatten() for name in start])
        for weights in (side() for side in sides)
    )
    likeness = torch.cosine_similarity(by_us, by_them, dim=0).item()
    length = (by_us.norm() / by_them.norm()).item()
    if likeness < LIKENESS or abs(length - 1) > 1 - LIKENESS:
        raise ValueError(
            f"The changes of the weights have a cosine of {likeness:.3f} and a ratio of lengths of "
            f"{length:.3f}; the two trainings do not do the same work."
        )
