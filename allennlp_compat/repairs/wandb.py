"""Weights & Biases."""

import sys
from typing import Iterator

from allennlp_compat.hook import log, repair


@repair("allennlp.training.callbacks.wandb")
def names_of_runs() -> Iterator[None]:
    """
    Gives `wandb.util` its `generate_id` back, which the callback names its run with; it has moved
    to `wandb.sdk.lib.runid`.
    """
    yield
    module = sys.modules["allennlp.training.callbacks.wandb"]
    on_start = module.WandBCallback.on_start

    def on_start_with_names(self, trainer, is_primary: bool = True, **kwargs) -> None:
        if is_primary:
            import wandb

            if not hasattr(wandb.util, "generate_id"):
                from wandb.sdk.lib.runid import generate_id

                wandb.util.generate_id = generate_id
                log("wandb.util.generate_id: from wandb.sdk.lib.runid")
        on_start(self, trainer, is_primary=is_primary, **kwargs)

    module.WandBCallback.on_start = on_start_with_names
