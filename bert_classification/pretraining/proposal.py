"""What `allennlp init-config` proposes for documents to pre-train on."""

from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, Seen
from bert_classification.data.records import guess_format
from bert_classification.objectives.pairs_proposal import PairsProposal


class Proposal(PairsProposal):
    noun = "pairs of segments"

    def propose_reader(self, files: Files, draft: Draft) -> None:
        super().propose_reader(files, draft)
        format = draft.get("dataset_reader.format") or guess_format(files.train)
        self.fills_blocks = format in (None, "documents")

    def propose_model(self, train: Seen, draft: Draft) -> None:
        why = "The loss of both heads together, masked pieces and next sentence."
        draft.set("trainer.validation_metric", "-loss", why)
