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
from allennlp.common import Params, Registrable, logging, params, util
from allennlp.data import DataLoader, DatasetReader, Vocabulary
from allennlp.evaluation import Evaluator
from allennlp.models import Model, archival
from allennlp.modules import Seq2VecEncoder
from allennlp.nn import util as nn_util
from allennlp.predictors import Predictor
from allennlp.training import Checkpointer, Trainer
from allennlp.training import util as training_util
from allennlp.training.moving_average import MovingAverage

from bert_classification.archives import config, opening, seal, vocabulary
from bert_classification.archives.archiving import archive_model
from bert_classification.archives.whole_files import write_whole
from bert_classification.bert.converted import load_archive
from bert_classification.bert.pooler import CarriedBertPooler
from bert_classification.commands.config_checks import with_config_checks
from bert_classification.commands.config_files import (
    with_checks_of_file,
    with_checks_of_overrides,
)
from bert_classification.commands.predict import Predict, PredictManager
from bert_classification.commands.ranks import train_worker, with_refusals_of_ranks
from bert_classification.commands.refusals import install_excepthook, with_excepthook
from bert_classification.commands.report import with_reports
from bert_classification.commands.serve import Serve
from bert_classification.data.data_loader import OrderedDataLoader
from bert_classification.training.checkpointer import WholeCheckpointer
from bert_classification.training.from_archive import from_archive
from bert_classification.training.moving_average import load_averages
from bert_classification.training.processes import dist_reduce
from bert_classification.training.recovery import create_serialization_dir
from bert_classification.training.trainer import RecoverableTrainer
from bert_classification.training.validation import (
    MeanLossEvaluator,
    shard_iterable,
    with_mean_loss,
    with_whole_validation,
)


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


def _function(method: Any) -> Any:
    """The function behind a class method."""
    return method.__func__


REPLACEMENTS = (
    Replacement(
        archival,
        "load_archive",
        load_archive,
        "Archives are data: AllenNLP runs the Jsonnet in them and calls what they name. A "
        "checkpoint may stand in their place.",
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
        Subcommand,
        "predict",
        Predict,
        "AllenNLP's reads no plain text.",
    ),
    Replacement(
        train,
        "train_model",
        with_refusals_of_ranks(with_config_checks(with_reports(train.train_model))),
        "What a config alone shows to be wrong is said before anything is read, and what one of "
        "several processes refuses is said as one would; and a report at the end, where the config "
        "asks for it.",
    ),
    Replacement(
        train,
        "_train_worker",
        train_worker,
        "The same, in each of the processes.",
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
    Replacement(
        Checkpointer,
        "default",
        WholeCheckpointer,
        "AllenNLP writes checkpoints in place and reads the newest, damaged or not.",
    ),
    Replacement(
        Trainer,
        "gradient_descent",
        RecoverableTrainer,
        "AllenNLP's `--recover` goes on with other random numbers, and without half an epoch's "
        "metrics; several processes validate without the last batches.",
    ),
    Replacement(
        MovingAverage,
        "load_state_dict",
        load_averages,
        "AllenNLP's averages weights that are not the model's after `--recover`.",
    ),
    Replacement(
        archival,
        "archive_model",
        archive_model,
        "A kill leaves half of an archive.",
    ),
    Replacement(
        Params,
        "from_file",
        classmethod(with_checks_of_file(_function(Params.from_file))),
        "AllenNLP goes on with a config that is no object, and aborts where it is a directory.",
    ),
    Replacement(
        params,
        "parse_overrides",
        with_checks_of_overrides(params.parse_overrides),
        "The same, of `--overrides`.",
    ),
    Replacement(
        Params,
        "to_file",
        write_whole(Params.to_file, "params_file"),
        "A full disk empties `config.json`, without which no training goes on.",
    ),
    Replacement(
        util,
        "dump_metrics",
        write_whole(util.dump_metrics, "file_path"),
        "The same, of metrics.",
    ),
    Replacement(
        training_util,
        "create_serialization_dir",
        create_serialization_dir,
        "AllenNLP refuses more epochs with `--recover`, and says in the log alone what differs.",
    ),
    Replacement(
        nn_util,
        "dist_reduce",
        dist_reduce,
        "In AllenNLP's, no process can take part without being counted, or compute alone.",
    ),
    Replacement(
        train.TrainModel,
        "from_partial_objects",
        classmethod(with_whole_validation(_function(train.TrainModel.from_partial_objects))),
        "AllenNLP shares out the records of validation, and some are dropped.",
    ),
    Replacement(
        DatasetReader,
        "shard_iterable",
        shard_iterable,
        "AllenNLP's lets no reader read all records where several processes train.",
    ),
    Replacement(
        training_util,
        "evaluate",
        with_mean_loss(training_util.evaluate),
        "AllenNLP's loss is the mean over batches, of which the last may be small.",
    ),
    Replacement(
        Seq2VecEncoder,
        "bert_pooler",
        CarriedBertPooler,
        "AllenNLP's looks for its checkpoint again when an archive is opened.",
    ),
    Replacement(
        Evaluator,
        "simple",
        MeanLossEvaluator,
        "The same.",
    ),
)


def apply_replacements() -> None:
    """
    Puts ours in the place of AllenNLP's, also where modules have imported it by its name. A process
    of the command line says refusals as a sentence from then on; see `commands.refusals`.
    """
    for owner, name, ours, _ in REPLACEMENTS:
        if isinstance(owner, type) and not hasattr(owner, name):
            _register(owner, name, ours)
            continue
        theirs = getattr(owner, name)
        setattr(owner, name, ours)
        for module in list(sys.modules.values()) if isinstance(owner, ModuleType) else ():
            if getattr(module, "__dict__", {}).get(name) is theirs:
                setattr(module, name, ours)
    install_excepthook()


def _register(registry: Any, name: str, ours: type) -> None:
    """Registers ours by the name of theirs, with the constructor that theirs has."""
    _, constructor = Registrable._registry[registry].get(name, (None, None))
    registry.register(name, constructor=constructor, exist_ok=True)(ours)
