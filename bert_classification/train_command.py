"""
What `allennlp train` can know from the config alone it says before anything is read: old keys, and
GPUs that are not there.
"""

from typing import Any

import torch
from allennlp.commands import train
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError

from bert_classification.old_configs import Config, check_style

_train_model = train.train_model


def train_model(params: Params, *args: Any, **kwargs: Any) -> Any:
    """Takes the place of AllenNLP's function, and calls it."""
    config = params.as_dict(quiet=True)
    check_style(config)
    check_devices(config.get("trainer") or {}, torch.cuda.device_count())
    return _train_model(params, *args, **kwargs)


def check_devices(trainer: Config, gpus: int) -> None:
    """Raises `ConfigurationError` for a GPU that is not there, or half precision without one."""
    device = trainer.get("cuda_device")
    if isinstance(device, int) and device >= gpus:
        raise ConfigurationError(
            f"`trainer.cuda_device` is {device}, but PyTorch sees {gpus} GPUs here, counted from "
            "0. Take it out: training is on a GPU where there is one."
        )
    if trainer.get("use_amp") and (gpus == 0 or device == -1):
        raise ConfigurationError(
            "`trainer.use_amp` is true, and half precision needs a GPU: "
            + ("PyTorch sees none here." if gpus == 0 else "`trainer.cuda_device` is -1.")
            + " Take `use_amp` out."
        )


train.train_model = train_model
