"""Words and their pieces, in windows."""

import pytest
import torch

from tests.token_classification.support import LONG, a_reader, tensors, words_and_tags


class TestWindows:
    @pytest.mark.parametrize("doc_stride", [None, 3, 100])
    def test_every_word_is_in_one_window_and_none_is_lost(self, doc_stride) -> None:
        ((words, tags),) = words_and_tags(LONG)
        reader = a_reader(max_pieces=10, doc_stride=doc_stride)
        (instance,) = reader.read(LONG)
        found = [field.words for field in instance["word_ids"]]
        assert len(found) > 10
        assert all(len(window) <= 10 for window in found)
        present = [sorted(set(window.tolist()) - {-1}) for window in found]
        assert sum(present, []) == list(range(len(words)))
        trained = [tag for field in instance["tags"] for tag in field.human_readable_repr() if tag]
        assert trained == tags

    def test_a_word_is_predicted_where_it_has_most_context(self, model, vocab) -> None:
        reader = a_reader(max_pieces=12, doc_stride=5)
        words = ["a"] * 15
        (output,) = model.forward_on_instances([reader.text_to_instance(tokens=words)])
        assert len(output["tags"]) == 15
        # Windows of pieces 0-9 and 5-14: from piece 8 on there is more context in the second.
        probs = model(**tensors([reader.text_to_instance(tokens=words)], vocab))["probs"][0]
        alone = model(**tensors([reader.text_to_instance(tokens=words[:10])], vocab))["probs"][0]
        assert torch.allclose(probs[:8], alone[:8], atol=1e-5)
        assert torch.allclose(probs[8:], alone[3:], atol=1e-5)

    def test_a_word_without_pieces_is_unknown_and_keeps_its_tag(self) -> None:
        reader = a_reader()
        words = ["\u200b", "a", "\x01", "\u200b", "soup", "\ufeff"]
        tags = ["B-PER", "O", "B-LOC", "B-ORG", "O", "B-PER"]
        instance = reader.text_to_instance(tokens=words, tags=tags)
        pieces = reader.tokenizer.convert_ids_to_tokens(instance["tokens"][0].ids)
        unknown = [index for index, piece in enumerate(pieces) if piece == "[UNK]"]
        assert [instance["tags"][0].human_readable_repr()[index] for index in unknown] == [
            "B-PER",
            "B-LOC",
            "B-ORG",
            "B-PER",
        ]

    def test_a_word_longer_than_a_window_keeps_its_place(self, model) -> None:
        reader = a_reader(max_pieces=6)
        instance = reader.text_to_instance(tokens=["a", "z0q" * 20, "b"])
        (output,) = model.forward_on_instances([instance])
        assert len(output["tags"]) == 3
