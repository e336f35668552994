"""Weights of archives as an attacker, or a bad copy, may have left them."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch

from bert_classification.archives import extraction
from tests.archives.support import WEIGHTS, pack, refusal


def change_weights(directory: Path, change) -> Path:
    state = torch.load(directory / WEIGHTS)
    change(state)
    torch.save(state, directory / WEIGHTS)
    return pack(directory)


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
