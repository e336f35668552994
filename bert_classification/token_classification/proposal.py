"""What `allennlp init-config` proposes for words with tags."""

from itertools import islice
from typing import Any, Iterable, Iterator, Sequence

from allennlp.common.checks import ConfigurationError

from bert_classification.data.draft import Draft
from bert_classification.data.files import read_lines
from bert_classification.data.proposal import Files, Seen, TaskProposal, shares
from bert_classification.data.records import FORMATS, guess_format
from bert_classification.data.tables import propose_columns
from bert_classification.token_classification.conll import EXTENSIONS, split_columns

LINES = 200_000


class Proposal(TaskProposal):
    noun = "sentences"

    def propose_reader(self, files: Files, draft: Draft) -> None:
        format = draft.get("dataset_reader.format") or guess_format(
            files.train, {**FORMATS, **EXTENSIONS}
        )
        if format == "jsonl":
            keys = ("tokens", "text", "tags")
            table = propose_columns(files.train, draft, keys, optional=("tokens", "text"))
            sentences = [row["tags"] for row in table.rows if isinstance(row.get("tags"), list)]
        else:
            if format != "conll":
                draft.set(
                    "dataset_reader.format",
                    "conll",
                    "A word and its tag on each line, by the look.",
                )
            sentences = list(_tags_in_columns(files.train, draft))
        if files.labels is not None:
            draft.set("dataset_reader.label_names", files.labels, "As `--labels` says.")
        tags = [[tag for tag in each if isinstance(tag, str)] for each in sentences]
        _propose_scheme(files.train, tags, draft)

    def labels_of(self, example: Any) -> Iterable[str]:
        # The types of the spans, each span once.
        return [tag[2:] for tag in example.tags if tag.startswith("B-")]

    def describe(self, seen: Seen) -> str:
        found = shares(seen.labels).replace("labels", "types", 1)
        return f"{seen.counted(self.noun)} with {seen.labels.total():,} spans{found}."

    def propose_model(self, train: Seen, draft: Draft) -> None:
        why = "F1 over whole spans, of which type and both ends have to be right."
        draft.set("trainer.validation_metric", "+f1", why)


def _tags_in_columns(path: str, draft: Draft) -> Iterator[list[str]]:
    """Yields the tags of the first sentences of a file in CoNLL columns."""
    columns = draft.get("dataset_reader.columns") or {}
    tags: list[str] = []
    empty = True
    encoding = draft.get("dataset_reader.encoding", "utf-8")
    for number, line in islice(read_lines(path, encoding), LINES):
        if not line.strip():
            if tags:
                yield tags
            tags = []
        elif line.split()[0] != "-DOCSTART-":
            row = split_columns(line)
            empty = False
            if not columns and not 2 <= len(row) <= 4:
                raise ConfigurationError(
                    f"{path}, line {number}: {len(row)} column{'s' * (len(row) > 1)} "
                    f"({', '.join(row[:6])}); expected 2 to 4, the word in the first and the tag "
                    "in the last. For another order give --columns "
                    '\'{"tokens": 1, "tags": 4}\'.'
                )
            place = columns.get("tags", len(row) - 1)
            tags.append(row[place] if place < len(row) else "O")
    if tags:
        yield tags
    if empty:
        raise ConfigurationError(f"{path}: the file is empty; expected a word and a tag a line.")


def _propose_scheme(path: str, sentences: Sequence[Sequence[str]], draft: Draft) -> None:
    key = "dataset_reader.tag_scheme"
    prefixes = {tag[:2] for tags in sentences for tag in tags if tag != "O"}
    begins, inside = _count_begins(sentences)
    if prefixes - {"B-", "I-", "E-", "S-"}:
        other = next(t for tags in sentences for t in tags if t != "O" and t[1:2] != "-")
        raise ConfigurationError(
            f"{path}: the tag {other!r} is neither O nor of the form B-TYPE, I-TYPE, E-TYPE or "
            "S-TYPE; expected IOB1, IOB2 or BIOES."
        )
    if prefixes & {"E-", "S-"}:
        draft.set(key, "BIOES", "Tags begin with E- or S- where a span ends.")
    elif inside > begins:
        draft.set(
            key,
            "IOB1",
            f"{inside:,} spans begin with I-, {begins:,} with B-: IOB1, as CoNLL 2003's.",
        )
    elif begins:
        draft.set(key, "IOB2", f"All of the {begins:,} spans seen begin with B-.")
        if inside:
            draft.note(
                key, f"{begins:,} spans begin with B-; {inside:,} with I-, as a B- is missing."
            )


def _count_begins(sentences: Iterable[Sequence[str]]) -> tuple[int, int]:
    """Counts spans that begin with B-, and those that begin with I-."""
    begins, inside = 0, 0
    for tags in sentences:
        for before, tag in zip(["O", *tags], tags):
            begins += tag.startswith("B-")
            inside += tag.startswith("I-") and before[2:] != tag[2:]
    return begins, inside
