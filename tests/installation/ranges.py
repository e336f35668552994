"""The tests, at both ends of the versions that the two distributions allow."""

import tarfile
from pathlib import Path

from tests.installation.steps import Steps

TELLING = (
    "tests/allennlp_compat/test_commands.py tests/allennlp_compat/test_transformers_models.py "
    "tests/classification tests/bert/test_packing.py tests/archives/test_witnesses.py "
    "tests/serving/test_app.py tests/commands/test_onnx.py"
)
"""Together they use each library that is required."""


def unpack_source(distributions: Path, output: Path) -> Path:
    """Unpacks the sdist, whose tests shall run: so one sees that it is whole."""
    (archive,) = distributions.glob("bert_classification-*.tar.gz")
    with tarfile.open(archive) as members:
        members.extractall(output, filter="data")
    return output / archive.name.removesuffix(".tar.gz")


def try_versions(steps: Steps, resolution: str, tests: str) -> None:
    """
    # Parameters

    resolution : `str`
        uv's: `lowest-direct`, or `highest`.
    tests : `str`
        Paths; none are all.
    """
    steps.run("uv venv")
    steps.activate()
    # What sources require counts as direct. `pyproject.toml` has the overrides for AllenNLP, which
    # pip does not have.
    sources = "'./allennlp_compat[models,tests]' '.[demo,dev]'"
    steps.run(f"uv pip install --no-config --resolution {resolution} {sources}")
    steps.run("bert-classification install-allennlp && bert-classification doctor")
    steps.run(f"python -m pytest -p no:cacheprovider {tests}")
