"""
What the config of an archive may name: nothing that lies outside of the archive.

AllenNLP's classes open what their parameters name: files, directories, URLs, other archives. Which
parameters do is known by their names, a survey of the constructors of AllenNLP, allennlp-models and
ours. What stands there in an archive is

- taken from the archive, where it carries the same: BERT and its tokenizer (`pretrained_model`,
  `bert_model`, `from_scratch`, and whatever else goes by their name), the labels (`label_names`),
  lists of words (see `carried_files`), and weights (`initializer`, `pretrained_file`), which
  AllenNLP's own loading passes over;
- a checkpoint of the model hub by its plain name, as `model_name` of `pretrained_transformer`: it
  is read from the local cache, where only what the user once loaded lies, and never downloaded;
- refused otherwise.

Nothing is built of training's own sections (`train_data_path`, `trainer`, `vocabulary.directory`
and so on), so they may say what they like. So may the caller's overrides. What has parameters that
nobody here knows is watched by `seal`.
"""

import logging
import os
import re
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional

from allennlp.data import Tokenizer

from bert_classification.archives import serialization
from bert_classification.archives.carried_files import is_carried, take_files
from bert_classification.archives.extraction import InvalidArchiveError

logger = logging.getLogger(__name__)

BUILT = (
    "model",
    "dataset_reader",
    "validation_dataset_reader",
    "data_loader",
    "validation_data_loader",
    "evaluation",
)
"""The sections of which `load_archive` and `allennlp evaluate` build something."""
INITIAL_WEIGHTS = frozenset(("initializer", "pretrained_file"))
OF_THIS_ARCHIVE = "of this archive"
TRUST = "BERT_CLASSIFICATION_TRUST_ARCHIVES"

_PATH_WORDS = frozenset(
    "archive dir directory file filename files folder path paths tarball url urls".split()
)
_CHECKPOINTS = frozenset(
    "bert_model bert_model_name decoder_bert_model model_name pretrained_model "
    "pretrained_model_name pretrained_model_name_or_path transformer_model "
    "transformer_model_name".split()
)
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
_SPACY_NAME = re.compile(r"[a-z]{2,3}(_[a-z0-9]+)*")

Keys = tuple[str, ...]


