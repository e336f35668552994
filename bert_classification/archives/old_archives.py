"""
Archives of AllenNLP before version 2: which they are, and what to do with them. Those of 1 open,
and those of 0.9 whose parts are as they were; a `bert_for_classification` is one for
`allennlp convert`.
"""

import inspect
from contextlib import contextmanager
from typing import Any, Iterator, Mapping, Optional

from allennlp.data import DatasetReader

from bert_classification.archives.extraction import InvalidArchiveError
from bert_classification.archives.names import objects, walk
from bert_classification.archives.weights import State

MODEL = "bert_for_classification"
ENCODER, HEAD = "bert_model.", "_classification_layer."
"""What the names of its weights began with."""
READERS = ("dataset_reader", "validation_dataset_reader")

SETTINGS_OF_1 = frozenset(("lazy", "cache_directory", "manual_multi_process_sharding"))

EMBEDDER = "bert-pretrained"
ADVICE = (
    "it is an archive of AllenNLP 0.9; `allennlp convert OLD.tar.gz NEW.tar.gz "
    "[--bert CHECKPOINT]` makes one of this version of it."
)


def check_model(config: Mapping[str, Any], state: State) -> None:
    """Raises `InvalidArchiveError` for a model that today has another form, or none."""
    if is_old_classifier(config, state):
        raise InvalidArchiveError(ADVICE)
    check_embedder(config)


def is_old_classifier(config: Mapping[str, Any], state: State) -> bool:
    """Tells whether a model is the `bert_for_classification` of AllenNLP 0.9."""
    return model_type(config) == MODEL and any(name.startswith((ENCODER, HEAD)) for name in state)


def check_embedder(config: Mapping[str, Any]) -> None:
    """Raises `InvalidArchiveError` for a model on the embedder of AllenNLP 0.9."""
    embedders = [
        inner
        for each in objects(config.get("model"))
        for inner in objects(each.get("text_field_embedder"))
    ]
    if find_version(config) is None:
        return
    if any(each.get("type") == EMBEDDER for each in embedders):
        raise InvalidArchiveError(
            f"it is an archive of AllenNLP 0.9 whose model `{model_type(config)}` stands on the "
            f"embedder `{EMBEDDER}`, whose weights have other names today, and `allennlp convert` "
            "does not take it either: train it again on the embedder of that name, with "
            "`sub_token_mode: last`, and `token_mask: true` of the indexer."
        )


@contextmanager
def explain_failure_of_old(config: Mapping[str, Any]) -> Iterator[None]:
    """Says of an old archive that is not opened that it is old."""
    try:
        yield
    except InvalidArchiveError as error:
        version = find_version(config)
        if version is None:
            raise
        if model_type(config) == MODEL:
            raise InvalidArchiveError(ADVICE) from error
        raise InvalidArchiveError(
            f"it is an archive of AllenNLP {version} with the model `{model_type(config)}`, and "
            f"`allennlp convert` takes `{MODEL}` alone: {error}"
        ) from error


def find_version(config: Mapping[str, Any]) -> Optional[str]:
    """Guesses which AllenNLP before 2 has written a config; `None` for a later one."""
    readers = [config.get(section) or {} for section in READERS]
    keys = {key for each in readers for path, _ in walk(each) for key in path}
    tokenizers = [each.get("tokenizer") for each in readers if isinstance(each, Mapping)]
    is_word = any(isinstance(each, Mapping) and each.get("type") == "word" for each in tokenizers)
    if "iterator" in config or "word_splitter" in keys or is_word:
        return "0.9"
    return "1" if "lazy" in keys else None


def model_type(config: Mapping[str, Any]) -> Any:
    model = config.get("model")
    return model.get("type") if isinstance(model, Mapping) else model


def drop_old_settings(config: Mapping[str, Any]) -> None:
    """Takes from readers what since AllenNLP 2 is a matter of the data loader, or of nobody."""
    for section in READERS:
        for each in objects(config.get(section)):
            for key in SETTINGS_OF_1 & each.keys() - _parameters_of(each.get("type")):
                del each[key]


def _parameters_of(name: Any) -> frozenset[str]:
    """Gives the parameters of a reader; of an unknown one all that may have been meant."""
    if not isinstance(name, str) or name not in DatasetReader.list_available():
        return SETTINGS_OF_1
    return frozenset(inspect.signature(DatasetReader.by_name(name)).parameters)
