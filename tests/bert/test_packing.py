"""Lengths of the rows that run together."""

import torch
from transformers import BertConfig, BertModel

from bert_classification.bert.encoder import encode
from bert_classification.bert.packing import round_up, use_packed_attention
from tests.bert.support import encode_padded
from tests.support import BERT, random_batch


def test_at_prediction_rows_have_few_lengths() -> None:
    with torch.inference_mode():
        rows = [torch.zeros(1, pieces, 1) for pieces in range(1, 2049)]
        rounded = [round_up(row, [(1, row.size(1))]) for row in rows]
    lengths = [row.size(1) for row, _ in rounded]
    assert all(sum(size for _, size in groups) == len(row[0]) for row, groups in rounded)
    assert all(0 <= (own - length) <= max(3, length / 16) for length, own in enumerate(lengths, 1))
    assert len(set(lengths)) < 100
    row = torch.zeros(1, 7, 1)
    assert round_up(row, [(1, 7)])[0] is row, "in training nothing is added"


def test_512_pieces_beside_3() -> None:
    config = BertConfig.from_pretrained(BERT, max_position_embeddings=512)
    bert = BertModel(config).eval()
    use_packed_attention(bert)
    ids, types, mask = random_batch([512, 3])
    theirs, ours = encode_padded(bert, ids, types, mask), encode(bert, ids, types, mask)
    assert torch.allclose(ours.hidden_states[mask], theirs.hidden_states[mask], atol=1e-5)
    assert torch.allclose(ours.pooled, theirs.pooled, atol=1e-5)
