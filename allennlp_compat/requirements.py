"""What distributions say that they need, beside what is installed."""

from importlib import metadata
from typing import Iterator, NamedTuple, Union

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from allennlp_compat.installation import installed_version


class Need(NamedTuple):
    """
    installed : `str`
        The version, or nothing.
    """

    name: str
    wanted: SpecifierSet
    installed: str

    @property
    def is_met(self) -> bool:
        return bool(self.installed) and self.wanted.contains(self.installed, prereleases=True)


def look_up(name: str, wanted: Union[str, SpecifierSet] = "") -> Need:
    return Need(name, SpecifierSet(str(wanted)), installed_version(name) or "")


def find_needs(distributions: list[str]) -> dict[str, Need]:
    """Gives what installed distributions need together, without their extras, by its name."""
    wanted: dict[str, SpecifierSet] = {}
    for distribution in distributions:
        for requirement in _requirements(distribution):
            name = canonicalize_name(requirement.name)
            wanted[name] = wanted.get(name, SpecifierSet()) & requirement.specifier
    return {name: look_up(name, specifiers) for name, specifiers in wanted.items()}


def find_extras(distribution: str) -> dict[str, list[Need]]:
    """Gives what each extra of an installed distribution needs beside that, by its name."""
    needed = list(_requirements(distribution))
    extras = metadata.metadata(distribution).get_all("Provides-Extra") or []
    return {
        extra: [
            look_up(each.name, each.specifier)
            for each in _requirements(distribution, extra)
            if each not in needed
        ]
        for extra in extras
    }


def _requirements(distribution: str, extra: str = "") -> Iterator[Requirement]:
    for line in metadata.requires(distribution) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement
