from typing import Any, Iterator

import torch
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from bert_classification.objectives.generation import KEYS, join_pieces
from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_sequence_to_sequence")
class BertForSequenceToSequencePredictor(BertPredictor):
    """
    `{"source": ...}`, with settings of `Generation` under their names, to `{"text": ...,
    "logprob": ...}`: what the text becomes, and the natural logarithm of its probability.

    With `"score": true` the record's `target` is taken for what is written: `logprob` is that of it
    and of its end, and `perplexity` that of its word pieces. With `"cross_attention": true` the
    output has a `cross_attention`: the pieces of the `source`, those of the `target` that was
    written, and as `weights` a row for each of these, of how much was looked at each piece of the
    source, the mean of all heads and layers.
    """

    input_keys = ("source", "text", *KEYS, "score", "cross_attention")
    gold_key = "target"
    output_keys = ("text", "logprob")
    example = {
        "source": "the ferry left the island at seven",
        "max_new_tokens": 20,
        "cross_attention": True,
    }
    text_key = "source"

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        outputs = super().predict_batch_instance(instances)
        return [self._worded(*each) for each in zip(instances, outputs)]

    def stream_json(self, inputs: JsonDict) -> Iterator[JsonDict]:
        """
        Gives the output of `predict_json` while it comes into being: after each word piece
        `{"text": ...}`, as far as it goes, and then the whole. Between two of them the model may do
        other things. `RecordError` for a record that is not what the task expects.
        """
        instance = self._json_to_instance(inputs)
        fields: Any = instance.fields
        ids = torch.from_numpy(fields["tokens"].ids).long().to(self._model.bert.device)
        for output in self._model.stream(ids, fields["request"].metadata):
            if "logprob" in output:
                yield self.output(inputs, self._worded(instance, output))
            else:
                yield {"text": self._join(output["target_ids"])}

    def _worded(self, instance: Instance, output: JsonDict) -> JsonDict:
        ids = output.pop("target_ids")
        worded = {"text": self._join(ids), **output}
        if "cross_attention" in output:
            tokens: Any = instance["tokens"]
            name = self._dataset_reader.tokenizer.convert_ids_to_tokens
            worded["cross_attention"] = {
                "source": name(tokens.ids.tolist()),
                "target": name(ids),
                "weights": output["cross_attention"],
            }
        return worded

    def _join(self, ids: list[int]) -> str:
        return join_pieces(self._dataset_reader.tokenizer.pretrained, ids).strip()
