"""
The speed of this package beside its peers: the same weights, texts, batch size, threads and
precision, in turns, and a table of medians and ratios. `make benchmark`, or

    python -m benchmarks --data comments.tsv --squad dev-v1.1.json --text wiki.txt --only predict
"""

import argparse
import os
import platform
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Sequence

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "onnxruntime",
    "openvino",
    "nncf",
    "ctranslate2",
    "allennlp",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split(":")[0])
    parser.add_argument("--data", help="comments: the first column of a file with tabs")
    parser.add_argument("--squad", help="questions: a file in SQuAD's JSON")
    parser.add_argument("--text", help="running text for masked LM: a plain file")
    parser.add_argument("--only", nargs="+", metavar="CONTEST", help="a part of the table")
    parser.add_argument("--pairs", type=int, default=5, help="how often each side takes its turn")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--processor-time", action="store_true", help="for a machine that others use as well"
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the work, for a trial")
    run(parser.parse_args())


def run(options: argparse.Namespace) -> None:
    # Read by the libraries when they are imported, or start their threads.
    os.environ.update(
        RAYON_NUM_THREADS=str(options.threads), TQDM_DISABLE="1", TRANSFORMERS_VERBOSITY="error"
    )
    warnings.simplefilter("ignore")
    import torch

    from benchmarks import (
        beside_engines,
        embedding,
        masked_lm,
        predict,
        question_answering,
        reading,
        serving,
        start_up,
        train,
    )
    from benchmarks.checkpoints import Setting
    from benchmarks.comparison import (
        HEADER,
        Contest,
        compare,
        processor_seconds,
        seconds,
        table_rows,
    )

    torch.set_num_threads(options.threads)
    contests = {
        "predict": predict.contest,
        "engines": beside_engines.contests,
        "embedding": embedding.contest,
        "train": train.contest,
        "masked_lm": masked_lm.contest,
        "question_answering": question_answering.contest,
        "reading": reading.contest,
        "memory": reading.memory_contest,
        "start_up": start_up.contest,
        "serving": serving.contests,
    }
    clock = processor_seconds if options.processor_time else seconds
    rows = []
    for name in options.only or contests:
        with tempfile.TemporaryDirectory() as directory:
            files = (options.data, options.squad, options.text)
            setting = Setting(Path(directory), options.threads, options.share, *files)
            found = contests[name](setting)
            for contest in [found] if isinstance(found, Contest) else found:
                rows += table_rows(contest, compare(contest, options.pairs, clock))
    print("", machine(options.threads), "", HEADER, *rows, sep="\n")


def machine(threads: int, packages: Sequence[str] = PACKAGES) -> str:
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{processor()}, {os.cpu_count()} cores, {threads} threads, load {os.getloadavg()[2]:.1f}; "
        f"Python {platform.python_version()}, {versions}"
    )


def processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
