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


FREED = """
import ctypes
from bert_classification.serving import memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def resident():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmRSS")]
    return int(line.split()[1]) >> 10
large = []
for _ in range(6000):
    large.append(libc.malloc(20_000))
    libc.malloc(100)
    ctypes.memset(large[-1], 1, 20_000)
for each in large:
    libc.free(each)
before = resident()
memory.give_back()
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps memory")
def test_memory_between_what_is_in_use_is_given_back() -> None:
    command = [sys.executable, "-c", FREED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) > 80
