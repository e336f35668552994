"""What is installed, what is missing, and the line that repairs it."""

import json
import os
import platform
import shlex
from importlib import metadata
from typing import Iterator, NamedTuple

from packaging.specifiers import SpecifierSet

from allennlp_compat.installation import ALLENNLP, describe_installer, installed_version
from allennlp_compat.plugins import find_plugins
from allennlp_compat.probe import probe_allennlp
from allennlp_compat.requirements import Need, find_extras, find_needs, look_up

FIRST = ("torch", "transformers", *ALLENNLP)
AUTOLOAD = "TORCH_DEVICE_BACKEND_AUTOLOAD"


class Row(NamedTuple):
    """
    note : `str`
        What is wanted, or what would bring what is missing.
    repair : `str`
        What one has to do; nothing where all is well, also where something optional is missing.
    """

    name: str
    found: str
    note: str = ""
    repair: str = ""


def examine(program: str, as_json: bool = False) -> bool:
    """Prints what is there, and tells whether all that is needed is."""
    rows = []
    for row in _examine_all(program):
        rows.append(row)
        if not as_json:
            mark = "!" if row.repair else " "
            print(f"{mark} {row.name:<32} {row.found:<24} {row.note}".rstrip(), flush=True)
    repairs = dict.fromkeys(row.repair for row in rows if row.repair)
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
    elif repairs:
        print("\nTo repair it:", *repairs, sep="\n  ")
    return not repairs


def _examine_all(program: str) -> Iterator[Row]:
    names = dict.fromkeys([*find_plugins().values(), "allennlp-compat"])
    distributions = [name for name in names if installed_version(name)]
    yield from _python(distributions)
    yield from _needs(program, distributions)
    for distribution in distributions:
        yield from _extras(distribution)
    yield from _allennlp()
    yield from _devices()
    yield from _hub()


def _python(distributions: list[str]) -> Iterator[Row]:
    wanted = [metadata.metadata(name)["Requires-Python"] or "" for name in distributions]
    specifiers = SpecifierSet(",".join(filter(None, dict.fromkeys(wanted))))
    version = platform.python_version()
    wrong = not specifiers.contains(version, prereleases=True)
    repair = f"Make an environment with Python {_in_words(specifiers)}." if wrong else ""
    yield Row("Python", version, _in_words(specifiers), repair)
    yield Row("platform", platform.platform())


def _needs(program: str, distributions: list[str]) -> Iterator[Row]:
    needs = {name: look_up(name) for name in ("allennlp-compat", *distributions)}
    needs |= find_needs(distributions)
    unmet = [f"{need.name}{_in_words(need.wanted)}" for need in needs.values() if not need.is_met]
    repair = f"{describe_installer()} {shlex.join(sorted(unmet))}"
    needs |= {name: look_up(name, f"=={version}") for name, version in ALLENNLP.items()}
    for name in dict.fromkeys([*FIRST, *distributions, *sorted(needs)]):
        if name in needs:
            own = f"{program} install-allennlp" if name in ALLENNLP else repair
            yield _row(needs[name], own)


def _row(need: Need, repair: str) -> Row:
    found = need.installed or "missing"
    return Row(need.name, found, _in_words(need.wanted), "" if need.is_met else repair)


def _in_words(wanted: SpecifierSet) -> str:
    # The lowest first: >=2,<3.
    return ",".join(sorted(map(str, wanted), reverse=True))


def _extras(distribution: str) -> Iterator[Row]:
    for extra, needs in find_extras(distribution).items():
        missing = [need.name for need in needs if not need.is_met]
        package = shlex.quote(f"{distribution}[{extra}]")
        found, note = "there", ""
        if missing:
            found = "not there"
            note = f"{describe_installer()} {package} brings {', '.join(missing)}"
        yield Row(f"{distribution}[{extra}]", found, note)


def _allennlp() -> Iterator[Row]:
    if os.environ.get(AUTOLOAD) == "0":
        repair = f"Unset {AUTOLOAD}: without it PyTorch does not call allennlp-compat."
        yield Row("PyTorch's entry points", "switched off", f"{AUTOLOAD}=0", repair)
        return
    if any(installed_version(name) != version for name, version in ALLENNLP.items()):
        return
    error, plugins = probe_allennlp()
    repair = f"AllenNLP cannot be imported: {error}" if error else ""
    yield Row("import allennlp", "fails" if error else "works", error or "", repair)
    for plugin, reason in plugins.items():
        repair = f"The plugin {plugin} cannot be imported: {reason}" if reason else ""
        yield Row(f"plugin {plugin}", "fails" if reason else "found", reason or "", repair)


def _devices() -> Iterator[Row]:
    try:
        import torch
    except Exception as error:
        # It is missing, which is said above, or its libraries cannot be loaded.
        yield Row("devices", "unknown", f"import torch: {type(error).__name__}: {error}")
        return
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    for number in range(torch.cuda.device_count() if cuda else 0):
        with torch.cuda.device(number):
            note = "bfloat16" if torch.cuda.is_bf16_supported() else "no bfloat16"
        yield Row(f"cuda:{number}", torch.cuda.get_device_name(number), note)
    if mps:
        yield Row("mps", platform.processor())
    if not cuda and not mps:
        yield Row("GPU", "none seen", f"PyTorch is built for CUDA {torch.version.cuda or '-'}")
    yield Row("CPU threads", str(torch.get_num_threads()))


def _hub() -> Iterator[Row]:
    try:
        from huggingface_hub import constants
    except ImportError:
        return
    offline = "offline" if constants.HF_HUB_OFFLINE else "online"
    yield Row("hub", offline, f"cache in {constants.HF_HUB_CACHE}")
