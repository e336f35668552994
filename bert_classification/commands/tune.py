"""`allennlp tune`: the settings of a config that do best, searched by Optuna."""

import argparse
import fcntl
import hashlib
import importlib.util
import json
import logging
import multiprocessing
import os
import shutil
import socket
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional

from allennlp.commands import train
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Params, Tqdm
from allennlp.common.checks import ConfigurationError

from bert_classification.archives.whole_files import replace_file
from bert_classification.commands.config_checks import with_config_checks
from bert_classification.commands.search_space import Space, read_space
from bert_classification.data.outcomes import sentence_of
from bert_classification.predictor import check_count
from bert_classification.training.pruning import NAME, Pruned, pruned_by

logger = logging.getLogger(__name__)

BEST = "best.jsonnet"
STORAGE = "study.db"


class Search(NamedTuple):
    """What the processes of a search have in common."""

    space: Space
    directory: Path
    storage: str
    study_name: str
    metric: str
    direction: Any
    trials: int
    until: Optional[float]
    optuna_config: dict[str, Any]


class Tune(Subcommand):
    """`allennlp tune CONFIG SPACE -s DIRECTORY`: see `tune`."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Train a config with other settings, again and again, and find the best; "
            "the same command goes on where it was interrupted. It takes what allennlp-optuna's "
            "takes.",
            help="Search the settings of a config that do best.",
        )
        add = subparser.add_argument
        add("config", help="a config, as for `allennlp train`")
        add("space", help="what may vary: keys of the config with ranges, or its variables")
        add(
            "-s", "--serialization-dir", required=True, help="where to write; new, or of this study"
        )
        add("--trials", "--n-trials", type=int, default=20, help="(default: %(default)s)")
        add("--timeout", type=float, help="seconds after which no trial is begun (default: none)")
        add("--workers", type=int, default=1, help="processes that train (default: %(default)s)")
        add("--metrics", help="(default: best_validation_METRIC, of `trainer.validation_metric`)")
        add("--direction", choices=("minimize", "maximize"), help="(default: that of the metric)")
        add("--study-name", default="tune", help="(default: %(default)s)")
        add("--storage", help="Optuna's URL of it (default: study.db in the directory)")
        add("--optuna-param-path", help="JSON with `sampler` and `pruner` (default: Optuna's)")
        add("--skip-if-exists", action="store_true", help="has no effect: a study goes on anyway")
        add("-o", "--overrides", default="", help="JSON, as for `allennlp train`")
        subparser.set_defaults(func=tune)
        return subparser


def tune(args: argparse.Namespace) -> None:
    """
    Searches, and leaves in the directory `study.db`, a directory of training for each trial, the
    archive of the best one, `best.jsonnet`, and pictures.

    # Raises

    `ConfigurationError` for a space that is none of the config, a storage of another study, and
    where no trial has come to its end.
    """
    for name in ("optuna", "matplotlib"):
        if importlib.util.find_spec(name) is None:
            raise ConfigurationError(
                f"`tune` needs {name}: pip install 'bert-classification[tune]'."
            )
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = _make_search(args)
    search.directory.mkdir(parents=True, exist_ok=True)
    study = _open_study(search)
    _begin(study, search)
    if args.workers == 1:
        _work(search)
    else:
        _work_together(search, args.workers)
    _finish(study, search)


def _make_search(args: argparse.Namespace) -> Search:
    for option in ("trials", "workers"):
        check_count(f"--{option}", getattr(args, option))
    space = read_space(args.config, args.space, args.overrides)
    directory = Path(args.serialization_dir)
    config = space.make_config(
        space.default() or {each.name: _any_value(each) for each in space.parameters}
    )
    with_config_checks(lambda _: None)(Params(json.loads(json.dumps(config))))
    if not config.get("validation_data_path"):
        raise ConfigurationError(
            f"{args.config} has no `validation_data_path`, by which settings could be compared."
        )
    metric = (config.get("trainer") or {}).get("validation_metric", "-loss")
    metric = metric[0] if isinstance(metric, list) else metric
    rises = metric.startswith("+")
    return Search(
        space,
        directory,
        args.storage or f"sqlite:///{directory / STORAGE}",
        args.study_name,
        args.metrics or f"best_validation_{metric.lstrip('+-')}",
        args.direction or ("maximize" if rises else "minimize"),
        args.trials,
        None if args.timeout is None else time.time() + args.timeout,
        _read_optuna_config(args.optuna_param_path),
    )


def _any_value(parameter: Any) -> Any:
    choices = parameter.attributes.get("choices")
    return choices[0] if choices else parameter.attributes["low"]


def _read_optuna_config(path: Optional[str]) -> dict[str, Any]:
    """Makes the sampler and the pruner of a file of allennlp-optuna's form."""
    import optuna

    if path is None:
        return {}
    value = json.loads(Path(path).read_text(encoding="utf-8"))
    made = {}
    for key, module in (("sampler", optuna.samplers), ("pruner", optuna.pruners)):
        if key in value:
            kind = getattr(module, str(value[key].get("type")), None)
            if kind is None:
                name = value[key].get("type")
                raise ConfigurationError(f"{path}: Optuna has no {key} {name!r} (`{key}.type`).")
            # Early versions of allennlp-optuna had another word.
            made[key] = kind(**value[key].get("attributes", value[key].get("keyword", {})))
    return made


