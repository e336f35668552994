"""
Configs in the style of AllenNLP 0.9 (2019), which today's AllenNLP refuses, or reads without a word
about the keys it does not know: what to write in their place.
"""

import copy
import json
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional

from allennlp.common.checks import ConfigurationError

Config = Mapping[str, Any]


class Advice(NamedTuple):
    """What to write in the place of a key: entries of the config, or nothing, and a remark."""

    write: Optional[dict[str, Any]] = None
    remark: str = ""

    def __str__(self) -> str:
        written = "take it out" if self.write is None else f"write {json.dumps(self.write)}"
        return f"{self.remark}; {written}" if self.remark else written


def check_style(config: Config) -> None:
    """
    Looks at configs with an `iterator`, which none of today has, and at those with a class of ours.

    # Raises

    `ConfigurationError` that names all old keys, each with its advice.
    """
    types = [str(_get(config, f"{section}.type")) for section in ("model", "dataset_reader")]
    if "iterator" not in config and not any(name.startswith("bert_for_") for name in types):
        return
    found = [(key, rule(_get(config, key))) for key, rule in RULES.items()]
    lines = [f"- `{key}`: {advice}" for key, advice in found if advice is not None]
    if lines:
        raise ConfigurationError(
            "This config is in the style of AllenNLP 0.9. Change these keys:\n" + "\n".join(lines)
        )


def translate(config: Config) -> dict[str, Any]:
    """Gives a config of AllenNLP 0.9 with all changes that `check_style` asks for."""
    translated = copy.deepcopy(dict(config))
    for key, rule in RULES.items():
        advice = rule(_get(config, key))
        if advice is not None:
            _remove(translated, key)
            _merge(translated, advice.write or {})
    return translated


def _remove(config: dict[str, Any], key: str) -> None:
    section, _, last = key.rpartition(".")
    (_get(config, section) if section else config).pop(last, None)


def _merge(config: dict[str, Any], entries: Config) -> None:
    for key, value in entries.items():
        if isinstance(value, Mapping) and isinstance(config.get(key), dict):
            _merge(config[key], value)
        else:
            config[key] = copy.deepcopy(value)


