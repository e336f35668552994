import platform
import subprocess
import sys

import pytest

from bert_classification.serving.memory import ARENAS

CODE = """
import ctypes, threading
from bert_classification.serving import memory
if {limited}:
    memory.limit_arenas()
barrier = threading.Barrier(12)
def hold():
    kept = [bytearray(3000) for _ in range(100)]
    barrier.wait()
threads = [threading.Thread(target=hold) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
ctypes.CDLL(None).malloc_stats()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
@pytest.mark.parametrize("limited", [True, False])
def test_threads_share_arenas(limited) -> None:
    code = CODE.format(limited=limited)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    arenas = done.stderr.count("Arena ")
    assert (arenas <= ARENAS) is limited, done.stderr
