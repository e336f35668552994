"""From a cold start to the first prediction, each in a process of its own."""

import json
import os
import subprocess
import sys
from functools import partial

from transformers import BertForSequenceClassification

from benchmarks.checkpoints import Setting, checkpoint
from benchmarks.comparison import Contest, Row
from benchmarks.predict import TOLERANCE, classification_archive
from benchmarks.texts import comments, write_json_lines

OURS, PEER = "allennlp predict", "Hugging Face pipeline"

PIPELINE = """
import sys
from transformers import pipeline
print(pipeline("text-classification", sys.argv[1], device="cpu")(sys.argv[2])[0]["score"])
"""


def contest(setting: Setting) -> Contest:
    (text,) = comments(1, setting.data)
    bert = checkpoint(BertForSequenceClassification, setting)
    archived = classification_archive(bert, setting)
    line = write_json_lines(setting.directory / "one.jsonl", [{"text": text}])
    ours = partial(output_of, setting, "-m", "allennlp", "predict", archived, line)
    theirs = partial(output_of, setting, "-c", PIPELINE, bert, text)
    return Contest(
        "first prediction, from a cold start",
        {OURS: lambda: ours, PEER: lambda: theirs},
        [Row(OURS, PEER, 1 / 1.3)],
        lambda: check(ours(), theirs()),
        lambda cost: f"{cost:.1f} s",
    )


def output_of(setting: Setting, *arguments: str) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": str(setting.threads)}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


def check(ours: str, theirs: str) -> None:
    (output,) = (line for line in ours.splitlines() if line.startswith("prediction"))
    score = max(json.loads(output.partition(":")[2])["probs"])
    if abs(score - float(theirs)) > TOLERANCE:
        raise ValueError(f"The first predictions are {score} and {theirs.strip()}.")
