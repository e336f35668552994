import os
import signal
import time
from typing import Any

import pytest
from allennlp.data import Vocabulary

from bert_classification import BertForMaskedLMReader, PretrainedBertIndexer
from bert_classification.data.data_loader import OrderedDataLoader
from tests.support import BERT, FIXTURES
from tests.training.killing import FORK

TEXT = str(FIXTURES / "masked_lm" / "train.txt")


def read_and_die(pids: Any, batches: int) -> None:
    indexer = PretrainedBertIndexer(BERT)
    reader = BertForMaskedLMReader(token_indexers={"bert": indexer}, block_size=32)
    loader = OrderedDataLoader(reader, TEXT, batch_size=4, num_workers=2, max_instances_in_memory=8)
    loader.index_with(Vocabulary())
    iterator = iter(loader)
    for _ in range(batches):
        next(iterator)
    pids.put([process.pid for process in FORK.active_children()])
    pids.close()
    pids.join_thread()
    os.kill(os.getpid(), signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as status:
            return status.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("batches", [1, 3])
def test_workers_end_with_a_training_that_is_killed(batches) -> None:
    pids = FORK.Queue()
    process = FORK.Process(target=read_and_die, args=(pids, batches))
    process.start()
    workers = pids.get(timeout=60)
    assert len(workers) == 2
    deadline = time.monotonic() + 30
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, workers))
    process.join()
    assert process.exitcode == -signal.SIGKILL
