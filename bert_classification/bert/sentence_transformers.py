"""
How vectors are made of a BERT, as a checkpoint says it: a directory of sentence-transformers, or an
archive of ours.
"""

import json
import logging
import os
from pathlib import Path
from typing import Any, Mapping, Optional, Union

from allennlp.common.checks import ConfigurationError
from transformers import BertConfig, BertModel
from transformers.utils import cached_file

from bert_classification.archives import serialization
from bert_classification.bert.checkpoint import resolve_checkpoint
from bert_classification.bert.config import explain_errors
from bert_classification.bert.encoder import LAST_LAYER
from bert_classification.bert.pooling import VectorSettings, as_layers, check_settings

logger = logging.getLogger(__name__)

PART, FILE = "vectors", "settings.json"
MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
}
"""Of a 1_Pooling/config.json, as every version of sentence-transformers reads it."""


def settle(
    given: Mapping[str, Any],
    bert_model: Union[str, BertModel],
    config: BertConfig,
    serialization_dir: Optional[str],
) -> VectorSettings:
    """
    Decides how vectors are made: as the model's config says, by default as the checkpoint does. An
    archive that is made of the model will say it.

    # Parameters

    given : `Mapping[str, Any]`
        The settings of the model's config, `None` where it has none.
    bert_model, serialization_dir :
        As for `pretrained.load_pretrained`.
    config : `BertConfig`
        Of the BERT that was loaded.

    # Raises

    `ConfigurationError`, see `check_settings`; and for a checkpoint of sentence-transformers with
    more than a pooling and a normalization, unless `pooling` is given.
    """
    given = {key: value for key, value in given.items() if value is not None}
    if "layers" in given:
        given["layers"] = as_layers(given["layers"])
    own = _find_own(bert_model, serialization_dir, "pooling" in given)
    for key, value in given.items():
        if getattr(own, key, None) not in (None, value):
            logger.warning(
                "`model.%s` is %s; %s was trained with %s.",
                *(key, value, bert_model, getattr(own, key)),
            )
    settings = (own or VectorSettings())._replace(**given)
    check_settings(settings, config)

    def write(directory: str) -> None:
        text = json.dumps(settings._asdict())
        Path(directory, FILE).write_text(text, encoding="utf-8")

    if not serialization.has_weights(serialization_dir):
        serialization.save(PART, serialization_dir, write)
    return settings


def _find_own(
    bert_model: Union[str, BertModel], serialization_dir: Optional[str], may_lack_modules: bool
) -> Optional[VectorSettings]:
    """Finds what an archive that is opened, or the checkpoint `bert_model`, says of its vectors."""
    if serialization_dir is not None and serialization.has_weights(serialization_dir):
        return read_kept(serialization_dir)
    if isinstance(bert_model, BertModel):
        return None
    checkpoint = resolve_checkpoint(bert_model)
    if checkpoint.archived is not None:
        return read_kept(checkpoint.archived.root)
    return _read_modules(checkpoint.name, may_lack_modules)


def read_kept(root: Union[str, os.PathLike]) -> Optional[VectorSettings]:
    """Reads the settings in what was extracted of an archive; `None` where it has none."""
    directory = serialization.saved_directory(PART, os.fspath(root))
    if directory is None:
        return None
    path = Path(directory, FILE)
    with explain_errors(f"vocabulary/.bert/{PART}/{FILE} is not what training writes"):
        values = json.loads(path.read_text(encoding="utf-8"))
        return VectorSettings(**{**values, "layers": as_layers(values["layers"])})


def _read_modules(name: str, may_lack_modules: bool) -> Optional[VectorSettings]:
    """Reads the modules of a checkpoint of sentence-transformers; `None` for any other."""
    modules = _read_json(name, "modules.json")
    if modules is None:
        return None
    with explain_errors(f"{name}: modules.json is not what sentence-transformers writes"):
        kinds = {str(each["type"]).rpartition(".")[2]: str(each["path"]) for each in modules}
    others = [kind for kind in kinds if kind not in ("Transformer", "Pooling", "Normalize")]
    if others:
        sentence = f"{name} has {others[0]} beside its pooling, which is not computed here"
        if not may_lack_modules:
            raise ConfigurationError(
                f"{sentence}; set `model.pooling` to train its BERT without it."
            )
        logger.warning("%s.", sentence)
    pooling = _read_json(name, f"{kinds.get('Pooling', '')}/config.json".lstrip("/")) or {}
    flags = [MODES.get(key, key) for key in pooling if "_mode_" in key and pooling[key]]
    mode: Any = pooling.get("pooling_mode") or (flags[0] if len(flags) == 1 else flags) or "mean"
    return VectorSettings(mode, normalize="Normalize" in kinds)


def _read_json(name: str, file: str) -> Any:
    found = cached_file(
        os.path.expanduser(name),
        file,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if found is None:
        return None
    with explain_errors(f"{name}: {file} cannot be read"):
        return json.loads(Path(found).read_text(encoding="utf-8"))


def write_modules(
    directory: str, settings: VectorSettings, config: BertConfig, max_pieces: int
) -> Optional[str]:
    """
    Writes what sentence-transformers reads beside a BERT. Gives the reason where it has no place
    for a setting, and nothing was written.
    """
    if settings.pooling not in MODES.values():
        return f"`pooling: {settings.pooling}`"
    if settings.layers != LAST_LAYER:
        return f"`layers: {list(settings.layers)}`"
    pooling = {key: mode == settings.pooling for key, mode in MODES.items()}
    files: dict[str, Any] = {
        "sentence_bert_config.json": {"max_seq_length": max_pieces, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": config.hidden_size, **pooling},
    }
    kinds = {"Transformer": "", "Pooling": "1_Pooling"}
    if settings.normalize:
        kinds["Normalize"] = "2_Normalize"
        files["2_Normalize/config.json"] = {}
    files["modules.json"] = [
        {
            "idx": index,
            "name": str(index),
            "path": path,
            "type": f"sentence_transformers.models.{kind}",
        }
        for index, (kind, path) in enumerate(kinds.items())
    ]
    for name, value in files.items():
        path = Path(directory, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    return None
