"""What `allennlp init-config` proposes for documents, or pairs drawn from them."""

from bert_classification.data.documents import in_blocks, read_documents
from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, TaskProposal
from bert_classification.data.records import guess_format
from bert_classification.data.tables import propose_columns
from bert_classification.objectives.next_sentence import check_documents


class PairsProposal(TaskProposal):
    """Shared by next sentence prediction and pre-training, which read the same files."""

    noun = "pairs"

    def propose_reader(self, files: Files, draft: Draft) -> None:
        if (draft.get("dataset_reader.format") or guess_format(files.train) or "documents") != (
            "documents"
        ):
            draft.remove("dataset_reader.seed")
            propose_columns(files.train, draft, ("text", "text_pair", "label"))
            return
        encoding = draft.get("dataset_reader.encoding", "utf-8")
        block = next(in_blocks(read_documents(files.train, encoding)))
        check_documents(files.train, block, skip_lone_sentences=True)
        lengths = [len(document) for document in block]
        draft.note(
            "dataset_reader",
            f"Plain text, a sentence a line, blank lines between documents: {len(block):,} "
            f"documents of {sum(lengths):,} lines. Pairs are drawn from them.",
        )
        draft.note("dataset_reader.seed", "Another seed draws other pairs.")
        if lengths.count(1):
            draft.set(
                "dataset_reader.skip_lone_sentences",
                True,
                f"{lengths.count(1):,} documents are one line alone, which has no next one; "
                "without this they are an error.",
            )
