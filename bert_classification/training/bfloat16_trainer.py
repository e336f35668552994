"""Training with matrix products in bfloat16."""

from typing import Any

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TensorDict
from allennlp.training import Trainer

from bert_classification.training.trainer import RecoverableTrainer


@Trainer.register("bfloat16", constructor="from_partial_objects")
class BFloat16Trainer(RecoverableTrainer):
    """
    The trainer `gradient_descent`, with the same settings, whose models compute under PyTorch's
    autocast: matrix products in bfloat16; weights, their updates, norms and losses in float32. On
    GPUs and on CPUs; no losses are scaled, since bfloat16 has the range of float32.

    # Parameters

    use_amp : `bool`, optional (default = `False`)
        AllenNLP's switch for float16, which has to be off. All others are those of
        `gradient_descent`.

    # Raises

    `ConfigurationError` with `use_amp`, and for a GPU that does not have bfloat16.
    """

    def __init__(self, *args: Any, use_amp: bool = False, **kwargs: Any) -> None:
        if use_amp:
            raise ConfigurationError(
                "`trainer.use_amp` is float16 and `trainer.type` is bfloat16; take one out."
            )
        super().__init__(*args, **kwargs)
        if self.cuda_device.type == "cuda" and not torch.cuda.is_bf16_supported():
            raise ConfigurationError(
                "`trainer.type` is bfloat16, which this GPU does not have; `use_amp` is float16."
            )

    def batch_outputs(self, batch: TensorDict, for_training: bool) -> dict[str, torch.Tensor]:
        with torch.autocast(self.cuda_device.type, torch.bfloat16):
            return super().batch_outputs(batch, for_training)
