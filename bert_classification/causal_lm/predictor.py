from typing import Any, Iterator

import torch
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from bert_classification.causal_lm.dataset_reader import BertForCausalLMReader
from bert_classification.data.records import RecordError, expect_object
from bert_classification.objectives.generation import KEYS, join_pieces
from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_causal_lm")
class BertForCausalLMPredictor(BertPredictor):
    """
    `{"text": ...}`, with settings of `Generation` under their names, to `{"text": ...,
    "continuation": ..., "logprob": ...}`: the text with its continuation, the continuation alone,
    and the natural logarithm of its probability.
    """

    input_keys = ("text", "sentence", *KEYS)
    output_keys = ("text", "continuation", "logprob")
    example = {
        "text": "In the beginning",
        "max_new_tokens": 40,
        "do_sample": True,
        "temperature": 0.7,
        "seed": 1,
    }
    text_key = "text"

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        outputs = super().predict_batch_instance(instances)
        prompts: list[Any] = [instance["prompt"] for instance in instances]
        return [self._join(each.metadata.text, output) for each, output in zip(prompts, outputs)]

    def stream_json(self, inputs: JsonDict) -> Iterator[JsonDict]:
        """
        Gives the output of `predict_json` while it comes into being: after each word piece
        `{"continuation": ...}`, as far as it goes, and then the whole. Between two of them the
        model may do other things. `RecordError` for a record that is not what the task expects.
        """
        fields: Any = self._json_to_instance(inputs).fields
        prompt = fields["prompt"].metadata
        ids = torch.from_numpy(fields["tokens"].ids).long().to(self._model.bert.device)
        for output in self._model.stream(ids, prompt):
            continued = self._join(prompt.text, output)
            if "logprob" in output:
                yield self.output(inputs, continued)
            else:
                yield {"continuation": continued["continuation"]}

    def _join(self, text: str, output: JsonDict) -> JsonDict:
        continuation = join_pieces(
            self._dataset_reader.tokenizer.pretrained, output["continuation_ids"]
        )
        if text[-1].isspace():
            continuation = continuation.lstrip()
        return {
            "text": text + continuation,
            "continuation": continuation,
            "logprob": output.get("logprob"),
        }


@Predictor.register("bert_for_causal_lm_scoring")
class BertForCausalLMScoringPredictor(BertPredictor):
    """
    `{"text": ...}` to `{"logprob": ..., "perplexity": ...}`: the natural logarithm of the
    probability of the text and of its end, and the perplexity of its word pieces, the `[SEP]` at
    the end included. A text that has no room in BERT's positions is an error.
    """

    input_keys = ("text", "sentence")
    output_keys = ("logprob", "perplexity")
    example = {"text": "In spring the river is high."}
    text_key = "text"

    _dataset_reader: BertForCausalLMReader

    def _parse(self, record: JsonDict) -> Any:
        try:
            expect_object(record, "the record")
            example = self._dataset_reader.parse(record, "the record", labelled=True)
            self._dataset_reader.room(example.text)
            return example._replace(labelled=False)
        except RecordError as error:
            return error
