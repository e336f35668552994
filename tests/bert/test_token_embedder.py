import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance, Token, Vocabulary
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import PretrainedTransformerMismatchedIndexer
from allennlp.modules.token_embedders import PretrainedTransformerMismatchedEmbedder
from transformers import BertModel

from bert_classification import PretrainedBertEmbedder, PretrainedBertIndexer
from tests.support import BERT

TEXTS = ("the unbelievable soup was cold", "a wonderful museum", "soup")


def tensors(indexer, *texts: str) -> dict[str, torch.Tensor]:
    tokens = [[Token(word) for word in text.split()] for text in texts]
    batch = Batch([Instance({"tokens": TextField(words, {"bert": indexer})}) for words in tokens])
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()["tokens"]["bert"]


def ours(*texts: str, token_mask: bool = True, **settings) -> tuple[torch.Tensor, torch.Tensor]:
    """Gives the vectors of texts and the mask that a model sees."""
    field = tensors(PretrainedBertIndexer(BERT, token_mask=token_mask), *texts)
    embedder = PretrainedBertEmbedder(BERT, **settings).eval()
    return embedder(**field), field["mask"]


@pytest.mark.parametrize(
    "mode, theirs", [("average", {"sub_token_mode": "avg"}), ("first", {"sub_token_mode": "first"})]
)
def test_vectors_of_tokens_equal_those_of_allennlp(mode, theirs) -> None:
    vectors, mask = ours(*TEXTS, sub_token_mode=mode)
    field = tensors(PretrainedTransformerMismatchedIndexer(BERT), *TEXTS)
    expected = PretrainedTransformerMismatchedEmbedder(BERT, **theirs).eval()(**field)
    assert torch.equal(mask, field["mask"])
    torch.testing.assert_close(vectors[mask], expected[mask], atol=1e-5, rtol=1e-4)


def test_a_mixture_of_layers_equals_that_of_allennlp() -> None:
    vectors, mask = ours(*TEXTS, scalar_mix=True)
    field = tensors(PretrainedTransformerMismatchedIndexer(BERT), *TEXTS)
    embedder = PretrainedTransformerMismatchedEmbedder(BERT, last_layer_only=False).eval()
    torch.testing.assert_close(vectors[mask], embedder(**field)[mask], atol=1e-5, rtol=1e-4)


def test_layers_are_averaged() -> None:
    vectors, mask = ours(TEXTS[0], token_mask=False, sub_token_mode="pieces", layers=[0, -1])
    ids = tensors(PretrainedBertIndexer(BERT), TEXTS[0])["input_ids"]
    states = BertModel.from_pretrained(BERT).eval()(ids, output_hidden_states=True).hidden_states
    expected = (states[0] + states[-1]) / 2
    torch.testing.assert_close(vectors, expected, atol=1e-5, rtol=1e-4)
    assert mask.shape == vectors.shape[:2]


def test_the_last_piece_of_a_token() -> None:
    vectors, _ = ours(TEXTS[0], sub_token_mode="last")
    pieces, _ = ours(TEXTS[0], token_mask=False, sub_token_mode="pieces")
    offsets = tensors(PretrainedBertIndexer(BERT), TEXTS[0])["offsets"]
    torch.testing.assert_close(vectors[0], pieces[0, offsets[0]])


def test_what_is_frozen_gets_no_gradient() -> None:
    embedder = PretrainedBertEmbedder(BERT, trainable=1)
    trained = {name for name, each in embedder.named_parameters() if each.requires_grad}
    last = embedder.bert.config.num_hidden_layers - 1
    assert trained and all(name.startswith(f"bert.encoder.layer.{last}.") for name in trained)


@pytest.mark.parametrize(
    "token_mask, settings, message",
    [
        (False, {}, "say `token_mask: true` of its token indexer"),
        (True, {"sub_token_mode": "pieces"}, "Take one of the two out"),
        (True, {"sub_token_mode": "avg"}, "`sub_token_mode` is 'avg'; expected one of"),
        (True, {"layers": [7]}, r"`layers` is \[7\]; expected numbers from 0"),
        (True, {"layers": []}, r"`layers` is \[\]"),
        (True, {"layers": -4}, "`layers` is -4"),
    ],
)
def test_wrong_settings(token_mask, settings, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ours(TEXTS[0], token_mask=token_mask, **settings)
