"""What `allennlp init-config` proposes for running text."""

from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, Seen, TaskProposal
from bert_classification.data.records import guess_format
from bert_classification.data.tables import propose_columns


class TextProposal(TaskProposal):
    """Shared by the two language models."""

    noun = "blocks"
    fills_blocks = True

    def propose_reader(self, files: Files, draft: Draft) -> None:
        if draft.get("dataset_reader.format") or guess_format(files.train):
            propose_columns(files.train, draft, ("text",))
        else:
            draft.note("dataset_reader", "Plain text, read as running blocks of word pieces.")

    def propose_model(self, train: Seen, draft: Draft) -> None:
        why = "How many word pieces, on average, seem as likely as the right one."
        draft.set("trainer.validation_metric", "-perplexity", why)