def _get(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config.get(part) if isinstance(config, Mapping) else None
    return config


def _iterator(loader: str) -> Callable[[Any], Optional[Advice]]:
    def advise(iterator: Any) -> Optional[Advice]:
        shuffle = {"shuffle": True} if loader == "data_loader" else {}
        return None if iterator is None else Advice({loader: dict(_loader(iterator, shuffle))})

    return advise


def _loader(iterator: Config, shuffle: Config) -> Iterator[tuple[str, Any]]:
    size = {"batch_size": iterator.get("batch_size", 32)}
    if iterator.get("type") == "bucket":
        pairs = iterator.get("sorting_keys") or [["tokens"]]
        fields = list(dict.fromkeys(field for field, *_ in pairs))
        yield "batch_sampler", {"type": "bucket", **size, "sorting_keys": fields}
    else:
        yield from {**size, **shuffle}.items()
    if iterator.get("max_instances_in_memory"):
        yield "max_instances_in_memory", iterator["max_instances_in_memory"]


def _lazy(lazy: Any) -> Optional[Advice]:
    loader = {"data_loader": {"max_instances_in_memory": 10000}}
    return None if lazy is None else Advice(loader if lazy else None)


def _tokenizer(tokenizer: Any) -> Optional[Advice]:
    if _get(tokenizer, "type") != "word" and _get(tokenizer, "word_splitter") is None:
        return None
    splitter = tokenizer.get("word_splitter", "spacy")
    name = splitter if isinstance(splitter, str) else splitter["type"]
    return Advice(
        remark="our readers make word pieces of the text themselves; in another reader it is now "
        f'`"tokenizer": {{"type": "{name}"}}`'
    )


def _embedder(embedder: Any) -> Optional[Advice]:
    inner = _get(embedder, "token_embedders") or embedder
    if not isinstance(inner, Mapping):
        return None
    berts = [each for each in inner.values() if _get(each, "type") == "bert-pretrained"]
    if berts:
        name = berts[0].get("pretrained_model")
        return Advice(
            {"model": {"bert_model": name}},
            "our models hold BERT themselves; in another model it is "
            f'`"token_embedders": {{"bert": {{"type": "bert-pretrained", "pretrained_model": '
            f'"{name}"}}}}`, on an indexer `bert-pretrained` with `token_mask: true`',
        )
    old = [key for key in ("allow_unmatched_keys", "embedder_to_indexer_map") if key in embedder]
    return Advice({"model": {"text_field_embedder": {"token_embedders": inner}}}) if old else None


def _pairs(key: str) -> Callable[[Any], Optional[Advice]]:
    def advise(pairs: Any) -> Optional[Advice]:
        return Advice({"model": {key: {"regexes": pairs}}}) if isinstance(pairs, list) else None

    return advise


def _vocabulary(directory: Any) -> Optional[Advice]:
    files = {"vocabulary": {"type": "from_files", "directory": directory}}
    return None if directory is None else Advice(files, "with `extend` the type is `extend`")


def _devices(devices: Any) -> Optional[Advice]:
    if not isinstance(devices, list):
        return None
    if len(devices) == 1:
        return Advice({"trainer": {"cuda_device": devices[0]}})
    return Advice({"distributed": {"cuda_devices": devices}})


def _checkpointer(key: str) -> Callable[[Any], Optional[Advice]]:
    def advise(value: Any) -> Optional[Advice]:
        return None if value is None else Advice({"trainer": {"checkpointer": {key: value}}})

    return advise


def _bert_adam(optimizer: Any) -> Optional[Advice]:
    if _get(optimizer, "type") != "bert_adam":
        return None
    kept = ("lr", "weight_decay", "parameter_groups")
    adamw = {key: optimizer[key] for key in kept if key in optimizer}
    warmup = optimizer.get("warmup", -1)
    trainer = {
        "optimizer": {"type": "huggingface_adamw", **adamw},
        "grad_norm": optimizer.get("max_grad_norm", 1.0),
    }
    if warmup >= 0:
        scheduler = {"type": "slanted_triangular", "cut_frac": warmup, "ratio": 1000}
        trainer["learning_rate_scheduler"] = scheduler
    return Advice({"trainer": trainer})


def _shuffle(shuffle: Any) -> Optional[Advice]:
    remark = "it is a key of a `data_loader` without a `batch_sampler`"
    return None if shuffle is None else Advice(remark=remark)


def _logged(value: Any) -> Optional[Advice]:
    remark = 'for TensorBoard there is `"callbacks": [{"type": "tensorboard"}]` with such options'
    return None if value is None else Advice(remark=remark)


def _trainer(name: Any) -> Optional[Advice]:
    return Advice() if name in ("default", "callback") else None


RULES: dict[str, Callable[[Any], Optional[Advice]]] = {
    "iterator": _iterator("data_loader"),
    "validation_iterator": _iterator("validation_data_loader"),
    "dataset_reader.lazy": _lazy,
    "validation_dataset_reader.lazy": _lazy,
    "dataset_reader.tokenizer": _tokenizer,
    "validation_dataset_reader.tokenizer": _tokenizer,
    "model.text_field_embedder": _embedder,
    "model.initializer": _pairs("initializer"),
    "model.regularizer": _pairs("regularizer"),
    "vocabulary.directory_path": _vocabulary,
    "trainer.type": _trainer,
    "trainer.cuda_device": _devices,
    "trainer.optimizer": _bert_adam,
    "trainer.shuffle": _shuffle,
    "trainer.num_serialized_models_to_keep": _checkpointer("keep_most_recent_by_count"),
    "trainer.keep_serialized_model_every_num_seconds": _checkpointer("keep_most_recent_by_age"),
    "trainer.model_save_interval": _checkpointer("save_every_num_seconds"),
    "trainer.summary_interval": _logged,
    "trainer.histogram_interval": _logged,
    "trainer.should_log_parameter_statistics": _logged,
    "trainer.should_log_learning_rate": _logged,
    "trainer.log_batch_size_period": _logged,
}
