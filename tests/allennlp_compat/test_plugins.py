import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
from allennlp.common import plugins
from allennlp.common.util import import_module_and_submodules

from tests.support import ROOT

SUBCOMMAND = """
from allennlp.commands.subcommand import Subcommand

@Subcommand.register("{name}")
class Greet(Subcommand):
    def add_subparser(self, parser):
        subparser = parser.add_parser(self.name, help="greets")
        subparser.set_defaults(func=lambda options: print("hello from {name}"))
        return subparser
"""


def install_plugin(site: Path, module: str, source: str) -> None:
    """Installs a distribution that states a plugin."""
    information = site / f"{module}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[allennlp.plugins]\nany = {module}\n")
    (site / f"{module}.py").write_text(source)


def run_in(directory: Path, site: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}
    command = [sys.executable, "-m", "allennlp", *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)


class TestInstalled:
    def test_found_in_every_directory(self, tmp_path) -> None:
        site, directory = tmp_path / "site", tmp_path / "empty"
        directory.mkdir()
        install_plugin(site, "greeting_plugin", SUBCOMMAND.format(name="greet"))
        install_plugin(site, "broken_plugin", "raise ValueError('so old\\nand worn')")
        done = run_in(directory, site, "greet")
        assert (done.returncode, done.stdout) == (0, "hello from greet\n"), done.stderr
        complaints = [line for line in done.stderr.splitlines() if "broken_plugin" in line]
        assert len(complaints) == 1
        assert "broken_plugin could not be loaded: ValueError: so old" in complaints[0]

    def test_named_in_a_file_too(self, tmp_path) -> None:
        site, directory = tmp_path / "site", tmp_path / "project"
        directory.mkdir()
        install_plugin(site, "greeting_plugin", SUBCOMMAND.format(name="greet"))
        (directory / ".allennlp_plugins").write_text("greeting_plugin\nlocal_plugin\n")
        (directory / "local_plugin.py").write_text(SUBCOMMAND.format(name="salute"))
        help = run_in(directory, site, "--help")
        assert help.returncode == 0 and "greet " in help.stdout and "salute" in help.stdout


def test_whoever_asks_sees_what_allennlp_finds(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plugins, "GLOBAL_PLUGINS_FILENAME", str(tmp_path / "none"))
    assert list(plugins.discover_plugins()) == []
    (tmp_path / ".allennlp_plugins").write_text("mine\n")
    assert list(plugins.discover_plugins()) == ["mine"]
    discover = plugins.discover_plugins
    (tmp_path / "mine.py").write_text("raise ZeroDivisionError")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ZeroDivisionError):
        plugins.import_plugins()
    assert plugins.discover_plugins is discover


def test_plugins_are_imported_with_all_their_modules(tmp_path, monkeypatch) -> None:
    # Directories that Python has read already are read again, once for each plugin.
    monkeypatch.syspath_prepend(tmp_path)
    enabled = gc.isenabled()
    for plugin in ("first_plugin", "second_plugin"):
        package = tmp_path / plugin
        (package / "inner").mkdir(parents=True)
        for path in ("__init__.py", "one.py", "inner/__init__.py", "inner/two.py"):
            (package / path).write_text("import gc; enabled = gc.isenabled()\n")
        import_module_and_submodules(plugin)
        names = {name for name in sys.modules if name.startswith(plugin)}
        assert names == {plugin, f"{plugin}.one", f"{plugin}.inner", f"{plugin}.inner.two"}
        assert not sys.modules[f"{plugin}.inner.two"].enabled
        assert gc.isenabled() == enabled
    (tmp_path / "broken_plugin.py").write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        import_module_and_submodules("broken_plugin")
    assert gc.isenabled() == enabled
    (tmp_path / "after.py").write_text("")
    import_module_and_submodules("after")
    assert "after" in sys.modules
