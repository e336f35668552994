"""Words taken out of a record as long as the answer stays: input reduction."""

from typing import Any, Iterator, Optional, Sequence

import torch
from allennlp.common.util import JsonDict

from bert_classification.interpret.edits import Edited, RecordEditor, chunks, describe_texts
from bert_classification.interpret.gradients import (
    label_as_predicted,
    piece_embeddings,
    piece_gradients,
)
from bert_classification.interpret.remains import Remains
from bert_classification.interpret.words import Span
from bert_classification.predictor import BertPredictor, check_count

WORDS_AT_ONCE = 8


class InputReduction:
    """
    Takes words out of a record, those first that matter least, until no word can go without another
    answer (Feng et al. 2018). What is left is what the answer hangs on, often nothing that a reader
    would see it in.

    The gradient ranks the words; of the least important ones 1, 2, 4, ... are taken out on trial in
    one batch, and the most that leave the answer as it is stay out. At the end each single word has
    been tried. AllenNLP's attacker `input-reduction`, which works as well but for tags, takes out
    word pieces one at a time.

    # Parameters

    predictor : `BertPredictor`
    words_at_once : `int`, optional (default = `8`)
        How many changes are tried in a batch.
    ignore_tokens : `Sequence[str]`, optional
        Words that stay.
    keys : `Sequence[str]`, optional
        The texts whose words may go; by default the predictor's `attacked_keys`.
    """

    def __init__(
        self,
        predictor: BertPredictor,
        words_at_once: int = WORDS_AT_ONCE,
        ignore_tokens: Sequence[str] = (),
        keys: Optional[Sequence[str]] = None,
    ) -> None:
        check_count("words_at_once", words_at_once)
        self._predictor = predictor
        self._editor = RecordEditor(predictor, keys)
        self._words_at_once = words_at_once
        self._ignored = {word.lower() for word in ignore_tokens}

    def attack(self, record: JsonDict) -> JsonDict:
        """
        Reduces a record.

        # Returns

        `JsonDict`: `prediction` and `final`, the outputs before and after, with the same answer;
        `changed`, whether anything could go; `removed`, the words that went, in the order in which
        they did; `removed_spans`, where they stood in the record's texts, with `key`, `choice` of a
        list, `text`, `start` and `end` (exclusive); `kept`, the words that are left of those that
        might go; and `texts`, those that are others now.

        # Raises

        `RecordError` when the record is not what the task expects.
        """
        *_, result = self.steps(record)
        return result

    def steps(self, record: JsonDict) -> Iterator[JsonDict]:
        """Reduces a record, and gives the result so far after each batch that was tried."""
        first = edited = self._editor.open(record)
        answer = self._predictor.answer(first.output)
        remains = Remains()
        batches = self._batches(edited)
        while True:
            yield {
                "prediction": first.output,
                "final": edited.output,
                "changed": bool(remains.removed),
                "removed": [span["text"] for span in remains.removed],
                "removed_spans": list(remains.removed),
                "kept": [word.text for word in self._removable(edited)],
                "texts": describe_texts(edited),
            }
            changes = next(batches, None)
            if changes is None:
                return
            if (found := self._try(edited, answer, changes)) is not None:
                edited, words = found
                remains.remove(words)
                batches = self._batches(edited)

    def _removable(self, edited: Edited) -> list[Span]:
        return [word for word in edited.words if word.text.lower() not in self._ignored]

    def _batches(self, edited: Edited) -> Iterator[Sequence[list[Span]]]:
        """Yields what to take out on trial: several words first, then each single one."""
        words = self._ranked(edited, self._removable(edited))
        sizes = [2**power for power in range(1, len(words).bit_length())][::-1]
        several = [words[:size] for size in sizes][: self._words_at_once]
        singles = [[word] for word in words]
        yield from filter(None, (several, *chunks(singles, self._words_at_once)))

    def _try(
        self, edited: Edited, answer: Any, changes: Sequence[list[Span]]
    ) -> Optional[tuple[Edited, list[Span]]]:
        """Finds the first of the changes that leaves the answer as it is."""
        tried = self._editor.try_all(
            edited, [[(word, "") for word in change] for change in changes]
        )
        for change, each in zip(changes, tried):
            if each is not None and self._predictor.answer(each.output) == answer:
                return self._editor.look_at(each), change
        return None

    def _ranked(self, edited: Edited, words: list[Span]) -> list[Span]:
        """Sorts words by what they add to the loss, to the first order; the least comes first."""
        if not words:
            return []
        labelled = label_as_predicted(self._predictor, edited.instance)
        embeddings = piece_embeddings(self._predictor, labelled)
        gradients, _ = piece_gradients(self._predictor, labelled, torch.ones(1, len(embeddings)))
        # (pieces,)
        lost = -(gradients[0].float() * embeddings).sum(-1).cpu().numpy()
        return sorted(words, key=lambda word: word.sum(lost))
