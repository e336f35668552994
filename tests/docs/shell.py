"""A shell that runs block after block, as a reader does in one terminal."""

import os
import select
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

HUNG = 300
"""Seconds after which a block has no end."""


class Shell:
    """
    Runs commands by `bash -e`: variables and background processes live from block to block.

    # Parameters

    directory : `Path`
        Where it starts.
    scratch : `Path`
        For its own files.
    environment : `dict[str, str]`
    """

    def __init__(self, directory: Path, scratch: Path, environment: dict[str, str]) -> None:
        self.block, self.output = scratch / "block.sh", scratch / "output"
        self._done, self._tell = os.pipe()
        with self.output.open("wb") as output:
            self._bash = subprocess.Popen(
                ["bash", "-e"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=directory,
                env=environment,
                pass_fds=[self._tell],
                start_new_session=True,
            )
        os.close(self._tell)

    def run(self, commands: str, may_fail: bool = False) -> str:
        """Runs commands, and gives what they, or those in the background, write meanwhile."""
        self.block.write_text(commands, encoding="utf-8")
        before = self.output.stat().st_size
        # What a block leaves in the background must not hold the pipe open.
        run = f". '{self.block}' </dev/null {self._tell}>&-"
        line = f"set +e; (set -e; {run}); set -e" if may_fail else run
        line = f"{line}; printf x >&{self._tell}\n"
        self._bash.stdin.write(line.encode())
        self._bash.stdin.flush()
        waited = select.select([self._done], [], [], HUNG)[0]
        ended = not waited or os.read(self._done, 1) != b"x"
        output = self.output.read_bytes()[before:].decode(errors="replace")
        assert not ended, f"a command failed or hung, the last in this output:\n{output[-6000:]}"
        return output

    def close(self) -> None:
        """Ends the shell and all that it has started."""
        with suppress(BrokenPipeError):
            self._bash.communicate(b"set +e; kill $(jobs -p); wait\n", timeout=HUNG)
        with suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        os.close(self._done)
