"""`bert-classification doctor`, in environments that are well and in damaged ones."""

import json
from typing import Any

from tests.allennlp_compat.environments import ALLENNLP, Environment

DISTRIBUTION = """Metadata-Version: 2.1
Name: {name}
Version: 1.0
Requires-Dist: h5py>=99
Requires-Dist: nowhere>=1
Requires-Dist: tqdm
Provides-Extra: more
Requires-Dist: nowhere-else; extra == "more"
"""


def add_plugin(environment: Environment, name: str, source: str) -> None:
    """Installs a distribution that is a plugin, with requirements that are not met."""
    directory = environment.packages / f"{name}-1.0.dist-info"
    directory.mkdir()
    (directory / "METADATA").write_text(DISTRIBUTION.format(name=name))
    (directory / "entry_points.txt").write_text(f"[allennlp.plugins]\n{name} = {name}\n")
    (environment.packages / f"{name}.py").write_text(source)


def rows_of(environment: Environment, **variables: str) -> tuple[int, dict[str, Any]]:
    done = environment.run("doctor", "--json", **variables)
    return done.returncode, {row["name"]: row for row in json.loads(done.stdout)}


def test_all_is_well(tmp_path) -> None:
    status, rows = rows_of(Environment(tmp_path), HF_HUB_OFFLINE="1", HF_HUB_CACHE="/kept/here")
    assert status == 0 and not any(row["repair"] for row in rows.values())
    assert rows["import allennlp"]["found"] == "works"
    assert rows["plugin allennlp_models"]["found"] == "found"
    assert rows["allennlp"]["found"] == "2.10.1"
    assert rows["hub"] == {
        "name": "hub",
        "found": "offline",
        "note": "cache in /kept/here",
        "repair": "",
    }
    assert int(rows["CPU threads"]["found"]) > 0


def test_what_is_missing_has_a_line_that_repairs_it(tmp_path) -> None:
    environment = Environment(tmp_path, without=ALLENNLP)
    add_plugin(environment, "demanding", "")
    done = environment.run("doctor")
    assert done.returncode == 1
    table, _, repairs = done.stdout.partition("\nTo repair it:\n")
    marked = [line.split()[1:3] for line in table.splitlines() if line.startswith("!")]
    assert ["nowhere", "missing"] in marked and ["allennlp", "missing"] in marked
    assert [line.strip() for line in repairs.splitlines()] == [
        "bert-classification install-allennlp",
        "uv pip install 'h5py>=99,>=3.11' 'nowhere>=1'",
    ]
    assert "uv pip install 'demanding[more]' brings nowhere-else" in table


def test_a_plugin_that_fails(tmp_path) -> None:
    environment = Environment(tmp_path)
    add_plugin(environment, "broken", "raise ValueError('first line\\nsecond line')")
    status, rows = rows_of(environment)
    assert status == 1
    assert rows["plugin broken"]["note"] == "ValueError: first line"
    assert rows["plugin allennlp_models"]["repair"] == ""


def test_an_allennlp_that_cannot_be_imported(tmp_path) -> None:
    environment = Environment(tmp_path, without=("lmdb",))
    status, rows = rows_of(environment)
    assert status == 1
    assert "No module named 'lmdb'" in rows["import allennlp"]["repair"]
    assert rows["lmdb"]["repair"].startswith("uv pip install 'lmdb>=")


def test_entry_points_of_pytorch_that_are_switched_off(tmp_path) -> None:
    status, rows = rows_of(Environment(tmp_path), TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    assert status == 1
    assert "Unset TORCH_DEVICE_BACKEND_AUTOLOAD" in rows["PyTorch's entry points"]["repair"]
