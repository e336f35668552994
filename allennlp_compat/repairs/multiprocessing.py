"""Python's multiprocessing."""

import sys
from typing import Iterator

from allennlp_compat.hook import log, repair
from allennlp_compat.overlay import Overlay


@repair("allennlp.data.data_loaders.multiprocess_data_loader")
def progress_lock_for_spawned_workers() -> Iterator[None]:
    """
    Makes the lock one of the spawn context, which may travel to any process: since Python 3.11.5
    one of the fork context may not travel to a spawned one.
    """
    yield
    module = sys.modules["allennlp.data.data_loaders.multiprocess_data_loader"]
    module.mp = Overlay(module.mp, RLock=module.mp.get_context("spawn").RLock)
    log("data workers: a progress lock that spawned processes can take")
