"""Whether AllenNLP works here, seen by a process of its own, away from any project."""

import re
import subprocess
import sys
import tempfile
from typing import NamedTuple, Optional

from allennlp_compat.plugins import find_plugins

# Without the repairs this ends in its first line.
CODE = """
import allennlp.commands, sys
from allennlp.common.plugins import import_plugins
from allennlp.models import Model
import_plugins()
assert "basic_classifier" in Model.list_available(), "AllenNLP's registries are empty"
print("\\n".join(sys.modules))
"""

FAILED = re.compile(r"^Plugin (\S+) could not be loaded: (.*)$", re.MULTILINE)


class Probe(NamedTuple):
    """
    error : `Optional[str]`
        Why AllenNLP cannot be imported.
    plugins : `dict[str, Optional[str]]`
        What it finds, allennlp_models among them, each with the reason where that failed.
    """

    error: Optional[str]
    plugins: dict[str, Optional[str]]


def probe_allennlp() -> Probe:
    with tempfile.TemporaryDirectory() as elsewhere:
        command = [sys.executable, "-c", CODE]
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True)
    if done.returncode:
        return Probe((done.stderr.strip().splitlines() or ["it ended silently"])[-1], {})
    loaded = set(done.stdout.splitlines())
    reasons = dict(FAILED.findall(done.stderr))
    return Probe(
        None,
        {
            name: reasons.get(name, None if name in loaded else "it was not imported")
            for name in ("allennlp_models", *find_plugins())
        },
    )