def _open_study(search: Search) -> Any:
    """Opens the study, a new one where there is none."""
    import optuna
    from sqlalchemy.exc import DatabaseError

    try:
        names = optuna.get_all_study_names(search.storage)
        if names and search.study_name not in names:
            raise ConfigurationError(
                f"{search.storage} holds the study {', '.join(map(repr, names))}, and not "
                f"{search.study_name!r}; name another directory, or that study by `--study-name`."
            )
        return optuna.create_study(
            storage=search.storage,
            study_name=search.study_name,
            direction=search.direction,
            load_if_exists=True,
            **search.optuna_config,
        )
    except DatabaseError as error:
        raise ConfigurationError(f"{search.storage} is no storage of Optuna.") from error


def _begin(study: Any, search: Search) -> None:
    """Looks whether the study is this one; of a new one the config's own settings come first."""
    identity = {
        "config": hashlib.sha256(search.space.source.encode()).hexdigest(),
        "space": json.dumps([each._asdict() for each in search.space.parameters]),
        "metric": f"{search.direction} {search.metric}",
    }
    with _locked(search.directory):
        before = study.user_attrs
        differing = [key for key in identity if before.get(key) != identity[key]]
        if before and differing or study.direction.name.lower() != search.direction:
            raise ConfigurationError(
                f"{search.storage} holds a study of another {(differing or ['direction'])[0]}; "
                "name another directory, or go on with what it began with."
            )
        if not before:
            for key, value in identity.items():
                study.set_user_attr(key, value)
            default = search.space.default()
            if default is not None:
                study.enqueue_trial(default)
        _repeat_killed(study)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Lets one process at a time look at the study and change it."""
    with open(directory / ".lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _repeat_killed(study: Any) -> None:
    """Puts the trials of processes that are gone into the queue again."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, process = trial.user_attrs.get("process", "").partition(":")
        if host not in ("", socket.gethostname()) or (process and _is_alive(int(process))):
            continue
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params or trial.system_attrs.get("fixed_params"):
            study.enqueue_trial(trial.params or trial.system_attrs["fixed_params"])


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _work_together(search: Search, workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_work, args=(search,)) for _ in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    failed = [process for process in processes if process.exitcode]
    if failed:
        raise ConfigurationError(
            f"{len(failed)} of {workers} processes failed; what they said stands above."
        )


def _work(search: Search) -> None:
    """Trains trials until there are enough."""
    study = _open_study(search)
    with Tqdm.tqdm(total=search.trials, desc="trials") as bar:
        while (trial := _ask(study, search)) is not None:
            _run_trial(study, trial, search)
            bar.n = len(_finished(study))
            bar.set_description(_best_so_far(study, search))


def _ask(study: Any, search: Search) -> Any:
    """Begins a trial; `None` where there are enough, or time is over."""
    from optuna.trial import TrialState

    with _locked(search.directory):
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        enough = len(_finished(study)) + len(running) >= search.trials
        if enough or (search.until is not None and time.time() >= search.until):
            return None
        trial = study.ask()
        trial.set_user_attr("process", f"{socket.gethostname()}:{os.getpid()}")
        return trial


def _finished(study: Any) -> list[Any]:
    """Lists the trials that came to an end; those that were killed are repeated."""
    from optuna.trial import TrialState

    ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    trials = study.get_trials(deepcopy=False, states=ended)
    return [each for each in trials if each.state != TrialState.FAIL or "error" in each.user_attrs]


def _best_so_far(study: Any, search: Search) -> str:
    best = _best_trial(study)
    return (
        "trials" if best is None else f"best {search.metric} {best.value:.4f}, trial {best.number}"
    )


