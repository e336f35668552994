"""
What the sides work on: made here by a seed, or real files.

The lengths are those of real data, counted with the word pieces of an uncased BERT. Comments follow
a normal distribution cut off at one word, as GoEmotions (Demszky et al. 2020) does: 19 pieces on
average, 6 and 34 at the 5th and 95th percentile. Contexts follow a log-normal one, as SQuAD
(Rajpurkar et al. 2016) does: 162 pieces on average, 74 and 280 at these percentiles; five
questions of 15 pieces each ask about one.
"""

import itertools
import json
import random
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple, Optional

from bert_classification.question_answering.squad import read_squad

COMMON = """
the the the the the a a a and and to to of of in in is is it it i i that that you was for on with
not this they have be are my we so but at just like what all if there can about when me would out
one get know more time good think people really no do from or who than some then how them only see
""".split()
RARER = """
afternoon airport awkward banana basketball bicycle breakfast carpet catastrophe ceiling chimney
cinnamon coastline commuter complaint concert cooking cupboard curiosity delayed delightful
disagreeable disappointed dishwasher doorbell enormous exhausting fisherman forecast friendship
frustrating garden generous grandmother gravel hairdresser harvest homework honest housekeeping
hurried icicles impatient interview jealous kettle landlord laughing librarian lighthouse loneliness
marmalade mechanic mountain neighbour nonsense notebook orchestra overpriced parcel peculiar
photographer pillowcase plumber postponed quarrel raincoat recipe reliable saucepan shopkeeper
sleepless snowstorm spectacular stubborn suitcase surprised teacher thunder tournament traveller
umbrella unbelievably unforgettable village violin wallpaper weekend whispering windmill wonderful
""".split()
PIECES_PER_WORD = 1.28
"""Of the sentences made here, punctuation included."""


def comments(count: int, path: Optional[str] = None) -> list[str]:
    """
    Makes short texts, or takes of a file the first column of each line. When there are too few of
    them they are repeated.
    """
    if path is not None:
        with open(path, encoding="utf-8") as lines:
            return _as_many(count, [line.rstrip("\n").split("\t")[0] for line in lines])
    draw = random.Random(1)
    return [_text(draw, (draw.gauss(19.3, 8.7) - 2) / PIECES_PER_WORD) for _ in range(count)]


class Question(NamedTuple):
    question: str
    context: str
    answer: str

    def record(self) -> dict[str, Any]:
        """Gives it the keys of SQuAD."""
        start = self.context.index(self.answer)
        answers = [{"text": self.answer, "answer_start": start}]
        return {"question": self.question, "context": self.context, "answers": answers}


def questions(count: int, path: Optional[str] = None) -> list[Question]:
    """
    Makes questions about contexts, or takes of a file in SQuAD's JSON possible ones, spread over
    all of it.
    """
    if path is not None:
        values = [record.values for record in read_squad(path) if record.values["answers"]]
        real = [Question(v["question"], v["context"], v["answers"][0]["text"]) for v in values]
        return _as_many(count, real[:: max(1, len(real) // count)])
    return list(itertools.islice(_made_questions(), count))


def _made_questions() -> Iterator[Question]:
    draw = random.Random(2)
    while True:
        context = _text(draw, draw.lognormvariate(5.0, 0.41) / PIECES_PER_WORD)
        words = context.split()
        for _ in range(5):
            question = _text(draw, draw.gauss(14.6, 4) / PIECES_PER_WORD)
            start = draw.randrange(len(words))
            yield Question(f"{question[:-1]}?", context, " ".join(words[start : start + 3]))


def running_text(pieces: int, path: Optional[str] = None) -> str:
    """Makes paragraphs, about so many pieces in all, or takes the first ones of a file."""
    if path is not None:
        # Of English a piece is somewhat more than four characters, with its space.
        return Path(path).read_text(encoding="utf-8")[: 5 * pieces]
    draw = random.Random(3)
    lengths = [draw.lognormvariate(4.4, 0.6) for _ in range(pieces // 120)]
    return "\n".join(_text(draw, length) for length in lengths)


def of_equal_length(texts: Iterable[str], words: int) -> Iterator[str]:
    """Lays texts end to end and cuts them anew."""
    each = (word for text in texts for word in text.split())
    while piece := list(itertools.islice(each, words)):
        yield " ".join(piece)


def write_json_lines(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8")
    return str(path)


def _as_many(count: int, found: list) -> list:
    return list(itertools.islice(itertools.cycle(found), count))


def _text(draw: random.Random, length: float) -> str:
    """Draws so many words, at least one, in sentences of about twelve."""
    words = [
        draw.choice(COMMON if draw.random() < 0.75 else RARER) for _ in range(max(1, round(length)))
    ]
    for i in range(len(words) - 1):
        words[i] += draw.choices(["", ",", "."], [0.86, 0.06, 0.08])[0]
    return " ".join(words).capitalize() + "."
