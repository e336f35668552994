"""
How much of a training step masked LM saves by computing logits only where there is a label.

Takes turns, on the same masked blocks, between a training step with the logits at labelled
positions and one with the logits at every position, and prints the times and their ratio:

    python benchmarks/masked_lm_logits.py BERT_DIRECTORY TEXT_FILE --batch-size 32
"""

import argparse
import itertools
import statistics
import time
from typing import Callable

import torch
from allennlp.data import Batch, TextFieldTensors, Vocabulary
from torch import Tensor
from torch.nn.functional import cross_entropy

from bert_classification import BertForMaskedLM, BertForMaskedLMReader, PretrainedBertIndexer
from bert_classification.bert.encoder import encode_field
from bert_classification.data.label_field import IGNORE_INDEX

Loss = Callable[[TextFieldTensors, Tensor], Tensor]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("bert", help="directory of a BERT")
    parser.add_argument("text", help="a plain text file")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--block-size", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=6)
    options = parser.parse_args()
    torch.manual_seed(0)
    model = BertForMaskedLM(Vocabulary(), options.bert).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    losses: list[Loss] = [labelled_positions(model), every_position(model)]
    times: list[list[float]] = [[], []]
    for pair, (tokens, label) in enumerate(masked_batches(model, options)):
        # Each goes first in half of the pairs; the first pair only warms up.
        for which in (0, 1) if pair % 2 else (1, 0):
            seconds, loss = step(losses[which], optimizer, tokens, label)
            if pair:
                times[which].append(seconds)
                print(f"pair {pair} {('labelled', 'every')[which]:>8} {seconds:.3f} s, {loss:.4f}")
    labelled, every = map(statistics.median, times)
    ratio = statistics.median(a / b for a, b in zip(*times))
    print(f"median step: labelled {labelled:.3f} s, every {every:.3f} s; ratio {ratio:.3f}")


def masked_batches(model: BertForMaskedLM, options: argparse.Namespace):
    """Yields the same few batches of masked blocks again and again."""
    indexer = PretrainedBertIndexer(options.bert)
    reader = BertForMaskedLMReader(
        token_indexers={"bert": indexer}, format="text", block_size=options.block_size
    )
    blocks = list(itertools.islice(reader.read(options.text), 4 * options.batch_size))
    starts = itertools.cycle(range(0, len(blocks), options.batch_size))
    for start in itertools.islice(starts, options.pairs + 1):
        tensors = Batch(blocks[start : start + options.batch_size]).as_tensor_dict()
        yield model.mask(tensors["tokens"])


def labelled_positions(model: BertForMaskedLM) -> Loss:
    return lambda tokens, label: model(tokens, label)["loss"]


def every_position(model: BertForMaskedLM) -> Loss:
    def loss(tokens: TextFieldTensors, label: Tensor) -> Tensor:
        logits = model.cls(encode_field(model.bert, tokens, model.text_input).hidden_states)
        return cross_entropy(logits.flatten(0, 1), label.flatten(), ignore_index=IGNORE_INDEX)

    return loss


def step(
    loss_of: Loss, optimizer: torch.optim.Optimizer, tokens: TextFieldTensors, label: Tensor
) -> tuple[float, float]:
    start = time.perf_counter()
    optimizer.zero_grad()
    loss = loss_of(tokens, label)
    loss.backward()
    optimizer.step()
    return time.perf_counter() - start, loss.item()


if __name__ == "__main__":
    main()
