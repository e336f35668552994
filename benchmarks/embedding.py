"""Vectors of comments in the order of their file, beside sentence-transformers."""

from functools import partial
from typing import Sequence

import numpy
from allennlp.predictors import Predictor
from sentence_transformers import SentenceTransformer

from benchmarks.checkpoints import Setting, archive
from benchmarks.comparison import Contest, Row, per_second
from benchmarks.texts import comments
from bert_classification.commands.demo import embedded_bert

COMMENTS = 1000
TOLERANCE = 1e-5

OURS = "ours"
THEIRS = "SentenceTransformer.encode, batches of 32"


def contest(setting: Setting) -> Contest:
    texts = comments(setting.amount(COMMENTS), setting.data)
    bert = embedded_bert()
    records = [{"text": text, "text_pair": text, "label": 1.0} for text in comments(8)]
    predictor = Predictor.from_path(archive("embedding", bert, records, setting))
    model = SentenceTransformer(bert, device="cpu")
    sides = {
        OURS: lambda: partial(predictor.vectors_or_errors, [{"text": text} for text in texts]),
        THEIRS: lambda: partial(model.encode, texts, batch_size=32, show_progress_bar=False),
    }
    return Contest(
        f"embed {len(texts):,} comments in file order",
        sides,
        [Row(OURS, THEIRS, 1.5)],
        lambda: check(sides[OURS]()(), sides[THEIRS]()()),
        per_second(len(texts), "texts"),
    )


def check(ours: Sequence[numpy.ndarray], theirs: numpy.ndarray) -> None:
    """Raises when the vectors are not the same."""
    apart = abs(numpy.stack(ours) - theirs).max()
    if not apart <= TOLERANCE:
        raise ValueError(f"The vectors are up to {apart:.2g} apart; expected {TOLERANCE:g}.")
    print(f"vectors up to {apart:.2g} apart")
