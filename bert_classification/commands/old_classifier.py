"""
What a `bert_for_classification` of AllenNLP 0.9 holds beside its config, as one of ours has it:
weights, word pieces, labels.
"""

import re
from pathlib import Path
from typing import Any, Mapping

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import namespace_match
from tokenizers.models import WordPiece
from transformers import BertTokenizer

from bert_classification.archives.extraction import InvalidArchiveError, require
from bert_classification.archives.old_archives import ENCODER, HEAD
from bert_classification.archives.opening import VOCABULARY
from bert_classification.archives.weights import State
from bert_classification.bert.checkpoint import Checkpoint
from bert_classification.commands.old_readers import Casing

CLASSIFIER = "classifier."

_PREFIXES = {ENCODER: "bert.", HEAD: CLASSIFIER}
_LAYER_NORM = {".gamma": ".weight", ".beta": ".bias"}


def rename_weights(state: State) -> State:
    """Gives weights the names that they have in our model."""
    return {_rename(name): tensor for name, tensor in state.items()}


def _rename(name: str) -> str:
    for old, new in _PREFIXES.items():
        if name.startswith(old):
            name = new + name.removeprefix(old)
    for old, new in _LAYER_NORM.items():
        if name.endswith(f"LayerNorm{old}"):
            name = name.removesuffix(old) + new
    return name


def write_tokenizer(checkpoint: Checkpoint, casing: Casing, directory: str) -> None:
    """
    Writes the word pieces of a checkpoint with the casing of an old archive, whose `do_lowercase`
    and not the checkpoint decided it.

    # Raises

    `ConfigurationError` for a tokenizer without word pieces.
    """
    tokenizer, config = checkpoint.tokenizer, checkpoint.config
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    is_complete = [index for _, index in pieces] == list(range(len(pieces)))
    if not isinstance(tokenizer.backend_tokenizer.model, WordPiece) or not is_complete:
        raise ConfigurationError(
            f"{checkpoint.name} has no word pieces as AllenNLP 0.9 used them, a vocab.txt."
        )
    config.save_pretrained(directory)
    lines = "".join(f"{piece}\n" for piece, _ in pieces)
    Path(directory, "vocab.txt").write_text(lines, encoding="utf-8")
    strip_accents = None if casing.strip_accents == casing.lowercase else casing.strip_accents
    BertTokenizer.from_pretrained(
        directory,
        do_lower_case=casing.lowercase,
        strip_accents=strip_accents,
        model_max_length=config.max_position_embeddings,
    ).save_pretrained(directory)


def missing_labels(config: Mapping[str, Any], old: Path, rows: int) -> dict[str, list[str]]:
    """
    Gives the entries of the vocabulary that AllenNLP 0.9 did without: numbers in the place of
    labels that its reader did not index, and what stood in a namespace that nobody filled.
    """
    model, reader = config["model"], config["dataset_reader"]
    namespace: str = model.get("label_namespace", "labels")
    present = {path.stem for path in (old / "vocabulary").glob("*.txt")}
    added: dict[str, list[str]] = {}
    if not isinstance(namespace, str) or not re.fullmatch(r"[\w-]+", namespace):
        raise InvalidArchiveError(
            f"`model.label_namespace` is {str(namespace)[:100]!r}; expected a plain name."
        )
    if reader.get("skip_label_indexing") and "labels" not in present:
        added["labels"] = [str(index) for index in range(rows)]
    require(old / VOCABULARY, VOCABULARY)
    patterns = (old / VOCABULARY).read_text(encoding="utf-8").split()
    is_padded = not any(namespace_match(pattern, namespace) for pattern in patterns)
    if namespace not in {*present, *added} and is_padded:
        added[namespace] = ["@@UNKNOWN@@"]
    return added
