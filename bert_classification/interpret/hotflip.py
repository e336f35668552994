"""Words of a record exchanged until the answer changes: HotFlip with whole words."""

import math
from typing import Any, Iterator, NamedTuple, Optional, Sequence

import numpy
import torch
from allennlp.common.util import JsonDict
from allennlp.interpret.attackers.hotflip import DEFAULT_IGNORE_TOKENS
from torch import Tensor

from bert_classification.interpret.edits import Edited, RecordEditor, describe_texts
from bert_classification.interpret.gradients import (
    label_as_predicted,
    piece_embeddings,
    piece_gradients,
)
from bert_classification.interpret.words import Span
from bert_classification.predictor import BertPredictor, check_count

FADES = (0.25, 0.5, 0.75, 1.0)
"""Where a model is sure of its answer the loss is flat; it is not where the text is fainter."""

WORDS_AT_ONCE = 8
"""How many exchanges are tried in a batch; more flip in fewer words, and take longer."""


class Flip(NamedTuple):
    """A word exchanged, and how sure the model is of the first answer after it."""

    word: Span
    replacement: str
    confidence: float

    def describe(self) -> JsonDict:
        return {
            **self.word.describe(),
            "replacement": self.replacement,
            "confidence": self.confidence,
        }


class HotFlip:
    """
    Exchanges one word after the other, each for the one of the vocabulary that changes the answer
    most: the gradient of the loss ranks all exchanges of all words (Ebrahimi et al. 2018, Michel et
    al. 2019), and the best are tried by predicting the changed text. A flip takes two runs of BERT.

    AllenNLP's attacker `hotflip`, which works as well, exchanges word pieces, takes the first
    exchange that the gradient proposes, and does not look at the text that comes of it.

    # Parameters

    predictor : `BertPredictor`
    max_flips : `int`, optional (default = `5`)
        The most words to exchange; a word is exchanged once.
    words_at_once : `int`, optional (default = `8`)
        How many exchanges are tried in a batch.
    ignore_tokens : `Sequence[str]`, optional
        Words to be left alone; by default the punctuation that AllenNLP leaves alone.
    keys : `Sequence[str]`, optional
        The texts whose words may be exchanged; by default the predictor's `attacked_keys`.
    """

    def __init__(
        self,
        predictor: BertPredictor,
        max_flips: int = 5,
        words_at_once: int = WORDS_AT_ONCE,
        ignore_tokens: Optional[Sequence[str]] = None,
        keys: Optional[Sequence[str]] = None,
    ) -> None:
        check_count("max_flips", max_flips)
        check_count("words_at_once", words_at_once)
        self._predictor = predictor
        self._editor = RecordEditor(predictor, keys)
        self._max_flips = max_flips
        self._words_at_once = words_at_once
        ignored = DEFAULT_IGNORE_TOKENS if ignore_tokens is None else ignore_tokens
        self._ignored = {word.lower() for word in ignored}
        pieces = predictor._model.vocab.get_index_to_token_vocabulary("tokens")
        # A piece that continues a word is no word.
        self._vocabulary = {index: name for index, name in pieces.items() if name.isalnum()}
        self._ids = torch.tensor(list(self._vocabulary))

    def attack(self, record: JsonDict, target: Any = None) -> JsonDict:
        """
        Attacks a record.

        # Parameters

        target : `Any`, optional
            The answer to be reached; by default any other than the model's.

        # Returns

        `JsonDict`: `prediction` and `final`, the outputs before and after; `changed`, whether the
        attack reached its aim; `flips`, a list of `{"key": ..., "choice": ...?, "text": ...,
        "start": ..., "end": ..., "replacement": ..., "confidence": ...}`, each with characters of
        the text as it was before that flip, and the probability of the first answer after it; and
        `texts`, those that are others now.

        # Raises

        `RecordError` when the record is not what the task expects.
        """
        *_, result = self.steps(record, target)
        return result

    def steps(self, record: JsonDict, target: Any = None) -> Iterator[JsonDict]:
        """Attacks a record, and gives the result before the first flip and after each one."""
        first = edited = self._editor.open(record)
        answer = self._predictor.answer(first.output)
        target = None if target is None else self._predictor.answer(self._predictor.wanted(target))
        flips: list[Flip] = []
        while True:
            done = self._is_done(edited, answer, target)
            yield {
                "prediction": first.output,
                "final": edited.output,
                "changed": done,
                "flips": [flip.describe() for flip in flips],
                "texts": describe_texts(edited),
            }
            if done or len(flips) == self._max_flips:
                return
            found = self._flip(edited, answer, target, flips)
            if found is None:
                return
            edited, flip = found
            flips.append(flip)

    def _is_done(self, edited: Edited, answer: Any, target: Any) -> bool:
        now = self._predictor.answer(edited.output)
        return now != answer if target is None else now == target

    def _flip(
        self, edited: Edited, answer: Any, target: Any, flips: Sequence[Flip]
    ) -> Optional[tuple[Edited, Flip]]:
        """Exchanges one more word, if any exchange that is tried does not make matters worse."""
        done = {(flip.word.segment[:2], flip.word.number) for flip in flips}
        words = [
            word
            for word in edited.words
            if word.text.lower() not in self._ignored
            and (word.segment[:2], word.number) not in done
        ]
        proposed = self._propose(edited, words, target)
        tried = self._editor.try_all(edited, [[each] for each in proposed])
        ranked = [
            (self._distance(each, answer, target), index, each)
            for index, each in enumerate(tried)
            if each is not None
        ]
        if not ranked:
            return None
        distance, index, best = min(ranked, key=lambda each: each[:2])
        if distance > self._distance(edited, answer, target):
            return None
        word, replacement = proposed[index]
        confidence = self._predictor.confidence(best.output, answer)
        return self._editor.look_at(best), Flip(word, replacement, confidence)

    def _distance(self, edited: Edited, answer: Any, target: Any) -> float:
        """Tells how far off the aim is, below 0 where it is reached."""
        if self._is_done(edited, answer, target):
            return -1.0
        if target is None:
            return self._predictor.confidence(edited.output, answer)
        return 1 - self._predictor.confidence(edited.output, target)

    def _propose(
        self, edited: Edited, words: Sequence[Span], target: Any
    ) -> list[tuple[Span, str]]:
        """Ranks all words of the vocabulary in the places of these words, by the gradient."""
        if not words:
            return []
        gains = self._gains(edited, words, target)
        # (words, some): what is best for each word, since the gradient is a guess.
        some = math.ceil(self._words_at_once / len(words))
        best, columns = gains.topk(min(some + 1, gains.size(1)))
        names = list(self._vocabulary.values())
        proposed: list[tuple[int, float, Span, str]] = []
        for word, row, others in zip(words, best.tolist(), columns.tolist()):
            new = [(gain, names[column]) for gain, column in zip(row, others)]
            new = [(gain, name) for gain, name in new if name.lower() != word.text.lower()]
            proposed += [(rank, -gain, word, name) for rank, (gain, name) in enumerate(new)]
        # The best for every word come before the second best of any.
        proposed.sort(key=lambda each: each[:2])
        return [(word, name) for _, _, word, name in proposed[: self._words_at_once]]

    def _gains(self, edited: Edited, words: Sequence[Span], target: Any) -> Tensor:
        """
        Guesses what each exchange changes in the loss by its gradient, shape `(words, vocabulary)`:
        a word's first piece becomes the new one, the others go.
        """
        if target is None:
            labelled, sign = label_as_predicted(self._predictor, edited.instance), 1.0
        else:
            wanted = self._predictor.wanted(target)
            (labelled,) = self._predictor.predictions_to_labeled_instances(edited.instance, wanted)
            sign = -1.0
        embeddings = piece_embeddings(self._predictor, labelled)
        factors = torch.ones(len(FADES), len(embeddings))
        factors[:, [place for word in words for row in word.places for place in row]] = (
            torch.tensor(FADES).unsqueeze(1)
        )
        gradients, _ = piece_gradients(self._predictor, labelled, factors)
        # (pieces, width) and (pieces,)
        gradient = sign * gradients.float().mean(0)
        present = (gradient * embeddings).sum(-1).cpu().numpy()
        # (words, width)
        firsts = torch.stack(
            [gradient[[places[0] for places in word.places]].sum(0) for word in words]
        )
        lost = torch.tensor([word.sum(present.astype(numpy.float64)) for word in words])
        # (vocabulary, width)
        new = self._predictor.get_interpretable_layer().weight.detach()[self._ids]
        return (firsts @ new.T).cpu() - lost.unsqueeze(1)
