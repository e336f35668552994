"""
Installs the two distributions as a newcomer does, or at the ends of what they allow, in a directory
and an environment of its own, and tries what is installed:

    python -m tests.installation {pip,uv,lowest,newest}

Packages come from where this machine's pip takes them.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Optional

from tests.installation import newcomer, ranges
from tests.installation.distributions import build_distributions, environment_for
from tests.installation.steps import Steps

NEWCOMERS = {"pip": newcomer.install_with_pip, "uv": newcomer.install_with_uv}
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.installation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("way", choices=[*NEWCOMERS, *RESOLUTIONS])
    parser.add_argument("--torch", metavar="VERSION", help="the only one to take, as 2.13.0+cpu")
    parser.add_argument("--distributions", type=Path, help="what was built; default: build it")
    parser.add_argument("--all", action="store_true", help="lowest and newest: run all tests")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        built = options.distributions or build_distributions(Path(directory) / "dist")
        distributions = built.resolve()
        environment = environment_for(distributions, _constraint(Path(directory), options.torch))
        if options.way in NEWCOMERS:
            steps = Steps(Path(directory) / "empty", environment)
            NEWCOMERS[options.way](steps)
            newcomer.predict(steps)
        else:
            source = ranges.unpack_source(distributions, Path(directory))
            steps = Steps(source, environment)
            ranges.try_versions(
                steps, RESOLUTIONS[options.way], "" if options.all else ranges.TELLING
            )
        steps.report()


def _constraint(directory: Path, torch: Optional[str]) -> Optional[Path]:
    if torch is None:
        return None
    path = directory / "torch.txt"
    path.write_text(f"torch=={torch}\n")
    return path


if __name__ == "__main__":
    main()
