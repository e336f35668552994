"""What `allennlp init-config` proposes for questions about texts."""

from typing import Any, Iterable

from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, Seen, TaskProposal
from bert_classification.data.records import FORMATS, guess_format
from bert_classification.data.tables import propose_columns

ANSWERED, IMPOSSIBLE = "answered", "impossible"


class Proposal(TaskProposal):
    noun = "questions"
    # As in the original BERT's `run_squad`.
    window = 384

    def propose_reader(self, files: Files, draft: Draft) -> None:
        format = draft.get("dataset_reader.format") or guess_format(
            files.train, {**FORMATS, ".json": "squad"}
        )
        if format != "squad":
            keys = ("question", "context", "answers", "is_impossible", "id")
            propose_columns(files.train, draft, keys, optional=("is_impossible", "id"))

    def labels_of(self, example: Any) -> Iterable[str]:
        return [ANSWERED if example.answers else IMPOSSIBLE]

    def describe(self, seen: Seen) -> str:
        impossible = seen.labels[IMPOSSIBLE]
        if not impossible:
            return f"{seen.counted(self.noun)}, each with an answer, as in SQuAD 1.1."
        return (
            f"{seen.counted(self.noun)}; {impossible:,} of them have no answer in their text, as "
            "in SQuAD 2.0."
        )

    def propose_model(self, train: Seen, draft: Draft) -> None:
        why = "F1 over the words of the answers, as SQuAD is measured; '+em' counts exact ones."
        draft.set("trainer.validation_metric", "+f1", why)
        if any(len(rows) > 1 for rows in train.lengths):
            why = "A window of a long context begins so many word pieces after the one before it."
            draft.set("dataset_reader.doc_stride", 128, why)
