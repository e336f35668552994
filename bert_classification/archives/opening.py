"""
How archives are opened: as data. Whatever stands in one, nothing of it is executed.

`load_archive` takes the place of AllenNLP's, and with it of what `allennlp predict`, `evaluate` and
`serve`, `Predictor.from_path` and `Model.from_archive` open, for archives of any model, since a
hostile one could claim to be of any. Against AllenNLP's way:

- Members are extracted one by one (see `extraction`).
- `config.json` is plain JSON, as training writes it. AllenNLP evaluates it as Jsonnet, which reads
  environment variables and files.
- `type` in it is a registered name. AllenNLP imports and calls whatever a dotted one names.
- It names no file, directory or URL outside of the archive (see `names`), and nothing is
  downloaded: no connection is made while an archive is opened (see `seal`). A checkpoint of the
  model hub, by its plain name, is read from the local cache.
- Weights are tensors, in safetensors or in PyTorch's format. What is built for them is measured
  first (see `sizes`), and they are compared with the model before they are loaded (see `fit`).

What the caller gives, such as `--overrides`, may name files and classes as before. So may all when
the environment has `BERT_CLASSIFICATION_TRUST_ARCHIVES=1`, and inside `with trusted_archives():`,
for files of one's own that need it: then AllenNLP's functions run as they are.
"""

import logging
import os
import shutil
import tempfile
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import AbstractSet, Any, Iterator, Optional, Sized, Union

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.file_utils import cached_path
from allennlp.common.meta import META_NAME, Meta
from allennlp.data import DatasetReader, Vocabulary
from allennlp.models import Model, archival
from allennlp.predictors import Predictor

from bert_classification.archives import fit, old_archives, serialization, weights
from bert_classification.archives.config import (
    MAX_CONFIG_BYTES,
    read_config,
    registered_names_only,
    strings,
)
from bert_classification.archives.extraction import (
    InvalidArchiveError,
    describe_error,
    explain_failure,
    extract,
    naming,
    prefix_errors,
    require,
)
from bert_classification.archives.named_checkpoint import (
    BERT,
    explain_missing,
    overridden_settings,
    override,
    parse,
)
from bert_classification.archives.names import TRUST, check_names, without_initial_weights
from bert_classification.archives.nearest import read_nearest
from bert_classification.archives.seal import sealed
from bert_classification.archives.sizes import BoundedConstruction, check_contents, check_numbers

logger = logging.getLogger(__name__)

VOCABULARY = "vocabulary/non_padded_namespaces.txt"

_allennlps_load_archive: Any = archival.load_archive
_allennlps_extracted_archive: Any = archival.extracted_archive
_allennlps_predictor_from_archive: Any = Predictor.from_archive
_trusted = ContextVar("trusted", default=False)


@contextmanager
def trusted_archives() -> Iterator[None]:
    """Brings AllenNLP's own behaviour back, for archives one has made oneself."""
    token = _trusted.set(True)
    try:
        yield
    finally:
        _trusted.reset(token)


def are_trusted() -> bool:
    """Tells whether archives are opened in AllenNLP's way, in this context or this process."""
    return _trusted.get() or os.environ.get(TRUST, "") not in ("", "0")


def load_archive(
    archive_file: Union[str, os.PathLike],
    cuda_device: int = -1,
    overrides: Union[str, dict[str, Any]] = "",
    weights_file: Optional[str] = None,
) -> archival.Archive:
    """
    Opens an archive, or a directory of training; takes and gives what AllenNLP's function does.
    `bert` in the overrides is a checkpoint in the place of the one that the archive names and does
    not carry (see `named_checkpoint`).

    # Raises

    `ConfigurationError`, in one sentence, for what is not opened.
    """
    if are_trusted():
        if BERT in parse(overrides):
            raise ConfigurationError(
                f"`bert` in overrides has no effect with {TRUST}; name its keys."
            )
        return _allennlps_load_archive(archive_file, cuda_device, overrides, weights_file)
    check_for_gpu(cuda_device)
    logger.info("opening archive %s", archive_file)
    with prefix_errors(archive_file), _contents(archive_file) as directory:
        return _load(directory, cuda_device, overrides, weights_file)


@contextmanager
def extracted_archive(resolved_archive_file: Any, cleanup: bool = True) -> Iterator[str]:
    """Takes the place of AllenNLP's function, which extracts anything to anywhere."""
    if are_trusted():
        with _allennlps_extracted_archive(resolved_archive_file, cleanup) as extracted:
            yield extracted
        return
    directory = tempfile.mkdtemp()
    try:
        with prefix_errors(resolved_archive_file):
            extract(Path(resolved_archive_file), Path(directory))
        yield directory
    except BaseException:
        cleanup = True
        raise
    finally:
        if cleanup:
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _contents(archive_file: Any) -> Iterator[Path]:
    local = cached_path(archive_file)
    if os.path.isdir(local):
        yield Path(local)
        return
    with extracted_archive(local) as extracted, naming({extracted: archive_file}):
        yield Path(extracted)


