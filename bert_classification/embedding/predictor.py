from typing import Any, Sequence, Union

import numpy
import torch
from allennlp.common.util import JsonDict
from allennlp.data import Batch, Instance
from allennlp.nn.util import move_to_device
from allennlp.predictors import Predictor

from bert_classification.bert.pooling import cosines
from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.outcomes import each_or_error, replace_successes, successes
from bert_classification.data.text_field import num_word_pieces
from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_embedding")
class BertForEmbeddingPredictor(BertPredictor):
    """
    `{"text": ...}` to `{"embedding": [...]}`; with a `text_pair` `similarity`, the cosine of both,
    is added. With `pooling: tokens` there is a vector for each of the `pieces`.
    """

    input_keys = ("text", "sentence", "text_pair", "negatives")
    text_key = "text"
    gold_key = "label"
    output_keys = ("embedding",)
    example = {"text": "How do I get to the airport?"}

    @property
    def can_embed(self) -> bool:
        return self._model.settings.pooling != "tokens"

    can_rank = can_embed

    def ranking_records(self, query: str, documents: Sequence[str]) -> list[JsonDict]:
        return [{"text": text} for text in (query, *documents)]

    def ranking_scores(self, outputs: Sequence[JsonDict]) -> list[float]:
        """Gives the cosines of the documents' vectors and the query's, which comes first."""
        return cosines([output["embedding"] for output in outputs])[0, 1:].tolist()

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        outputs = super().predict_batch_instance(instances)
        if self._model.settings.pooling == "tokens":
            for instance, output in zip(instances, outputs):
                text: Any = instance["tokens"][0]  # type: ignore[index]
                tokenizer = self._dataset_reader.tokenizer
                output["pieces"] = tokenizer.convert_ids_to_tokens(text.ids.tolist())
        return outputs

    def vectors_or_errors(
        self, records: Sequence[JsonDict]
    ) -> list[Union[numpy.ndarray, Exception]]:
        """
        Gives the vector of each record's text as float32, shape `(width,)`, or with `pooling:
        tokens` `(pieces, width)`; or the exception why there is none.
        """
        outcomes = self.instances_or_errors(records)
        vectors = each_or_error(successes(outcomes), self._vectors, self._log_failure)
        return replace_successes(outcomes, vectors)

    def _vectors(self, instances: list[Instance]) -> list[numpy.ndarray]:
        lengths = [num_word_pieces(instance) for instance in instances]
        vectors: list[Any] = [None] * len(instances)
        for indices in token_batches(lengths, self._token_budget):
            batch = Batch([instances[index] for index in indices])
            batch.index_instances(self._model.vocab)
            tensors = move_to_device(batch.as_tensor_dict(), self.cuda_device)
            with torch.inference_mode():
                output = self._model(**tensors)
            # Arrays, where `predict` has lists of numbers, which take longer than BERT.
            arrays = output["embedding"].float().cpu().numpy()
            counts = output["num_pieces"].tolist() if "num_pieces" in output else None
            for place, index in enumerate(indices):
                vectors[index] = arrays[place][: counts[place]] if counts else arrays[place]
        return vectors
