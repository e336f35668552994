"""What `allennlp init-config` proposes for texts and what becomes of them."""

from typing import Any, Iterable

from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, Seen, TaskProposal
from bert_classification.data.tables import propose_columns


class Proposal(TaskProposal):
    noun = "pairs"

    def propose_reader(self, files: Files, draft: Draft) -> None:
        propose_columns(files.train, draft, ("source", "target"))

    def labels_of(self, example: Any) -> Iterable[str]:
        return []

    def propose_model(self, train: Seen, draft: Draft) -> None:
        why = "How many word pieces, on average, seem as likely as the right one."
        draft.set("trainer.validation_metric", "-perplexity", why)
