"""The repairs are in place however modules come to be imported."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support import ROOT

LOADED = """
from allennlp.common.util import int_to_device
assert str(int_to_device(1)) == "cuda:1"
"""


def run(
    directory: Path, code: str, *options: str, path: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess:
    paths = [str(path), *(entry for entry in sys.path if entry and entry != str(ROOT))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment}
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, env=environment, cwd=directory, capture_output=True, text=True)


@pytest.mark.parametrize(
    "first",
    [
        "",
        "import allennlp",
        "import transformers",
        "from transformers import BertModel",
        "import transformers, torch",
        "import nltk, spacy, huggingface_hub",
        "import allennlp_compat; allennlp_compat.install(); allennlp_compat.install()",
    ],
)
def test_in_every_order(tmp_path, first) -> None:
    code = f"{first}\n{LOADED}\nimport allennlp.data, transformers\nfrom transformers import AdamW"
    done = run(tmp_path, code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("options", [["-O"], ["-W", "error:::allennlp_compat"], ["-B"], ["-s"]])
def test_with_options_of_python(tmp_path, options) -> None:
    done = run(tmp_path, f"import allennlp.commands, allennlp_models.rc\n{LOADED}", *options)
    assert done.returncode == 0, done.stderr


def test_where_pytorch_does_not_call_us(tmp_path) -> None:
    code = f"import allennlp_compat; allennlp_compat.install()\n{LOADED}"
    done = run(tmp_path, code, TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert done.returncode == 0, done.stderr


def test_modules_that_are_imported_again(tmp_path) -> None:
    code = """
import importlib
import allennlp.common.util as util, allennlp.models.model as model
import allennlp.common.cached_transformers as cached
import allennlp_compat, sys
for module in (util, cached, model, allennlp_compat) * 2:
    importlib.reload(module)
allennlp_compat.install()
assert str(util.int_to_device(1)) == "cuda:1"
assert [type(finder).__name__ for finder in sys.meta_path].count("RepairingFinder") == 1
"""
    done = run(tmp_path, code)
    assert done.returncode == 0, done.stderr


def test_an_import_that_fails_can_be_tried_again(tmp_path) -> None:
    code = """
import sys, torch
sys.modules["lmdb"] = None
try:
    import allennlp.common.file_utils
except ImportError as error:
    assert "lmdb" in str(error)
del sys.modules["lmdb"]
import allennlp.common.file_utils
assert allennlp.common.file_utils.pickle.HIGHEST_PROTOCOL == 2
"""
    done = run(tmp_path, code)
    assert done.returncode == 0, done.stderr


def test_a_stand_in_is_taken_away_when_the_import_fails(tmp_path) -> None:
    code = """
import sys, torch
sys.modules["allennlp.common.file_utils"] = None
try:
    import allennlp.data.image_loader
except ImportError as error:
    assert "file_utils" in str(error)
assert "torchvision" not in sys.modules
"""
    done = run(tmp_path, code)
    assert done.returncode == 0, done.stderr


def test_out_of_a_zip_file(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "compat.zip", "w") as archive:
        for path in (ROOT / "allennlp_compat").rglob("*.py"):
            archive.write(path, path.relative_to(ROOT))
    code = f"{LOADED}\nimport allennlp_compat\nprint(allennlp_compat.__file__)"
    done = run(tmp_path, code, path=tmp_path / "compat.zip")
    assert "compat.zip" in done.stdout, done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_in_worker_processes(tmp_path, method) -> None:
    (tmp_path / "work.py").write_text(f"def work():\n    {LOADED.strip().replace(chr(10), '; ')}\n")
    code = f"""
import multiprocessing, torch
from work import work
if __name__ == "__main__":
    worker = multiprocessing.get_context("{method}").Process(target=work)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
"""
    done = run(tmp_path, code, path=tmp_path)
    assert done.returncode == 0, done.stderr


def test_with_assertions_that_pytest_rewrites(tmp_path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest; pytest.register_assert_rewrite('allennlp')"
    )
    (tmp_path / "test_it.py").write_text(
        f"def test_it():\n    {LOADED.strip().splitlines()[0]}\n"
        "    assert str(int_to_device(1)) == 'cuda:1'\n"
    )
    code = "import pytest, sys; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider']))"
    done = run(tmp_path, code)
    assert done.returncode == 0, done.stdout
