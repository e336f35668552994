import pytest

from bert_classification.data.windows import max_context, window_spans


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 16, 17, 50])
@pytest.mark.parametrize("doc_stride", [1, 3, 8, 20])
def test_windows_cover_every_piece_and_none_lies_within_another(length, doc_stride) -> None:
    spans = window_spans(length, 8, doc_stride)
    assert {piece for start, end in spans for piece in range(start, end)} == set(range(length))
    assert all(end - start <= 8 for start, end in spans)
    assert all(one[1] < other[1] for one, other in zip(spans, spans[1:]))


def test_a_piece_belongs_to_the_window_with_most_context() -> None:
    assert window_spans(12, 8, 4) == [(0, 8), (4, 12)]
    assert max_context([(0, 8), (4, 12)]).tolist() == [0] * 6 + [1] * 6