def walk(value: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """Yields all values that are not objects or lists, with the keys that lead to them."""
    if isinstance(value, (Mapping, list)):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            yield from walk(inner, (*keys, str(key)))
    else:
        yield keys, value


def take_from_archive(config: dict[str, Any], directory: str) -> None:
    """Puts what an archive brings along in the place of where training once found it."""
    config["model"] = serialization.model_params(directory) or config.get("model")
    has_model = serialization.saved_directory(serialization.MODEL, directory) is not None
    tokenizer = serialization.saved_directory(serialization.TOKENIZER, directory)
    has_decoder = serialization.saved_directory(serialization.DECODER, directory) is not None
    names = set()
    for each in objects(config["model"]):
        if each.get("decoder_bert_model") and has_decoder:
            each["decoder_bert_model"] = OF_THIS_ARCHIVE
        if "bert_model" in each and has_model:
            names.add(str(each["bert_model"]))
            each["bert_model"] = OF_THIS_ARCHIVE
            if tokenizer:
                each.pop("tokenizer", None)
        if has_model and each.get("type") in ("bert-pretrained", "bert_pooler"):
            each["pretrained_model"] = OF_THIS_ARCHIVE
    for section in ("dataset_reader", "validation_dataset_reader"):
        for each in objects(config.get(section)):
            if tokenizer and each.get("type") == "bert-pretrained":
                names.add(str(each.get("pretrained_model")))
                each["pretrained_model"] = OF_THIS_ARCHIVE
                each.pop("from_scratch", None)
            if isinstance(each.get("label_names"), str):
                _take_label_names(each, Path(directory))
    for each in objects(config["model"]):
        inner = each.get("tokenizer")
        if tokenizer and isinstance(inner, dict) and inner.get("model_name") in names:
            inner["model_name"] = tokenizer
    take_files(config, directory)


def without_initial_weights(value: Any) -> Any:
    """Copies the config of a model, less what would initialize weights that are loaded anyway."""
    if isinstance(value, list):
        return [without_initial_weights(inner) for inner in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: without_initial_weights(inner)
        for key, inner in value.items()
        if key not in INITIAL_WEIGHTS
    }


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yields all objects in a value, itself first."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in list(inner):
        yield from objects(each)


def _take_label_names(reader: dict[str, Any], directory: Path) -> None:
    # The vocabulary has the labels in the order of the file that training had read them from.
    file = reader.pop("label_names")
    namespace = str(reader.get("label_namespace", "labels"))
    vocabulary = directory / "vocabulary" / f"{namespace}.txt"
    # The vocabulary of a tagger holds its tags in another scheme, maybe.
    if "tag_scheme" not in reader and Path(namespace).name == namespace and vocabulary.is_file():
        lines = vocabulary.read_text(encoding="utf-8", errors="replace").split("\n")
        reader["label_names"] = [line for line in lines if line]
    else:
        logger.warning("`label_names` named the file %r, which is not read.", file)


def check_names(config: Mapping[str, Any], permitted: frozenset[str], directory: str) -> None:
    """
    Looks for what a config names outside of its archive.

    # Parameters

    config : `Mapping[str, Any]`
    permitted : `FrozenSet[str]`
        What the caller names, in overrides.
    directory : `str`
        Of the archive's members.

    # Raises

    `InvalidArchiveError` with the first key that names something, and how to name it oneself.
    """
    for keys, value in _named_by_archive(config, permitted, directory):
        reason = _find_fault(keys, value)
        if reason:
            raise InvalidArchiveError(_explain(".".join(keys), value, reason))
    for keys, name in checkpoint_names(config, permitted, directory):
        if not _is_plain(name, _HUB_NAME):
            raise InvalidArchiveError(describe_missing(".".join(keys), name))


def checkpoint_names(
    config: Mapping[str, Any], permitted: frozenset[str], directory: str
) -> Iterator[tuple[Keys, str]]:
    """Yields what a config names as a checkpoint and its archive does not carry, with its keys."""
    for keys, value in _named_by_archive(config, permitted, directory):
        key = next((key for key in reversed(keys) if not key.isdecimal()), "")
        is_tokenizer = key == "tokenizer" and value not in Tokenizer.list_available()
        is_name = isinstance(value, str) and value not in ("", OF_THIS_ARCHIVE)
        if is_name and (key in _CHECKPOINTS or is_tokenizer):
            yield keys, value


GIVE_BERT = """`--overrides '{"bert": "CHECKPOINT"}'`"""


def describe_missing(where: str, name: str, way: str = GIVE_BERT) -> str:
    """Says of a checkpoint that it is not to be had, and in which way the caller gives it."""
    hub = ", nor is it in the local cache of the model hub" if _is_plain(name, _HUB_NAME) else ""
    return (
        f"`{where}` is {name[:200]!r}, a checkpoint that it does not carry{hub}; name it yourself, "
        f"{way}, a directory or a name on the model hub."
    )


def _named_by_archive(
    config: Mapping[str, Any], permitted: frozenset[str], directory: str
) -> Iterator[tuple[Keys, Any]]:
    for section in BUILT:
        for keys, value in walk(config.get(section), (section,)):
            if not (_is_removed(keys) or value in permitted or _is_taken(keys, value, directory)):
                yield keys, value


def _is_removed(keys: Keys) -> bool:
    """Tells of what would initialize weights; it is removed before a model is built."""
    return keys[0] == "model" and not INITIAL_WEIGHTS.isdisjoint(keys)


def _is_taken(keys: Keys, value: Any, directory: str) -> bool:
    """Tells of what `take_from_archive` has put there."""
    if keys[-2:] == ("tokenizer", "model_name"):
        return value == serialization.saved_directory(serialization.TOKENIZER, directory)
    return isinstance(value, str) and is_carried(keys[-1], value, directory)


def _find_fault(keys: Keys, value: Any) -> Optional[str]:
    words = [key for key in keys if not key.isdecimal()]
    key = words[-1]
    if "from_scratch" in words:
        return "a BERT is not made for an archive, which would have it"
    if any(word.endswith("_kwargs") for word in words[:-1]) and _is_foreign(key, value):
        return "settings of transformers in an archive are numbers, switches and special tokens"
    if not isinstance(value, str) or not value or key == "type":
        return None
    if any(not _PATH_WORDS.isdisjoint(word.lower().split("_")) for word in words[-2:]):
        return "an archive names no file, directory or URL outside of itself"
    if key == "language" and not _is_plain(value, _SPACY_NAME):
        return "it is not the name of a spaCy model"
    return None


def _is_foreign(key: str, value: Any) -> bool:
    return isinstance(value, str) and not key.endswith(("_token", "_tokens"))


def _is_plain(name: str, pattern: re.Pattern[str]) -> bool:
    if name == OF_THIS_ARCHIVE:
        return True
    # transformers and spaCy take a directory of that name first.
    return _matches(name, pattern) and not os.path.lexists(name)


def is_hub_name(name: str) -> bool:
    """Tells whether a checkpoint on the model hub may have a name; so may a directory here."""
    return _matches(name, _HUB_NAME)


def _matches(name: str, pattern: re.Pattern[str]) -> bool:
    return pattern.fullmatch(name) is not None and ".." not in name


def _explain(where: str, value: Any, reason: str) -> str:
    return (
        f"`{where}` is {str(value)[:200]!r}, and {reason}. To name something yourself give "
        f'`overrides`, such as {{"{where}": ...}}.'
    )