def _best_trial(study: Any) -> Any:
    from optuna.trial import TrialState

    completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return study.best_trial if completed else None


def _run_trial(study: Any, trial: Any, search: Search) -> None:
    from optuna.trial import TrialState

    directory = search.directory / f"trial_{trial.number}"
    shutil.rmtree(directory, ignore_errors=True)
    try:
        values = {each.name: each.suggest(trial) for each in search.space.parameters}
        with pruned_by(_judge(trial, search)):
            train.train_model(
                Params(_with_pruner(search.space.make_config(values))), str(directory)
            )
        metrics = json.loads((directory / "metrics.json").read_text(encoding="utf-8"))
        if search.metric not in metrics:
            raise ConfigurationError(
                f"`{search.metric}` is no metric of the training; it has {', '.join(metrics)}."
            )
        study.tell(trial, metrics[search.metric])
    except Pruned:
        study.tell(trial, state=TrialState.PRUNED)
    except ConfigurationError as error:
        trial.set_user_attr("error", sentence_of(error))
        study.tell(trial, state=TrialState.FAIL)
        raise
    except Exception as error:
        # One that asks for more memory than there is, for example, leaves the others alone.
        logger.warning("Trial %d failed: %s", trial.number, sentence_of(error), exc_info=error)
        trial.set_user_attr("error", sentence_of(error))
        study.tell(trial, state=TrialState.FAIL)
    _keep_best(study, search)


def _judge(trial: Any, search: Search) -> Callable[[dict[str, Any], int], bool]:
    """Makes what tells Optuna of an epoch, and asks whether there are to be more."""
    name = search.metric.removeprefix("best_")

    def judge(metrics: dict[str, Any], epoch: int) -> bool:
        if name not in metrics:
            return False
        trial.report(metrics[name], epoch)
        return trial.should_prune()

    return judge


def _with_pruner(config: dict[str, Any]) -> dict[str, Any]:
    trainer = config["trainer"]
    callbacks = trainer.get("callbacks") or []
    names = [each.get("type") if isinstance(each, dict) else each for each in callbacks]
    more = [] if NAME in names else [{"type": NAME}]
    return {**config, "trainer": {**trainer, "callbacks": [*callbacks, *more]}}


def _keep_best(study: Any, search: Search) -> None:
    """Removes the weights of the trials that are over and are not the best."""
    with _locked(search.directory):
        best = _best_trial(study)
        for trial in _finished(study):
            if best is None or trial.number != best.number:
                directory = search.directory / f"trial_{trial.number}"
                for path in [*directory.glob("*.th"), *directory.glob("model.tar.gz")]:
                    path.unlink(missing_ok=True)


def _finish(study: Any, search: Search) -> None:
    best = _best_trial(study)
    if best is None:
        errors = [
            each.user_attrs["error"] for each in _finished(study) if each.user_attrs.get("error")
        ]
        raise ConfigurationError(
            f"no trial came to its end{': ' + errors[-1] if errors else ' in that time.'}"
        )
    config = json.dumps(search.space.make_config(best.params), indent=2)
    with replace_file(search.directory / BEST) as aside:
        text = f"// {search.metric} {best.value:.6g}, trial {best.number}\n{config}\n"
        Path(aside).write_text(text, encoding="utf-8")
    _draw(study, search.directory)
    print(f"{search.metric} {best.value:.6g} in trial {best.number} of {len(_finished(study))}:")
    for name, value in best.params.items():
        print(f"  {name} = {value}")
    print(f"config: {search.directory / BEST}")
    print(f"model:  {search.directory / f'trial_{best.number}' / 'model.tar.gz'}")


def _draw(study: Any, directory: Path) -> None:
    """Draws the course of the search, how much each setting matters, and the settings tried."""
    # It takes a second to import, and opens windows unless told.
    import matplotlib

    matplotlib.use("Agg")
    from optuna.visualization import matplotlib as pictures

    draw: dict[str, Any] = {
        "history": pictures.plot_optimization_history,
        "importance": pictures.plot_param_importances,
        "parallel_coordinate": pictures.plot_parallel_coordinate,
    }
    for name, plot in draw.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                axes = plot(study)
                figure = axes.figure
                figure.savefig(
                    directory / f"{name}.svg", bbox_inches="tight", metadata={"Date": None}
                )
                matplotlib.pyplot.close(figure)
        except (RuntimeError, ValueError) as error:
            logger.warning("%s.svg is not drawn: %s", name, sentence_of(error))
