"""Environments of Python as users have them, made of what is installed here, without a network."""

import os
import subprocess
import sysconfig
import venv
import zipfile
from importlib import metadata
from pathlib import Path

from tests.support import ROOT

SCRIPT = "from allennlp_compat.command_line import main\nraise SystemExit(main())\n"
ALLENNLP = ("allennlp", "allennlp-models")


class Environment:
    """An environment that has what is installed here, without some distributions."""

    def __init__(
        self, directory: Path, without: tuple[str, ...] = (), with_pip: bool = False
    ) -> None:
        venv.create(directory / "venv", with_pip=with_pip)
        self.directory = directory
        self.packages = directory / "packages"
        self.packages.mkdir()
        absent = {"pip", "uv", *(name for each in without for name in top_level(each))}
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if entry.name not in absent and entry.suffix != ".pth":
                (self.packages / entry.name).symlink_to(entry)
        (own,) = (directory / "venv").glob("lib/*/site-packages")
        (own / "all.pth").write_text(f"{ROOT}\n{self.packages}\n")
        (directory / "bert-classification").write_text(SCRIPT)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        """Runs `bert-classification` in it."""
        environment = {**os.environ, **variables}
        environment.pop("PYTHONPATH", None)
        script = str(self.directory / "bert-classification")
        command = [str(self.directory / "venv" / "bin" / "python"), script, *arguments]
        return subprocess.run(
            command, env=environment, cwd=self.directory, capture_output=True, text=True
        )


def top_level(distribution: str) -> set[str]:
    """Gives the names of what a distribution has in `site-packages`."""
    files = metadata.files(distribution) or []
    return {file.parts[0] for file in files if file.parts[0] != ".."}


def pack_wheel(distribution: str, directory: Path) -> None:
    """Writes the wheel that a distribution was installed from."""
    files = [file for file in metadata.files(distribution) or [] if ".." not in file.parts]
    name, version = distribution.replace("-", "_"), metadata.version(distribution)
    with zipfile.ZipFile(directory / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file in files:
            if file.suffix != ".pyc" and file.name not in ("INSTALLER", "REQUESTED"):
                wheel.write(file.locate(), file)
