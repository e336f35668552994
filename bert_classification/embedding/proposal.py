"""What `allennlp init-config` proposes for texts whose vectors are wanted."""

import math
from typing import Any

from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, TaskProposal
from bert_classification.data.tables import propose_columns

KEYS = ("text", "text_pair", "label")


class Proposal(TaskProposal):
    noun = "records"

    def propose_reader(self, files: Files, draft: Draft) -> None:
        rows = propose_columns(files.train, draft, KEYS, optional=KEYS[1:]).rows
        objective = _propose_objective(rows, draft)
        if objective == "similarity":
            _propose_range([float(row["label"]) for row in rows], draft)
        elif objective == "ranking":
            why = "How far in front the text stands that belongs to a text: the mean of 1 / rank."
            draft.set("trainer.validation_metric", "+mrr@10", why)
        else:
            draft.set("trainer.validation_metric", "-loss", "Nothing else is known of such texts.")


def _propose_objective(rows: list[dict[str, Any]], draft: Draft) -> Any:
    key = "dataset_reader.objective"
    if not any(row.get("text_pair") for row in rows):
        why = "Texts alone: each is to be like itself under another dropout (Gao et al. 2021)."
        return draft.set(key, "simcse", why)
    if all(_is_number(row.get("label")) for row in rows):
        return draft.set(key, "similarity", "Pairs with a number: how similar they are.")
    why = "Pairs without a number: each text is to find its own among all others of a batch."
    return draft.set(key, "ranking", why)


def _propose_range(labels: list[float], draft: Draft) -> None:
    lowest, highest = math.floor(min(labels)), math.ceil(max(labels))
    if lowest < -1 or highest > 1:
        why = f"`label` is from {min(labels):g} to {max(labels):g} as far as seen; these are the "
        draft.set("dataset_reader.label_range", [lowest, highest], f"{why}cosines 0 and 1.")


def _is_number(value: Any) -> bool:
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
