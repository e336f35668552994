"""How well texts are found by their vectors, over a whole data set."""

import numpy

CUT = 10
RECALLED = (1, 5, 10)
QUERIES_AT_ONCE = 256
"""Whose cosines with all texts of the pool are in memory."""


def retrieval_scores(queries: list, documents: list) -> dict[str, float]:
    """
    Ranks the pool for each query, by the cosines. The pool is every text of the data set that
    belongs to one of its queries, and every negative, each once.

    # Parameters

    queries : `List[Tuple[ndarray, int]]`
        The vector of each query, of length 1, and the id of the text that belongs to it, the only
        one that counts as found.
    documents : `List[Tuple[int, ndarray]]`
        The ids and vectors of the other texts.

    # Returns

    `Dict[str, float]`: `mrr@10`, the mean of 1 / rank, 0 beyond 10; `ndcg@10`; and `recall@1`, `@5`
    and `@10`, the share of queries whose text is among the first so many. Of equal cosines the
    wrong text comes first.
    """
    pool = dict(documents)
    places = {each: place for place, each in enumerate(pool)}
    # (pool, width) and (queries, width)
    vectors, asked = numpy.stack(list(pool.values())), numpy.stack([each for each, _ in queries])
    own = numpy.array([places[each] for _, each in queries])
    ranks = numpy.concatenate(
        [
            _ranks(asked[start : start + QUERIES_AT_ONCE], vectors, own[start:])
            for start in range(0, len(asked), QUERIES_AT_ONCE)
        ]
    )
    found = ranks <= CUT
    return {
        f"mrr@{CUT}": (found / ranks).mean(),
        f"ndcg@{CUT}": (found / numpy.log2(1 + ranks)).mean(),
        **{f"recall@{count}": (ranks <= count).mean() for count in RECALLED},
    }


def _ranks(asked: numpy.ndarray, vectors: numpy.ndarray, own: numpy.ndarray) -> numpy.ndarray:
    # (queries, pool)
    cosines = asked @ vectors.T
    right = cosines[numpy.arange(len(asked)), own[: len(asked)]]
    return (cosines >= right[:, None]).sum(1)
