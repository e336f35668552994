"""A command of the demo as it runs: a progress bar on a terminal, and else plain lines."""

import re
import subprocess
import sys
import time
from typing import IO, Iterator, Optional

from allennlp.common.checks import ConfigurationError
from tqdm import tqdm

EPOCH = re.compile(r"Epoch (\d+)/(\d+)\s*$")
BATCH = re.compile(r"batch_loss: \S+, loss: ([\d.]+).*?(\d+)/(\d+) \[")
FORMAT = "  {desc} {bar:30} {elapsed}, {remaining} left"


class Watch:
    """
    Shows what a training says of its progress.

    # Attributes

    epoch, epochs : `int`
        The epoch that runs, counted from 1, of how many; 0 before the first.
    loss : `float`
        The mean of the epoch so far.
    """

    def __init__(self) -> None:
        self.epoch, self.epochs, self.loss = 0, 0, 0.0
        self._begun = time.monotonic()
        self._is_terminal = sys.stdout.isatty()
        self._bar: Optional[tqdm] = None

    def see(self, line: str) -> None:
        """Looks at a line of what the command prints."""
        if begun := EPOCH.search(line):
            self._end_epoch()
            self.epoch, self.epochs = int(begun[1]) + 1, int(begun[2]) + 1
            self._show(0.0)
        elif batch := BATCH.search(line):
            self.loss = float(batch[1])
            self._show(int(batch[2]) / int(batch[3]))

    def end(self) -> None:
        """Says how long the command took."""
        self._end_epoch()
        if self._bar is not None:
            self._bar.close()
        if self.epoch < self.epochs:
            print(f"  It ends at epoch {self.epoch}: the last ones made nothing better.")
        print(f"  done in {time.monotonic() - self._begun:.0f} s", flush=True)

    def _end_epoch(self) -> None:
        if self.epoch and not self._is_terminal:
            seconds = time.monotonic() - self._begun
            print(f"  {self._words()} ({seconds:.0f} s)", flush=True)

    def _show(self, share: float) -> None:
        if not self._is_terminal:
            return
        if self._bar is None:
            self._bar = tqdm(total=self.epochs, bar_format=FORMAT, file=sys.stdout)
        self._bar.set_description_str(self._words(), refresh=False)
        self._bar.n = min(self.epochs, self.epoch - 1 + share)
        self._bar.refresh()

    def _words(self) -> str:
        return f"epoch {self.epoch} of {self.epochs}, loss {self.loss:.3f}"


def run_step(arguments: list[str], watch: Watch) -> None:
    """
    Runs an `allennlp` command, and lets its output be watched.

    # Raises

    `ConfigurationError` with the end of the output when the command fails.
    """
    # Ctrl-C is for this process, which then ends the command: that one would archive what it has.
    command = [sys.executable, "-m", "allennlp", *arguments]
    output = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            for line in _lines(process.stdout):
                output.append(line)
                watch.see(line)
            failed = process.wait()
        finally:
            process.kill()
    if failed:
        end = "\n".join(line for line in output if line.strip())[-3000:]
        raise ConfigurationError(f"{end}\nThe command failed, with status {failed}.")
    watch.end()


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yields what ends in a line end or, as a progress bar does, in a carriage return."""
    rest = b""
    while part := stream.read1(1 << 16):  # type: ignore[attr-defined]
        *whole, rest = re.split(rb"[\r\n]", rest + part)
        yield from (line.decode(errors="replace") for line in whole)
    yield rest.decode(errors="replace")
