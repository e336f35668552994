"""What `allennlp init-config` proposes for prompts with choices."""

from pathlib import Path

from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, Seen, TaskProposal, percent
from bert_classification.data.records import FORMATS, guess_format
from bert_classification.data.tables import find_format, propose_columns, read_table
from bert_classification.multiple_choice.shapes import is_known_shape

KEYS = ("prompt", "choices", "label")


class Proposal(TaskProposal):
    noun = "questions"

    def propose_reader(self, files: Files, draft: Draft) -> None:
        given = draft.get("dataset_reader.format")
        guessed = given or guess_format(files.train, {**FORMATS, ".txt": "race"})
        if Path(files.train).is_dir() or guessed == "race":
            return
        encoding = draft.get("dataset_reader.encoding", "utf-8")
        table = read_table(files.train, find_format(files.train, draft), encoding)
        if not is_known_shape(table.columns) and draft.get("dataset_reader.columns") is None:
            propose_columns(files.train, draft, KEYS)

    def propose_model(self, train: Seen, draft: Draft) -> None:
        choices = sorted({len(rows) for rows in train.lengths})
        shown = str(choices[0]) if len(choices) == 1 else f"{choices[0]} to {choices[-1]}"
        chance = sum(1 / len(rows) for rows in train.lengths) / len(train.lengths)
        draft.set(
            "trainer.validation_metric",
            "+accuracy",
            f"Each question has {shown} choices; guessing is right in {percent(chance)} of them.",
        )
