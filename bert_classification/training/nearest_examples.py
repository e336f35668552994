"""Training examples that the archive keeps, for answers to be compared with."""

import logging
from itertools import islice
from typing import Any, Iterable, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Batch, Instance
from allennlp.nn.util import move_to_device
from allennlp.predictors import Predictor
from allennlp.training import TrainerCallback
from torch import Tensor

from bert_classification.archives.nearest import (
    MAX_EXAMPLES,
    forget_nearest,
    kept_record,
    save_nearest,
)
from bert_classification.bert.pooled import pooled_vectors
from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.exports import Unlabelled
from bert_classification.data.files import expand_paths
from bert_classification.data.outcomes import sentence_of
from bert_classification.data.records import Record
from bert_classification.data.text_field import num_word_pieces

logger = logging.getLogger(__name__)

TOKEN_BUDGET = 2048
"""Word pieces in one run of BERT."""


@TrainerCallback.register("bert_nearest_examples")
class NearestExamplesCallback(TrainerCallback):
    """
    Lets the archive keep examples of the training data, which `allennlp serve` then shows under an
    answer: those whose vectors, of the pooled first piece that the head reads, are the nearest to
    the record's. They are computed once the training is over, with its best weights.

    Whoever has the archive can read these examples: at most the first 500 characters of each text,
    the label, and the name and line of the file, without its directory.

    # Parameters

    serialization_dir : `str`
        Given by the trainer.
    max_examples : `int`, optional (default = `1000`)
        How many to keep, at most 5000. Of more records they are taken at even distances, from the
        first on.

    # Raises

    `ConfigurationError`, when the training begins, for a task whose model has no such vector, and
    for a reader that is not ours.
    """

    def __init__(self, serialization_dir: str, max_examples: int = 1000) -> None:
        super().__init__(serialization_dir)
        if not 1 <= max_examples <= MAX_EXAMPLES:
            raise ConfigurationError(
                f"`max_examples` of `bert_nearest_examples` is {max_examples}; expected 1 to "
                f"{MAX_EXAMPLES}."
            )
        self._max_examples = max_examples

    def on_start(self, trainer: Any, is_primary: bool = True, **kwargs: Any) -> None:
        super().on_start(trainer, is_primary, **kwargs)
        reader = getattr(trainer.data_loader, "reader", None)
        if not getattr(trainer.model, "has_pooled_vector", False) or not hasattr(reader, "records"):
            raise ConfigurationError(
                "`trainer.callbacks`: `bert_nearest_examples` needs a model with one vector a text "
                "or pair, such as `bert_for_classification` or `bert_for_next_sentence_prediction`,"
                f" and the reader of that task; got {type(trainer.model).__name__} and "
                f"{type(reader).__name__}. Take it out."
            )
        if is_primary:
            forget_nearest(self.serialization_dir)

    def on_end(
        self,
        trainer: Any,
        metrics: Any = None,
        epoch: Any = None,
        is_primary: bool = True,
        **kwargs: Any,
    ) -> None:
        """Keeps them where the training came to its end; what fails here costs no training."""
        if metrics is None or not is_primary:
            return
        try:
            loader = trainer.data_loader
            self._keep(trainer.model, loader.reader, loader.data_path)
        except Exception as error:
            logger.error(
                "`bert_nearest_examples`: the archive will keep no training examples: %s",
                sentence_of(error),
            )

    def _keep(self, model: Any, reader: Any, path: Any) -> None:
        records = sample_evenly(reader, path, self._max_examples)
        examples = [reader.parse_labelled(record) for record in records]
        vectors = compute_vectors(model, reader.to_instances(examples))
        task: Any = Predictor.by_name(model.default_predictor)
        keys = (*task.segment_keys, task.gold_key)
        kept = [
            kept_record(record.file, record.line, {key: getattr(example, key) for key in keys})
            for record, example in zip(records, examples)
        ]
        save_nearest(self.serialization_dir, vectors, kept)


def sample_evenly(reader: Any, path: Any, count: int) -> list[Record]:
    """Takes up to so many records of a file, at even distances, of those that are trained on."""

    def records() -> Iterable[Record]:
        found = (record for each in expand_paths(path) for record in reader.records(each))
        labelled = (record for record in found if not isinstance(record.values, Unlabelled))
        return islice(labelled, reader.max_instances)

    total = sum(1 for _ in records())
    count = min(count, total)
    wanted = {index * total // count for index in range(count)}
    return [record for index, record in enumerate(records()) if index in wanted]


def compute_vectors(model: Any, instances: Sequence[Instance]) -> Tensor:
    """Computes the pooled vectors of instances, shape `(instances, width)`."""
    device = next(model.parameters()).device
    lengths = [num_word_pieces(instance) for instance in instances]
    vectors = torch.empty(len(instances), model.bert.config.hidden_size)
    training = model.training
    model.eval()
    try:
        for indices in token_batches(lengths, TOKEN_BUDGET):
            batch = Batch([Instance({"tokens": instances[index]["tokens"]}) for index in indices])
            batch.index_instances(model.vocab)
            tokens = move_to_device(batch.as_tensor_dict()["tokens"], device)
            vectors[indices] = pooled_vectors(model, tokens)
    finally:
        model.train(training)
    return vectors
