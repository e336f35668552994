"""What `allennlp check-data` looks at in words with tags."""

from typing import Any, Iterable, Sequence

from bert_classification.data.checks import TaskChecks
from bert_classification.data.records import Record
from bert_classification.token_classification.dataset_reader import tag_name
from bert_classification.token_classification.tag_schemes import from_iob2

MALFORMED = "malformed tags"


class Checks(TaskChecks):
    label_noun = "spans"
    # Long texts are read in windows.
    is_cut = False

    def texts(self, example: Any) -> Sequence[str]:
        return [example.text]

    def labels(self, example: Any) -> Sequence[str]:
        return [tag[2:] for tag in example.tags if tag.startswith("B-")]

    def gold(self, example: Any) -> Any:
        return example.tags

    def defects(self, example: Any, record: Record) -> Iterable[tuple[str, str]]:
        scheme = self.reader._tag_scheme
        given = record.values.get("tags")
        if not isinstance(given, list):
            return
        tags = [tag_name(tag, self.reader.label_names) for tag in given]
        for number, (tag, proper) in enumerate(zip(tags, from_iob2(example.tags, scheme))):
            if tag != proper:
                word = example.words.tokens[number]
                yield (
                    MALFORMED,
                    f"word {number + 1}, {word!r}, has the tag {tag}; in {scheme} it is {proper}.",
                )

    def kind_of(self, error: Exception) -> str:
        kinds = {"is not a tag of": MALFORMED, "cuts a word": "cut word"}
        found = [kind for words, kind in kinds.items() if words in str(error)]
        return found[0] if found else super().kind_of(error)
