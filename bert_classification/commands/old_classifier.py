"""
The `bert_for_classification` of AllenNLP 0.9 as one of ours: its config, its weights, and its
word pieces.
"""

import logging
import re
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple

from allennlp.common.checks import ConfigurationError
from tokenizers.models import WordPiece
from transformers import BertTokenizer

from bert_classification.archives.extraction import InvalidArchiveError
from bert_classification.archives.old_archives import ENCODER, HEAD, MODEL, READERS
from bert_classification.archives.weights import State
from bert_classification.bert.checkpoint import Checkpoint
from bert_classification.commands.old_configs import translate

logger = logging.getLogger(__name__)

MAX_PIECES = 512
"""By default, in AllenNLP 0.9."""
NEVER_SPLIT = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
SPLITTER = "bert-basic"

CLASSIFIER = "classifier."

_PREFIXES = {ENCODER: "bert.", HEAD: CLASSIFIER}
_LAYER_NORM = {".gamma": ".weight", ".beta": ".bias"}
_SPLITTER_KEYS = ("do_lower_case", "never_split")


class Casing(NamedTuple):
    """What happens to a text before its words are looked up, by the splitter or the indexer."""

    lowercase: bool
    strip_accents: bool


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


def convert_config(config: Mapping[str, Any], positions: int) -> dict[str, Any]:
    """
    Makes the config of our model, with a reader that gives it the same word pieces.

    # Parameters

    config : `Mapping[str, Any]`
        Of the old archive.
    positions : `int`
        How many word pieces its BERT reads.

    # Raises

    `InvalidArchiveError` for a reader whose word pieces ours do not equal.
    """
    converted = translate(config)
    for section in _readers(config):
        name, index = (
            find_indexer(config[section], section)[0],
            config["model"].get("index", "bert"),
        )
        if name != index:
            raise InvalidArchiveError(
                f"`model.index` is {index!r}, and `{section}.token_indexers` has {name!r} alone."
            )
        converted[section] = _convert_reader(config[section], section, positions)
    for holder, key in ((converted, "trainer"), (converted["model"], "regularizer")):
        if key in holder:
            holder[key] = _with_our_names(holder[key])
    return converted


def read_casing(config: Mapping[str, Any]) -> Casing:
    """
    Tells how the readers of an old archive change a text; `InvalidArchiveError` where one does it
    another way than the other.
    """
    casings = {section: _casing_of(config[section], section) for section in _readers(config)}
    if len(set(casings.values())) > 1:
        raise InvalidArchiveError(
            "its `dataset_reader` and `validation_dataset_reader` lowercase texts differently, and "
            "an archive of this version carries one tokenizer."
        )
    return casings["dataset_reader"]


def _casing_of(reader: Mapping[str, Any], section: str) -> Casing:
    splits = bool(_read_splitter(reader, section).get("do_lower_case", True))
    _, indexer = find_indexer(reader, section)
    casing = Casing(splits or bool(indexer.get("do_lowercase", True)), splits)
    # Of what the splitter has lowercased nothing is kept.
    kept = set(indexer.get("never_lowercase") or ()) - set(NEVER_SPLIT)
    if kept and casing.lowercase and not casing.strip_accents:
        raise InvalidArchiveError(
            f"`{section}.token_indexers` keeps the capitals of {', '.join(sorted(kept))} "
            "(`never_lowercase`) and of no other word; there is no such tokenizer here."
        )
    return casing


def _readers(config: Mapping[str, Any]) -> list[str]:
    return [section for section in READERS if config.get(section) is not None]


def checkpoint_names(config: Mapping[str, Any]) -> list[str]:
    """Lists what the config names as its BERT: once where model and indexer name the same."""
    _, indexer = find_indexer(config["dataset_reader"], "dataset_reader")
    names = (config["model"].get("bert_model"), indexer.get("pretrained_model"))
    return list(dict.fromkeys(str(name) for name in names))


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


