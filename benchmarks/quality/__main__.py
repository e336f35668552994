"""
The quality of each task on public data, beside a plain loop of Hugging Face's classes: the same
weights, examples, steps, optimizer and schedule, several seeds. It prints a table of means, and
keeps each run in a file, from which an interrupted one goes on:

    python -m benchmarks.quality --data DIRECTORY --results quality.json
"""

import argparse
import itertools
import os
import sys
import tempfile
import warnings
from pathlib import Path

PACKAGES = ("torch", "transformers", "tokenizers", "seqeval", "scikit-learn", "scipy", "allennlp")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=__doc__.split(":")[0]
    )
    parser.add_argument("--data", required=True, type=Path, help="the directory of the data sets")
    parser.add_argument("--results", type=Path, default=Path("quality.json"), help="runs so far")
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help="some rows of the table")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--share", type=float, default=1.0, help="of the data, for a trial; or more"
    )
    try:
        run(parser.parse_args())
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is missing; docs/quality.md says what --data has to hold.")


def run(options: argparse.Namespace) -> None:
    os.environ.update(
        RAYON_NUM_THREADS=str(options.threads),
        OMP_NUM_THREADS=str(options.threads),
        TQDM_DISABLE="1",
        TRANSFORMERS_VERBOSITY="error",
    )
    warnings.simplefilter("ignore")
    import torch

    from benchmarks.__main__ import machine
    from benchmarks.quality.files import Amounts
    from benchmarks.quality.runs import SIDES, Results, prepare, settings_of
    from benchmarks.quality.table import HEADER, row
    from benchmarks.quality.tasks import TASKS
    from bert_classification.commands.demo import embedded_bert

    torch.set_num_threads(options.threads)
    bert, results = embedded_bert(), Results(options.results)
    names = options.tasks or list(TASKS)
    if unknown := [name for name in names if name not in TASKS]:
        sys.exit(f"--tasks: there is no {unknown[0]}; expected some of {', '.join(TASKS)}.")
    with tempfile.TemporaryDirectory() as directory:
        prepared = {}
        for name in names:
            amounts = Amounts(*(max(20, round(options.share * n)) for n in TASKS[name].amounts))
            Path(directory, name).mkdir()
            data = prepare(TASKS[name], options.data, bert, Path(directory, name), amounts)
            prepared[name] = (data, settings_of(TASKS[name], data, amounts))
        # Seed by seed, so that an unfinished table has all rows.
        for seed, name, side in itertools.product(options.seeds, names, SIDES):
            data, settings = prepared[name]
            if not results.has(name, side, seed, settings):
                found = SIDES[side](TASKS[name], data, bert, seed)
                results.add(name, side, seed, {**found, "settings": settings})
                print(
                    f"{name}, {side}, seed {seed}: {found['steps']} steps, {found['scores']}",
                    flush=True,
                )
    rows = [row(name, TASKS[name], results, options.seeds) for name in names]
    print("", machine(options.threads, PACKAGES), "", HEADER, *rows, sep="\n")


if __name__ == "__main__":
    main()
