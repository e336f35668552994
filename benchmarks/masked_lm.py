"""Masked LM on blocks of running text, with the same weights, blocks, optimizer and schedule."""

from functools import partial

import torch
from allennlp.commands.train import TrainModel
from allennlp.data import Batch
from transformers import AutoTokenizer, BertForMaskedLM, DataCollatorForLanguageModeling

from benchmarks.checkpoints import Setting, checkpoint, config, training
from benchmarks.comparison import Contest, Row, Work, per_second
from benchmarks.texts import running_text
from benchmarks.train import LEARNING_RATE, arguments, silent_trainer

BATCH_SIZE = 16
BLOCK_SIZE = 128
STEPS = 6
TOLERANCE = 1e-4

OURS, PEER = "ours", "Hugging Face Trainer with its collator"


def contest(setting: Setting) -> Contest:
    bert = checkpoint(BertForMaskedLM, setting)
    pieces = setting.amount(STEPS) * BATCH_SIZE * BLOCK_SIZE
    text = setting.directory / "running.txt"
    text.write_text(running_text(pieces, setting.text), encoding="utf-8")
    run = partial(training, our_config(bert, str(text)), setting)
    blocks = [instance["tokens"].ids.tolist() for instance in instances(run())]
    return Contest(
        f"train masked LM, batches of {BATCH_SIZE} blocks of {BLOCK_SIZE} pieces",
        {
            OURS: lambda: run().trainer.train,
            PEER: lambda: hugging_face(bert, blocks, setting),
        },
        [Row(OURS, PEER, 1.5)],
        partial(check, bert, run),
        per_second(sum(map(len, blocks)), "pieces"),
    )


def our_config(bert: str, text: str) -> dict:
    overrides = {
        "dataset_reader__block_size": BLOCK_SIZE,
        "data_loader__batch_size": BATCH_SIZE,
        "trainer__optimizer__lr": LEARNING_RATE,
        "trainer__num_epochs": 1,
    }
    return config("masked_lm", bert, text, **overrides)


def instances(run: TrainModel) -> list:
    return list(run.trainer.data_loader.iter_instances())


def hugging_face(bert: str, blocks: list[list[int]], setting: Setting) -> Work:
    collator = DataCollatorForLanguageModeling(AutoTokenizer.from_pretrained(bert))
    data = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in blocks]
    model = BertForMaskedLM.from_pretrained(bert)
    return silent_trainer(model, arguments(setting, BATCH_SIZE), collator, data).train


def check(bert: str, run: partial[TrainModel]) -> None:
    """Raises when the two models have different losses on the same masks."""
    ours = run()
    batch = Batch(instances(ours)[:BATCH_SIZE]).as_tensor_dict()
    model = ours.model.eval()
    tokens, label = model.mask(batch["tokens"])
    theirs = BertForMaskedLM.from_pretrained(bert).eval()
    with torch.inference_mode():
        loss = model(tokens, label)["loss"].item()
        field = tokens["bert"]
        expected = theirs(field["input_ids"], field["mask"].long(), labels=label).loss.item()
    if abs(loss - expected) > TOLERANCE:
        raise ValueError(f"A loss of {loss} and one of {expected}; these are two models.")
    ours.model.train()
