"""
AllenNLP's data loader with an order that does not depend on which worker is faster, nor on what
else draws random numbers.

Its workers share one queue, so with two of them the order of instances and batches is another one
in each run, and spawned workers shuffle with a generator that nobody has seeded. Here each worker
has a queue of its own, the queues are read in turn, and each worker is seeded from this process.

A training that goes on with `--recover` reads the batches it has done over again, but does not
validate, so the order of what remains was another one. Here each epoch's order follows from the
seed and the number of the epoch alone, and checkpoints hold both.
"""

import multiprocessing
import os
import random
import signal
import sys
import threading
from collections import deque
from typing import Any, Iterator, Optional

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TensorDict
from allennlp.data.data_loaders import MultiProcessDataLoader, WorkerError


class OrderedDataLoader(MultiProcessDataLoader):
    """
    AllenNLP's data loader, with its parameters, in its place. With workers, instances and batches
    come in the same order in every run with the same seeds. A reader that shares out its instances
    one by one, as ours do, gives them in the order that it has without workers. Each epoch is
    shuffled by a generator of its own.
    """

    num_workers: int
    _max_instance_queue_size: Optional[int]
    _max_batch_queue_size: Optional[int]
    _starts = 0
    _worker_seed = 0
    _epochs = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._order_seed = hash(random.getstate()[1])
        super().__init__(*args, **kwargs)

    def __iter__(self) -> Iterator[TensorDict]:
        self._epochs += 1
        own = random.Random(f"{self._order_seed}, epoch {self._epochs}").getstate()
        batches = super().__iter__()
        while True:
            others = random.getstate()
            random.setstate(own)
            try:
                batch = next(batches, None)
                own = random.getstate()
            finally:
                random.setstate(others)
            if batch is None:
                return
            yield batch

    def order(self) -> tuple[int, int, int]:
        """Gives what the order of the next epoch follows from, for `restore_order`."""
        return self._order_seed, self._epochs, self._starts

    def restore_order(self, order: tuple[int, int, int], started: bool = True) -> None:
        """
        Takes what `order` has given.

        # Parameters

        order : `Tuple[int, int, int]`
        started : `bool`, optional (default = `True`)
            Whether the epochs until then are done; false where they are read over again.
        """
        self._order_seed, epochs, starts = order
        if started:
            self._epochs, self._starts = epochs, starts

    def _start_instance_workers(self, queue: Any, ctx: Any) -> Any:
        queues = self._take_turns(queue, ctx, self._max_instance_queue_size)
        return super()._start_instance_workers(queues, ctx)

    def _start_batch_workers(self, queue: Any, ctx: Any) -> Any:
        queues = self._take_turns(queue, ctx, self._max_batch_queue_size)
        return super()._start_batch_workers(queues, ctx)

    def _instance_worker(self, worker_id: int, queue: Any, lock: Any, rx: Any) -> None:
        _end_quietly()
        self._seed(worker_id)
        super()._instance_worker(worker_id, queue[worker_id], lock, rx)

    def _batch_worker(self, worker_id: int, queue: Any, lock: Any, rx: Any) -> None:
        _end_quietly()
        self._seed(worker_id)
        super()._batch_worker(worker_id, queue[worker_id], lock, rx)

    def _safe_queue_put(self, worker_id: int, item: Any, queue: Any, rx: Any) -> bool:
        """Puts an item into the queue; of a refusal the error itself."""
        _, failure = item
        error = sys.exc_info()[1]
        if failure is not None and isinstance(error, (ConfigurationError, OSError)):
            item = (None, (error, failure[1]))
        return super()._safe_queue_put(worker_id, item, queue, rx)

    def _take_turns(self, queue: Any, ctx: Any, size: Optional[int]) -> Any:
        """Makes a queue for each worker; `queue`, the base class's, reads them in turn."""
        # Nothing is drawn here, so that the other uses of `random` are the same without workers.
        self._starts += 1
        self._worker_seed = hash((random.getstate()[1], self._starts)) % 2**31
        size = max(size // self.num_workers, 1) if size else 0
        queues = [ctx.JoinableQueue(size) for _ in range(self.num_workers)]
        queue.get = _Turns(queues).get
        queue.task_done = lambda: None
        return queues

    def _seed(self, worker_id: int) -> None:
        seed = self._worker_seed + worker_id
        random.seed(seed)
        numpy.random.seed(seed)
        torch.manual_seed(seed)


def _end_quietly() -> None:
    """
    Lets a worker end when the training tells it to, or is killed. AllenNLP's looks only while it
    has something to give, and one that waits to be told that all is taken waits forever. An
    interrupt is for the training alone, which then ends its workers.
    """
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


class _Turns:
    """Reads one item of each queue in turn, until each has given its last, `(None, None)`."""

    def __init__(self, queues: list[Any]) -> None:
        self._queues = deque(queues)

    def get(self) -> tuple[Any, Any]:
        queue = self._queues.popleft()
        item = queue.get()
        # A worker ends when all of its items are done with.
        queue.task_done()
        if item[1] is not None:
            # Only the end comes after a failure.
            queue.get()
            queue.task_done()
            _raise_refusal(*item[1])
        if item[0] is not None:
            self._queues.append(queue)
        return item


def _raise_refusal(error: Any, traceback: Any) -> None:
    if isinstance(error, Exception):
        raise error from WorkerError(repr(error), traceback)
