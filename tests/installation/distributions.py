"""The two distributions, and where pip and uv find them and all else."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).parents[2]

MISLEADING = ("PYTHONPATH", "VIRTUAL_ENV", "UV_PYTHON")
"""What leads an installation, or what is installed, into another environment."""


def build_distributions(output: Path) -> Path:
    """Builds sdists, and wheels out of these, into a directory."""
    for source in (ROOT, ROOT / "allennlp_compat"):
        command = [sys.executable, "-m", "build", "--outdir", str(output), str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{done.stdout}\n{done.stderr}\n{source} cannot be built.")
    return output


def environment_for(wheels: Path, constraint: Optional[Path]) -> dict[str, str]:
    """
    Gives the environment in which pip and uv find what this machine's pip finds, and our wheels; uv
    does not read pip's configuration.
    """
    configured = _pip_configuration()
    constraints = [*configured.get("constraint", []), *([str(constraint)] if constraint else [])]
    links = [*configured.get("find-links", []), str(wheels)]
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
        "PIP_FIND_LINKS": " ".join(links),
        "UV_FIND_LINKS": ",".join(links),
    }
    if constraints:
        environment["PIP_CONSTRAINT"] = environment["UV_CONSTRAINT"] = " ".join(constraints)
    for name, ours in (("index-url", "UV_DEFAULT_INDEX"), ("cert", "SSL_CERT_FILE")):
        if name in configured:
            environment[ours] = configured[name][0]
    if "extra-index-url" in configured:
        # As pip does, uv shall take the best version of all indexes.
        environment["UV_INDEX"] = " ".join(configured["extra-index-url"])
        environment["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return environment


def _pip_configuration() -> dict[str, list[str]]:
    """Gives the values of each option by its name; those of environment variables count most."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    entries = [line.partition("=") for line in output.splitlines()]
    entries.sort(key=lambda entry: entry[0].startswith(":env:"))
    return {name.rpartition(".")[2]: ast.literal_eval(value).split() for name, _, value in entries}
