"""What `allennlp init-config` proposes for text with masks."""

from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files
from bert_classification.data.records import guess_format
from bert_classification.data.text_proposal import TextProposal


class Proposal(TextProposal):
    def propose_reader(self, files: Files, draft: Draft) -> None:
        super().propose_reader(files, draft)
        format = draft.get("dataset_reader.format") or guess_format(files.train) or "text"
        if format != "text":
            self.fills_blocks, self.noun = False, "rows"
