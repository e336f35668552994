"""The versions that the repairs were tried with."""

import multiprocessing
import re
import warnings
from importlib import metadata

TRIED = {
    "torch": "2.13",
    "transformers": "5.23",
    "huggingface_hub": "1.33",
    "numpy": "2.4",
    "nltk": "3.10",
    "spacy": "3.8",
}


def warn_of_newer() -> None:
    """Warns once, and not in workers, of libraries that may have changed since."""
    # A spawned worker knows its parent only after it has imported the main module.
    if multiprocessing.current_process().name != "MainProcess":
        return
    newer = [text for name, tried in TRIED.items() if (text := _describe_newer(name, tried))]
    if newer:
        warnings.warn(
            f"allennlp_compat was not tried with {', '.join(newer)}. Where AllenNLP fails, install "
            "what it was tried with, or a newer allennlp-compat.",
            stacklevel=2,
        )


def _describe_newer(name: str, tried: str) -> str:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
    if _numbers(version) <= _numbers(tried):
        return ""
    return f"{name} {version} (but {tried})"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:2]]
