"""
What one of several processes that train together refuses is refused by the command. PyTorch hands
on a traceback as text, whatever was raised.
"""

import inspect
import json
import re
from functools import wraps
from typing import Any, Callable

from allennlp.commands import train
from allennlp.common.checks import ConfigurationError
from torch.multiprocessing import ProcessRaisedException

from bert_classification.commands.refusals import is_refusal

_allennlps_train_worker: Any = train._train_worker
_signature = inspect.signature(_allennlps_train_worker)


class RankRefusal(Exception):
    """A refusal, whose sentence is written as JSON: the traceback has it on one line."""


def train_worker(*args: Any, **kwargs: Any) -> Any:
    """Takes the place of AllenNLP's function, which is called in each process of a training."""
    bound = _signature.bind(*args, **kwargs)
    try:
        return _allennlps_train_worker(*args, **kwargs)
    except Exception as error:
        if bound.arguments.get("world_size", 1) == 1 or not is_refusal(error):
            raise
        raise RankRefusal(json.dumps(str(error))) from error


def with_refusals_of_ranks(train_model: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps AllenNLP's training: `ConfigurationError` for what one of its processes refuses."""

    @wraps(train_model)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return train_model(*args, **kwargs)
        except ProcessRaisedException as error:
            sentences = re.findall(rf'^\S*{RankRefusal.__name__}: (".*")$', str(error), re.M)
            if not sentences:
                raise
            raise ConfigurationError(json.loads(sentences[-1])) from error

    return run
