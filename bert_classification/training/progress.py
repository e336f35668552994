"""What a checkpoint holds beside what AllenNLP puts into it."""

from typing import Any, Optional

from allennlp.training import TrainerCallback


class TrainingProgress(TrainerCallback):
    """
    The training loss of the epoch so far, as the trainer sums it, and the metrics of the last
    epoch, which the trainer holds in variables alone. Beside them the state of each process, in the
    order of their ranks.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    """

    def __init__(self, serialization_dir: str) -> None:
        super().__init__(serialization_dir)
        self.loss = 0.0
        self.reg_loss = 0.0
        self.metrics: dict[str, Any] = {}
        self.processes: list[dict[str, Any]] = []

    def on_batch(  # type: ignore[override]
        self,
        trainer: Any,
        batch_inputs: Any,
        batch_outputs: list[dict[str, Any]],
        batch_metrics: dict[str, Any],
        epoch: int,
        batch_number: int,
        is_training: bool,
        **kwargs: Any,
    ) -> None:
        if not is_training:
            return
        self.loss += batch_metrics["batch_loss"]
        for output in batch_outputs:
            if "reg_loss" in output:
                self.reg_loss += (output["reg_loss"] / len(batch_outputs)).item()

    def on_epoch(self, trainer: Any, metrics: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        self.metrics = dict(metrics)
        self.loss = self.reg_loss = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"metrics": self.metrics, "processes": self.processes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.metrics = state_dict.get("metrics", {})
        self.processes = state_dict.get("processes", [])

    def process_state(self, rank: int) -> Optional[dict[str, Any]]:
        """Gives the state of a process; `None` where the checkpoint is AllenNLP's own."""
        return self.processes[rank] if rank < len(self.processes) else None
