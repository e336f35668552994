"""
The commands `allennlp-compat` and `bert-classification`. They run where AllenNLP is not there yet.
"""

import argparse
import sys
from importlib import metadata
from typing import Optional

from allennlp_compat.installation import install_allennlp


def main(arguments: Optional[list[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="The installation of AllenNLP on today's Python.")
    parser.add_argument("--version", action="version", version=metadata.version("allennlp-compat"))
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("install-allennlp", help="install AllenNLP itself, and try it")
    doctor = commands.add_parser(
        "doctor", help="say what is there, what is missing, and the repair"
    )
    doctor.add_argument("--json", action="store_true", help="as JSON, one object a row")
    options = parser.parse_args(arguments)
    if options.command == "doctor":
        from allennlp_compat.doctor import examine

        return 0 if examine(parser.prog, options.json) else 1
    error = install_allennlp()
    if error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
    return 1 if error else 0
