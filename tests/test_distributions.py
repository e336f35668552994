"""What the two distributions say of themselves, in several files, is one thing."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import ROOT


def by_name(lines: list[str]) -> dict[str, Requirement]:
    """Gives those requirements that hold without an extra."""
    requirements = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    return {
        name: each
        for name, each in requirements.items()
        if each.marker is None or "extra" not in str(each.marker)
    }


COMPAT = tomllib.loads((ROOT / "allennlp_compat" / "pyproject.toml").read_text())["project"]
UV = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["override-dependencies"]
OVERRIDES = by_name(UV)
STATED = by_name(COMPAT["dependencies"])
OURS = by_name(metadata.requires("bert-classification") or [])
TRIED = by_name((ROOT / "constraints.txt").read_text().split())
THEIRS = [
    pytest.param(name, requirement, id=f"{distribution}-{name}")
    for distribution in ("allennlp", "allennlp-models")
    for name, requirement in by_name(metadata.requires(distribution) or []).items()
    if name != "dataclasses"  # of Python 3.6
]


def admits(requirement: Requirement, name: str) -> bool:
    """Tells whether the version that the tests run with is one that is asked for."""
    (tried,) = TRIED[name].specifier
    return requirement.specifier.contains(tried.version, prereleases=True)


def test_overrides_of_uv_stand_in_two_files() -> None:
    lines = (ROOT / "overrides.txt").read_text().splitlines()
    assert [line for line in lines if line and line[0] != "#"] == UV


@pytest.mark.parametrize("name, requirement", THEIRS)
def test_overrides_are_for_what_allennlp_requires_of_2022(name, requirement) -> None:
    if name not in OVERRIDES:
        assert admits(requirement, name)
    elif OVERRIDES[name].marker is None:
        assert not admits(requirement, name)
    else:
        assert name not in STATED


@pytest.mark.parametrize("name", [each for each in OVERRIDES if OVERRIDES[each].marker is None])
def test_an_override_says_what_we_require(name) -> None:
    # protobuf is required by others alone.
    if name != "protobuf":
        assert OVERRIDES[name].specifier == STATED[name].specifier
    assert name in {each.values[0] for each in THEIRS}


@pytest.mark.parametrize("name", sorted({*STATED, *OURS} - {"allennlp-compat"}))
def test_both_require_the_same_and_it_is_tried(name) -> None:
    stated = [each[name] for each in (STATED, OURS) if name in each]
    assert all(requirement.specifier == stated[0].specifier for requirement in stated)
    assert admits(stated[0], name)


def test_one_version() -> None:
    (citation,) = re.findall(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    setup = (ROOT / "setup.py").read_text()
    assert f'version="{citation}"' in setup and f'"allennlp-compat=={citation}"' in setup
    assert COMPAT["version"] == citation


def test_the_description_has_no_links_that_an_index_cannot_follow() -> None:
    text = metadata.metadata("bert-classification").get_payload()
    assert re.findall(r"\]\((?!https?:|#)", str(text)) == []


def test_our_plugin_is_stated() -> None:
    (plugin,) = metadata.distribution("bert-classification").entry_points.select(
        group="allennlp.plugins"
    )
    assert plugin.value == "bert_classification"
