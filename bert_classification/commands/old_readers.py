"""The config of a `bert_for_classification` of AllenNLP 0.9 as one of ours, readers above all."""

import logging
from typing import Any, Iterator, Mapping, NamedTuple

from bert_classification.archives.extraction import InvalidArchiveError
from bert_classification.archives.old_archives import MODEL, READERS
from bert_classification.commands.old_configs import translate

logger = logging.getLogger(__name__)

MAX_PIECES = 512
"""By default, in AllenNLP 0.9."""
NEVER_SPLIT = ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]
SPLITTER = "bert-basic"

_SPLITTER_KEYS = ("type", "do_lower_case", "never_split")
_TRANSLATED = ("type", "lazy", "tokenizer", "token_indexers")


class Casing(NamedTuple):
    """What happens to a text before its words are looked up, by the splitter or the indexer."""

    lowercase: bool
    strip_accents: bool


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
        name, _ = find_indexer(config[section], section)
        index = config["model"].get("index", "bert")
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


def _convert_reader(reader: Mapping[str, Any], section: str, positions: int) -> dict[str, Any]:
    splitter = _read_splitter(reader, section)
    name, indexer = find_indexer(reader, section)
    indexers = {name: dict(_convert_indexer(indexer, positions))}
    kept = {key: value for key, value in reader.items() if key not in _TRANSLATED}
    asked = {key for key, value in kept.items() if value} - {"skip_label_indexing"}
    as_ours = not asked and "never_split" not in splitter
    if reader["type"] == "text_classification_json" and as_ours:
        return {"type": MODEL, "format": "jsonl", "token_indexers": indexers}
    logger.info("%s: the reader `%s` stays", section, reader["type"])
    tokenizer = {
        "type": SPLITTER,
        "do_lower_case": splitter.get("do_lower_case", True),
        "never_split": splitter.get("never_split", NEVER_SPLIT),
    }
    types = {"type": reader["type"], "tokenizer": tokenizer, "token_indexers": indexers}
    return {**kept, **types}


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
    is_word = isinstance(tokenizer, Mapping) and "word_splitter" in tokenizer
    splitter = tokenizer["word_splitter"] if is_word else tokenizer
    settings = {"type": splitter} if isinstance(splitter, str) else splitter
    name = settings.get("type") if isinstance(settings, Mapping) else None
    if name != SPLITTER:
        raise InvalidArchiveError(
            f"the tokenizer of its reader, `{section}.tokenizer`, is "
            f"{f'`{name}`' if name else 'that of spaCy'}, which leaves other words to BERT than "
            f"`{SPLITTER}`; word pieces of such words are not made here."
        )
    others = [key for key in settings if key not in _SPLITTER_KEYS]
    if is_word:
        others += [
            key
            for key, value in tokenizer.items()
            if key not in ("type", "word_splitter") and not _is_default(value)
        ]
    if others:
        raise InvalidArchiveError(
            f"`{section}.tokenizer` has `{others[0]}`, which is unknown here."
        )
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
