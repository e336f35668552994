import math
from typing import Any, Optional, Sequence, cast

import numpy
import torch
from allennlp.common.util import JsonDict
from allennlp.data import Batch, Instance
from allennlp.data.fields import TensorField
from allennlp.nn.util import move_to_device
from allennlp.predictors import Predictor

from bert_classification.data.batch_sampler import token_batches
from bert_classification.data.label_field import IGNORE_INDEX
from bert_classification.data.records import RecordError
from bert_classification.data.text_field import WordPieceField
from bert_classification.masked_lm.passes import Row, fill_jointly, pseudo_perplexity, score_text
from bert_classification.masked_lm.request import SETTINGS
from bert_classification.objectives.mask_filling import FillMaskQuery, fill_in
from bert_classification.predictor import BertPredictor

Asked = tuple[JsonDict, WordPieceField, FillMaskQuery]
"""The output so far, the text, and what is asked of it."""


@Predictor.register("bert_for_masked_lm")
class BertForMaskedLMPredictor(BertPredictor):
    """
    `{"text": "... [MASK] ...", "targets": [...]?, "top_k": ...?}` to `{"fills": [[{"token": ...,
    "prob": ...}, ...], ...], "text": ...}`: for each mask its most probable word pieces, 5 when
    nothing is said, of `targets` only when they are given; and the text with the best ones filled
    in. Masks are filled independently of each other.

    With `"joint": true` the output has `joint` too, the best fillings of all masks together,
    `{"tokens": [...], "logprob": ..., "text": ...}` each, as many as `top_k`; and `text` is that of
    the best one. See `fill_jointly`.

    With `"score": true` a text without masks gets `pll`, its pseudo-log-likelihood (natural
    logarithm), `pseudo_perplexity`, the exponential of its negative mean over the pieces, and
    `pieces`, `{"token": ..., "logprob": ...}` each; see `score_text`.
    """

    input_keys = ("text", "sentence", *SETTINGS)
    output_keys = ("fills", "text")
    settings = SETTINGS
    example = {
        "text": "She was born in New [MASK] and wrote her first [MASK] at the age of twelve."
    }
    text_key = "text"
    segment_keys = ("text",)

    def predict_batch_instance(self, instances: list[Instance]) -> list[JsonDict]:
        outputs = super().predict_batch_instance(instances)
        # Instances that are made to learn from ask for nothing.
        asked = [
            (output, cast(Any, instance["tokens"]), cast(Any, instance["query"]).metadata)
            for output, instance in zip(outputs, instances)
            if "query" in instance
        ]
        self._fill_jointly([each for each in asked if each[2].joint])
        self._score([each for each in asked if each[2].score])
        return outputs

    def _fill_jointly(self, asked: Sequence[Asked]) -> None:
        tokenizer = self._dataset_reader.tokenizer
        mask_token = tokenizer.pretrained.mask_token
        texts = [(field, query) for _, field, query in asked]
        for (output, _, query), found in zip(
            asked, fill_jointly(texts, tokenizer.mask_id, self._run_rows)
        ):
            output["joint"] = []
            for filling in found[: query.top_k]:
                tokens = tokenizer.convert_ids_to_tokens(filling.ids)
                text = fill_in(query.texts[0], mask_token, tokens)
                output["joint"].append({"tokens": tokens, "logprob": filling.logprob, "text": text})
            output["text"] = output["joint"][0]["text"]

    def _score(self, asked: Sequence[Asked]) -> None:
        tokenizer = self._dataset_reader.tokenizer
        rows = [score_text(field, tokenizer.mask_id) for _, field, _ in asked]
        results = iter(self._run_rows([row for each in rows for row in each]))
        for (output, field, _), each in zip(asked, rows):
            logprobs = [next(results) for _ in each]
            tokens = tokenizer.convert_ids_to_tokens(field.ids[1:-1])
            output["pll"] = sum(logprobs)
            output["pseudo_perplexity"] = pseudo_perplexity(logprobs)
            output["pieces"] = [
                {"token": token, "logprob": logprob} for token, logprob in zip(tokens, logprobs)
            ]

    @torch.inference_mode()
    def _run_rows(self, rows: Sequence[Row]) -> list[Any]:
        """Gives what each row takes of its log-probabilities; rows run in batches like records."""
        taken: list[Any] = [None] * len(rows)
        for indices in token_batches([len(row.field) for row in rows], self._token_budget):
            batch = Batch([Instance({"tokens": rows[index].field}) for index in indices])
            tokens = move_to_device(batch.as_tensor_dict()["tokens"], self.cuda_device)
            positions = torch.tensor([rows[index].position for index in indices])
            log_probs = self._model.log_probs_at(tokens, positions.to(self._model.bert.device))
            for index, each in zip(indices, log_probs):
                taken[index] = rows[index].take(each)
        return taken

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: dict[str, Any]
    ) -> list[Instance]:
        """Labels each mask with its best piece, or with the one that `outputs["words"]` wants."""
        labelled = self.with_tokens(instance)
        words = outputs.get("words") or [best["token"] for best, *_ in outputs["fills"]]
        ids: numpy.ndarray = labelled["tokens"].ids  # type: ignore[attr-defined]
        masks = numpy.flatnonzero(ids == self._dataset_reader.tokenizer.mask_id)
        if not len(masks):
            raise RecordError("`score`: there is no mask whose best piece could be explained.")
        wanted = [self._dataset_reader.tokenizer.token_to_id(word) for word in words]
        if len(wanted) != len(masks) or None in wanted:
            raise RecordError(
                f"`words` are {words!r}; expected a word piece for each of {len(masks)} masks."
            )
        label = numpy.full(len(ids), IGNORE_INDEX)
        label[masks] = wanted
        labelled.add_field("label", TensorField(label, padding_value=IGNORE_INDEX))
        return [labelled]

    def answer(self, output: JsonDict) -> Any:
        return [best["token"] for best, *_ in output["fills"]]

    def confidence(self, output: JsonDict, answer: Any) -> float:
        chances = [{fill["token"]: fill["prob"] for fill in fills} for fills in output["fills"]]
        return math.prod(each.get(token, 0.0) for each, token in zip(chances, answer))

    def wanted(self, target: Any) -> JsonDict:
        words = target if isinstance(target, list) else [target]
        return {"fills": [[{"token": word}] for word in words]}

    def with_text(self, example: Any, key: str, choice: Optional[int], text: str) -> Any:
        return example._replace(text=text, query=example.query._replace(texts=(text,)))