def _convert_reader(reader: Mapping[str, Any], section: str, positions: int) -> dict[str, Any]:
    splitter = _read_splitter(reader, section)
    name, indexer = find_indexer(reader, section)
    indexers = {name: dict(_convert_indexer(indexer, positions))}
    known = {"type", "lazy", "tokenizer", "token_indexers", "skip_label_indexing"}
    kept = {key: value for key, value in reader.items() if key not in known}
    as_ours = not any(kept.values()) and "never_split" not in splitter
    if reader["type"] == "text_classification_json" and as_ours:
        return {"type": MODEL, "format": "jsonl", "token_indexers": indexers}
    logger.info("%s: `%s` stays, for its %s", section, reader["type"], ", ".join(kept) or SPLITTER)
    tokenizer = {
        "type": SPLITTER,
        "do_lower_case": splitter.get("do_lower_case", True),
        "never_split": splitter.get("never_split", NEVER_SPLIT),
    }
    labels = {key: reader[key] for key in ("skip_label_indexing",) if key in reader}
    return {
        "type": reader["type"],
        **kept,
        **labels,
        "tokenizer": tokenizer,
        "token_indexers": indexers,
    }


def _convert_indexer(indexer: Mapping[str, Any], positions: int) -> Iterator[tuple[str, Any]]:
    # The casing is that of the tokenizer that the archive carries.
    casing = ("do_lowercase", "never_lowercase")
    yield from ((key, value) for key, value in indexer.items() if key not in casing)
    yield "max_pieces", min(indexer.get("max_pieces", MAX_PIECES), positions)
    yield "truncate_whole_words", True
    if not indexer.get("truncate_long_sequences", True):
        logger.warning(
            "`truncate_long_sequences` is false: AllenNLP 0.9 laid windows of a longer text end to "
            "end for a BERT that does not know of them; here such a text is an error."
        )


def find_indexer(reader: Any, section: str) -> tuple[str, Mapping[str, Any]]:
    """
    Finds the indexer of word pieces, the only one that the model reads, with its name;
    `InvalidArchiveError` where there is none, or several.
    """
    indexers = reader.get("token_indexers")
    found = [
        (name, each)
        for name, each in (indexers.items() if isinstance(indexers, Mapping) else ())
        if isinstance(each, Mapping) and each.get("type") == "bert-pretrained"
    ]
    if len(found) != 1:
        raise InvalidArchiveError(
            f"`{section}.token_indexers` is {str(indexers)[:200]}; expected one indexer, of type "
            "`bert-pretrained`."
        )
    return found[0]


def _read_splitter(reader: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """Gives the settings of the splitter `bert-basic`, in the spelling of any version."""
    tokenizer: Any = reader.get("tokenizer")
    splitter, others = tokenizer, {}
    if isinstance(tokenizer, Mapping) and "word_splitter" in tokenizer:
        splitter = tokenizer["word_splitter"]
        others = {
            key: each for key, each in tokenizer.items() if key.startswith(("word_", "st", "end"))
        }
    settings = {"type": splitter} if isinstance(splitter, str) else splitter
    name = settings.get("type") if isinstance(settings, Mapping) else None
    if name != SPLITTER:
        raise InvalidArchiveError(
            f"the tokenizer of its reader, `{section}.tokenizer`, is "
            f"{f'`{name}`' if name else 'that of spaCy'}, which leaves other words to BERT than "
            f"`{SPLITTER}`; word pieces of such words are not made here."
        )
    unknown = next(
        (key for key, each in others.items() if key != "word_splitter" and not _is_default(each)),
        None,
    ) or next((key for key in settings if key not in ("type", *_SPLITTER_KEYS)), None)
    if unknown:
        raise InvalidArchiveError(f"`{section}.tokenizer` has `{unknown}`, which is unknown here.")
    return settings


def _is_default(value: Any) -> bool:
    return not value or value == "pass_through" or value == {"type": "pass_through"}


def _with_our_names(value: Any) -> Any:
    """Puts our names of weights into the patterns of optimizers, regularizers and `no_grad`."""
    if isinstance(value, dict):
        return {key: _with_our_names(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_our_names(inner) for inner in value]
    if not isinstance(value, str):
        return value
    return value.replace("bert_model", "bert").replace("_classification_layer", "classifier")


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
    if namespace not in {*present, *added} and not namespace.endswith(("labels", "tags")):
        added[namespace] = ["@@UNKNOWN@@"]
    return added
