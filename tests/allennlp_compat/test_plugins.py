import gc
import sys

import pytest
from allennlp.common import plugins
from allennlp.common.util import import_module_and_submodules


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