def _load(
    directory: Path, cuda_device: int, overrides: Any, weights_file: Optional[str]
) -> archival.Archive:
    weights_path = Path(weights_file) if weights_file else weights.find_weights(directory)
    require(directory / VOCABULARY, VOCABULARY)
    state = weights.read_weights(weights_path)
    check_contents(directory, state)
    meta = _read_meta(directory / META_NAME)
    written = read_config(directory)
    old_archives.drop_old_settings(written)
    old_archives.check_model(written, state)
    config, permitted = override(written, overrides, str(directory))
    check_names(config.as_dict(quiet=True), permitted, str(directory))
    with (
        old_archives.explain_failure_of_old(written),
        explain_missing(config.as_dict(quiet=True), permitted, str(directory)),
        registered_names_only(permitted),
        sealed(str(directory), set(strings(written)) - permitted, permitted),
        serialization.reading_weights(),
    ):
        reader, validation_reader = _load_readers(config.duplicate(), str(directory))
        overridden = overridden_settings(overrides)
        model = _load_model(config.duplicate(), str(directory), weights_path, state, overridden)
    for each in (reader, validation_reader):
        _check_num_pieces(each, model)
    if not weights_file:
        _add_kept_examples(model, str(directory))
    if cuda_device >= 0:
        model = model.cuda(cuda_device)
    return archival.Archive(model, config, reader, validation_reader, meta)


def _load_readers(config: Params, directory: str) -> tuple[DatasetReader, DatasetReader]:
    with explain_failure("the `dataset_reader` in its config"):
        return archival._load_dataset_readers(config, directory)


def _read_meta(path: Path) -> Optional[Meta]:
    if not path.exists():
        return None
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise InvalidArchiveError(f"{META_NAME} is larger than {MAX_CONFIG_BYTES} bytes.")
    try:
        meta = Meta.from_path(path)
        archival._check_version_compatibility(path.name, meta)
        return meta
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        reason = describe_error(error)
        raise InvalidArchiveError(f"{META_NAME} is not what AllenNLP writes ({reason}).") from error


def _load_model(
    config: Params,
    directory: str,
    weights_path: Path,
    state: weights.State,
    overridden: AbstractSet[str],
) -> Model:
    """
    Builds and fills the model, as `Model._load`, which reads weights in its own way, does. Settings
    that were `overridden` win over what the weights have kept of them.
    """
    # What it would initialize is loaded below.
    model_params = without_initial_weights(config.as_dict(quiet=True)["model"])
    if isinstance(model_params, str):
        model_params = {"type": model_params}
    if not isinstance(model_params, dict) or "type" not in model_params:
        raise InvalidArchiveError("`model` in its config, or in the overrides, has no `type`.")
    check_numbers(model_params, state)
    config["model"] = model_params
    with explain_failure("the `model` in its config"):
        model_class: Any = Model.by_name(model_params["type"])
        if isinstance(model_class, type) and _overrides_load(model_class):
            return Model.load(config, directory, weights_path, -1)
        vocab = _load_vocabulary(config.get("vocabulary", Params({})), directory)
        with BoundedConstruction(state):
            model = Model.from_params(
                vocab=vocab, params=Params(model_params), serialization_dir=directory
            )
            model.extend_embedder_vocab()
    state = fit.without_buffers(model, fit.rename_weights(model, state))
    state = fit.with_own_settings(model, state, overridden)
    fit.check_fit(model, state)
    model.load_state_dict(state, strict=False)
    return model.cpu()


def predictor_from_archive(
    cls: type[Predictor], archive: archival.Archive, *args: Any, **kwargs: Any
) -> Predictor:
    """Makes the predictor for an archive, as AllenNLP's function does, and downloads nothing."""
    make = _allennlps_predictor_from_archive.__func__
    if are_trusted():
        return make(cls, archive, *args, **kwargs)
    with sealed():
        return make(cls, archive, *args, **kwargs)


def _overrides_load(model_class: Any) -> bool:
    return model_class._load.__func__ is not Model._load.__func__  # type: ignore[attr-defined]


def _load_vocabulary(params: Params, directory: str) -> Vocabulary:
    name = params.pop_choice("type", Vocabulary.list_available(), True)
    vocabulary_class, _ = Vocabulary.resolve_class_name(name)
    padding, unknown = params.get("padding_token"), params.get("oov_token")
    try:
        return vocabulary_class.from_files(os.path.join(directory, "vocabulary"), padding, unknown)
    except (OSError, ValueError, AssertionError) as error:
        reason = describe_error(error)
        raise InvalidArchiveError(f"its vocabulary cannot be read ({reason}).") from error


def _add_kept_examples(model: Any, directory: str) -> None:
    """Gives a model the training examples that are kept with its own weights."""
    if getattr(model, "has_pooled_vector", False):
        model.kept_examples = read_nearest(directory, model.bert.config.hidden_size)


def _check_num_pieces(reader: DatasetReader, model: Model) -> None:
    tokenizer, bert = getattr(reader, "tokenizer", None), getattr(model, "bert", None)
    # Readers of other packages may have a tokenizer without pieces to count.
    if not isinstance(tokenizer, Sized) or bert is None:
        return
    embedded = bert.embeddings.word_embeddings.num_embeddings
    if len(tokenizer) > embedded:
        raise InvalidArchiveError(
            f"its tokenizer has {len(tokenizer)} word pieces and its model embeds {embedded}; they "
            "are not of the same BERT."
        )
