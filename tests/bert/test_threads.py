"""One BERT in several threads: the packed and the padded way do not disturb each other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Callable

import torch
from torch import Tensor
from transformers import BertModel

from bert_classification.bert.encoder import Encoded, TextInput, encode, encode_field
from bert_classification.bert.packing import ATTENTION
from bert_classification.bert.precision import set_precision
from bert_classification.bert.pretrained import load_pretrained
from tests.support import BERT

ROUNDS = 40
WANTED = TextInput(output_hidden_states=True, output_attentions=True)
LENGTHS = ([5, 41, 1, 17], [60, 60], [3, 9, 27])

Run = Callable[[], Encoded]


def batch(lengths: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(lengths))
    mask = torch.arange(max(lengths)).expand(len(lengths), -1) < torch.tensor(lengths).unsqueeze(1)
    ids = torch.randint(5, 500, mask.shape, generator=generator) * mask
    return ids, torch.zeros_like(ids), mask


def run_packed(bert: BertModel, lengths: list[int]) -> Encoded:
    with torch.inference_mode():
        return encode(bert, *batch(lengths))


def run_padded(bert: BertModel, lengths: list[int]) -> Encoded:
    ids, types, mask = batch(lengths)
    tokens = {"bert": {"input_ids": ids, "token_type_ids": types, "mask": mask}}
    with torch.inference_mode():
        return encode_field(bert, tokens, WANTED)


def tensors(encoded: Encoded) -> list[Tensor]:
    return [encoded.hidden_states, encoded.pooled, *encoded.layer_outputs.values()]


def run_at_once(runs: list[Run]) -> list[list[Encoded]]:
    """Runs each in a thread of its own, again and again, all from the same moment on."""
    together = Barrier(len(runs))

    def repeat(run: Run) -> list[Encoded]:
        together.wait()
        return [run() for _ in range(ROUNDS)]

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(repeat, runs))


def check(bert: BertModel) -> None:
    runs: list[Run] = [
        lambda run=run, lengths=lengths: run(bert, lengths)
        for lengths in LENGTHS
        for run in (run_packed, run_padded)
    ]
    alone = [tensors(run()) for run in runs]
    for expected, encoded in zip(alone, run_at_once(runs)):
        for each in encoded:
            for own, tensor in zip(tensors(each), expected, strict=True):
                assert torch.equal(own, tensor)


def test_threads_get_what_one_thread_gets() -> None:
    bert = load_pretrained(BertModel, BERT).model.eval()
    check(bert)
    assert bert.config._attn_implementation == ATTENTION


def test_threads_that_meet_layers_whose_weights_are_not_laid_out_yet() -> None:
    expected = load_pretrained(BertModel, BERT).model.eval()
    set_precision(expected, "float32")
    alone = [tensors(run_packed(expected, lengths)) for lengths in LENGTHS]
    bert = load_pretrained(BertModel, BERT).model.eval()
    set_precision(bert, "float32")
    found = run_at_once([lambda lengths=lengths: run_packed(bert, lengths) for lengths in LENGTHS])
    for each, encoded in zip(alone, found):
        for own, tensor in zip(tensors(encoded[0]), each, strict=True):
            assert torch.equal(own, tensor)


def test_a_padded_run_leaves_the_attention_as_it_is() -> None:
    bert = load_pretrained(BertModel, BERT).model.eval()
    before = [getattr(module, "config", None) for module in bert.modules()]
    run_padded(bert, [3, 5])
    assert [getattr(module, "config", None) for module in bert.modules()] == before
    assert bert.config._attn_implementation == ATTENTION
