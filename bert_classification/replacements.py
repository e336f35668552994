"""
Everything of AllenNLP that is ours here: a table, applied by one line in `__init__`.

What changed *under* AllenNLP since 2022 is repaired by `allennlp_compat`; this page is about what
AllenNLP itself does in a way that we do not want. Nothing else in this package assigns to AllenNLP.
"""

import sys
from types import ModuleType
from typing import Any, NamedTuple, Union

from allennlp.commands import build_vocab, find_learning_rate, predict, train
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Registrable, logging, util
from allennlp.data import DataLoader, Vocabulary
from allennlp.models import Model, archival
from allennlp.predictors import Predictor

from bert_classification.archives import config, opening, seal, vocabulary
from bert_classification.commands.config_checks import with_config_checks
from bert_classification.commands.predict import PredictManager
from bert_classification.commands.refusals import install_excepthook, with_excepthook
from bert_classification.commands.serve import Serve
from bert_classification.data.data_loader import OrderedDataLoader
from bert_classification.training.from_archive import from_archive


class Replacement(NamedTuple):
    """
    owner : `Union[ModuleType, type]`
        The module or class of AllenNLP that has the name; or a registry, a subclass of
        `Registrable`, where `ours` is a class to register.
    name : `str`
        Of the attribute, or in the registry.
    ours : `Any`
        What stands there from now on.
    why : `str`
    """

    owner: Union[ModuleType, type]
    name: str
    ours: Any
    why: str


REPLACEMENTS = (
    Replacement(
        archival,
        "load_archive",
        opening.load_archive,
        "Archives are data: AllenNLP runs the Jsonnet in them and calls what they name.",
    ),
    Replacement(
        archival,
        "extracted_archive",
        opening.extracted_archive,
        "AllenNLP extracts anything to anywhere.",
    ),
    Replacement(
        Predictor,
        "from_archive",
        classmethod(opening.predictor_from_archive),
        "AllenNLP's predictors download models of spaCy.",
    ),
    Replacement(
        util,
        "spacy_download",
        seal.spacy_download,
        "The same.",
    ),
    Replacement(
        Vocabulary,
        "save_to_files",
        vocabulary.save_to_files,
        "AllenNLP writes labels that are others when they are read again.",
    ),
    Replacement(
        logging,
        "prepare_global_logging",
        with_excepthook(logging.prepare_global_logging),
        "AllenNLP logs a traceback of what a user did wrong.",
    ),
    Replacement(
        Registrable,
        "resolve_class_name",
        classmethod(config.resolve_class_name),
        "AllenNLP imports and calls what a dotted `type` in an archive names.",
    ),
    Replacement(
        Model,
        "from_archive",
        classmethod(from_archive),
        "AllenNLP saves the labels of the new data in an order that is not the model's.",
    ),
    Replacement(
        predict,
        "_PredictManager",
        PredictManager,
        "AllenNLP's `predict` ends at the first bad line and writes in the locale's encoding.",
    ),
    Replacement(
        train,
        "train_model",
        with_config_checks(train.train_model),
        "What a config alone shows to be wrong is said before anything is read.",
    ),
    Replacement(
        find_learning_rate,
        "find_learning_rate_model",
        with_config_checks(find_learning_rate.find_learning_rate_model),
        "The same.",
    ),
    Replacement(
        build_vocab,
        "make_vocab_from_params",
        with_config_checks(build_vocab.make_vocab_from_params, trains=False),
        "The same; no device is needed.",
    ),
    Replacement(
        DataLoader,
        "multiprocess",
        OrderedDataLoader,
        "The order of AllenNLP's hangs on which worker is faster, and changes after `--recover`.",
    ),
    Replacement(
        Subcommand,
        "serve",
        Serve,
        "Where the old allennlp-server is installed, the command is ours all the same.",
    ),
)


def apply_replacements() -> None:
    """
    Puts ours in the place of AllenNLP's, also where modules have imported it by its name. A process
    of the command line says refusals as a sentence from then on; see `commands.refusals`.
    """
    for owner, name, ours, _ in REPLACEMENTS:
        if isinstance(owner, type) and not hasattr(owner, name):
            owner.register(name, exist_ok=True)(ours)  # type: ignore[attr-defined]
            continue
        theirs = getattr(owner, name)
        setattr(owner, name, ours)
        for module in list(sys.modules.values()) if isinstance(owner, ModuleType) else ():
            if getattr(module, "__dict__", {}).get(name) is theirs:
                setattr(module, name, ours)
    install_excepthook()
