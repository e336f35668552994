"""The second step of the installation: AllenNLP itself, without its own requirements."""

import importlib.util
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from typing import Optional

from allennlp_compat.probe import probe_allennlp

ALLENNLP = {"allennlp": "2.10.1", "allennlp-models": "2.10.1"}


def installed_version(distribution: str) -> Optional[str]:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def find_installer() -> list[str]:
    """
    Gives the command that installs into the environment of this interpreter: pip's, or uv's where
    pip is not there; an empty list where neither is.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    return []


def describe_installer() -> str:
    """Gives that command as one types it in an active environment."""
    return "pip install" if importlib.util.find_spec("pip") else "uv pip install"


def install_allennlp() -> Optional[str]:
    """Gives what went wrong, in a sentence, or None."""
    before = {name: installed_version(name) for name in ALLENNLP}
    if before == ALLENNLP:
        print("AllenNLP 2.10.1 and allennlp-models 2.10.1 are there; nothing to do.")
        return None
    print(
        "AllenNLP's own requirements exclude every current PyTorch and transformers. So AllenNLP "
        "2.10.1 and allennlp-models 2.10.1 are installed without them; what they need came with "
        "allennlp-compat."
    )
    for name, version in before.items():
        if version not in (None, ALLENNLP[name]):
            print(f"They replace {name} {version}.")
    return _install() or _check()


def _install() -> Optional[str]:
    installer = find_installer()
    if not installer:
        return (
            f"Neither pip nor uv is there for {sys.executable}: run `python -m ensurepip`, or "
            "install uv, and try again."
        )
    packages = [f"{name}=={version}" for name, version in ALLENNLP.items()]
    command = [*installer, "--quiet", "--no-deps", *packages]
    print(f"$ {shlex.join(command)}", flush=True)
    if subprocess.run(command).returncode:
        return (
            "AllenNLP was not installed, for the reason above. Without a network, put the two "
            "wheels into a directory and name it in PIP_FIND_LINKS or UV_FIND_LINKS."
        )
    return None


def _check() -> Optional[str]:
    print("Trying to import it ...", flush=True)
    error, plugins = probe_allennlp()
    if error:
        return f"AllenNLP was installed but cannot be imported ({error})."
    failed = [f"{name} ({reason})" for name, reason in plugins.items() if reason]
    if failed:
        return f"AllenNLP works, but it could not load {', '.join(failed)}."
    print(f"AllenNLP works, with {', '.join(plugins)}.")
    return None
