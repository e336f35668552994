"""What the tests of question answering share."""

import collections
import re
import string

from bert_classification import BertForQuestionAnsweringReader, PretrainedBertIndexer
from tests.support import BERT, FIXTURES

DATA = FIXTURES / "question_answering"
TRAIN = str(DATA / "train.json")
CONTEXT = "😀 Ana lives in a small café\u0301 in Łódź, and she sells tea."
LONG = " ".join(f"In the year {1900 + year} the old town had a market." for year in range(40))


def make_reader(max_pieces: int = 128, **settings) -> BertForQuestionAnsweringReader:
    indexer = PretrainedBertIndexer(BERT, max_pieces=max_pieces)
    return BertForQuestionAnsweringReader(token_indexers={"bert": indexer}, **settings)


def gold(context: str, *texts: str) -> list[dict]:
    return [{"text": text, "answer_start": context.index(text)} for text in texts]


def plain(text: str) -> list[str]:
    """Gives the words that count, by the definition of the official evaluation."""
    text = "".join(mark for mark in text.lower() if mark not in string.punctuation)
    return re.sub(r"\b(?:an?|the)\b", " ", text).split()


def plain_scores(prediction: str, answers: list[str]) -> tuple[float, float]:
    """Computes exact match and F1 of one question, written down from that definition."""
    answers = [answer for answer in answers if plain(answer)] or [""]
    em, f1 = 0.0, 0.0
    for words, wanted in ((plain(prediction), plain(answer)) for answer in answers):
        same = sum((collections.Counter(words) & collections.Counter(wanted)).values())
        both_empty = float(words == wanted) if not words or not wanted else 0.0
        em = max(em, float(words == wanted))
        f1 = max(f1, 2 * same / (len(words) + len(wanted)) if same else both_empty)
    return em, f1
