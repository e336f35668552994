"""
The plain side: transformers' own BERT with its own head, in a loop as its documentation has it.
"""

from functools import partial
from typing import Any, Sequence

import torch
from torch.utils.data import DataLoader
from transformers import (
    AutoTokenizer,
    BertPreTrainedModel,
    get_linear_schedule_with_warmup,
    set_seed,
)

from benchmarks.quality.features import Example, Tokenizer
from benchmarks.quality.tasks import Task

WARM_UP, WEIGHT_DECAY, GRADIENT_NORM = 0.1, 0.01, 1.0
"""As in our `training_config/bert.libsonnet`."""


def load_tokenizer(bert: str) -> Tokenizer:
    return AutoTokenizer.from_pretrained(bert, model_max_length=512)


def train(
    task: Task,
    bert: str,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    seed: int,
    settings: dict[str, Any],
) -> tuple[BertPreTrainedModel, int]:
    """Gives the trained model, and how many steps it took."""
    set_seed(seed)
    model = task.head.from_pretrained(bert, **settings)
    batches: DataLoader = DataLoader(
        examples,  # type: ignore[arg-type]
        task.batch_size,
        shuffle=True,
        collate_fn=partial(task.collate, tokenizer),
    )
    steps = task.epochs * len(batches)
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=task.learning_rate, fused=True)
    schedule = get_linear_schedule_with_warmup(optimizer, int(WARM_UP * steps), steps)
    model.train()
    taken = 0
    for _ in range(task.epochs):
        for batch in batches:
            model(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            taken += 1
    return model.eval(), taken


def parameter_groups(model: BertPreTrainedModel) -> list[dict[str, Any]]:
    """Biases and layer norms do not decay."""
    groups: list[dict[str, Any]] = [
        {"params": [], "weight_decay": WEIGHT_DECAY},
        {"params": [], "weight_decay": 0.0},
    ]
    for name, weight in model.named_parameters():
        groups[name.endswith("bias") or "LayerNorm" in name]["params"].append(weight)
    return groups
