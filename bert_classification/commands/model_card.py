"""The README.md of an exported model, which the model hub shows as its card."""

from typing import Any, Mapping, Optional

from torch import Tensor
from transformers import (
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertLMHeadModel,
    PreTrainedModel,
)

CARD = """\
---
library_name: transformers
license: unknown
tags:
- bert
- allennlp
---

# {head}

A BERT that was trained for `{task}` with bert_classification, a plugin of AllenNLP. Its licence is
unknown: it depends on those of the BERT it started from and of the data.

```python
from transformers import AutoTokenizer, {head}

directory = "."  # where this file lies
tokenizer = AutoTokenizer.from_pretrained(directory)
model = {head}.from_pretrained(directory)
```
"""

PIPELINE = """
To ask it about a text, `answer("...")`:

```python
from transformers import pipeline

answer = pipeline("{name}", directory{options})
```
"""

PIPELINES = {
    BertForSequenceClassification: "text-classification",
    BertForTokenClassification: "token-classification",
    BertForMaskedLM: "fill-mask",
    BertLMHeadModel: "text-generation",
}
"""Those of transformers, by the class they take."""

OPTIONS = {"text-generation": ", max_new_tokens=50"}
"""Its own 256 may lead beyond the last position."""

LABELS = """
## Labels

"""

ONNX = """
`model.onnx` is the same model for ONNX Runtime: `input_ids`, `attention_mask` and `token_type_ids`
(int64) in, what the model above gives out.
"""

BESIDE = """
## Beside the weights

What the model had in AllenNLP and transformers has no place for.

"""


LABELLED = (BertForSequenceClassification, BertForTokenClassification)

MAX_NUMBERS = 1_000
"""Of a tensor in the card."""


def model_card(
    head: PreTrainedModel,
    task: str,
    metrics: Optional[Mapping[str, Any]] = None,
    beside: Optional[Mapping[str, Tensor]] = None,
    onnx: bool = False,
) -> str:
    """
    Writes the card in Markdown.

    # Parameters

    head : `PreTrainedModel`
    task : `str`
        The registered name of the AllenNLP model.
    metrics : `Mapping[str, Any]`, optional
        What training wrote to metrics.json.
    beside : `Mapping[str, Tensor]`, optional
        What an archive holds beside the weights of `head`, such as thresholds.
    onnx : `bool`, optional (default = `False`)
        Whether there is a model.onnx.
    """
    card = CARD.format(head=type(head).__name__, task=task)
    if (name := PIPELINES.get(type(head))) is not None:
        card += PIPELINE.format(name=name, options=OPTIONS.get(name, ""))
    if onnx:
        card += ONNX
    if type(head) in LABELLED and head.config.problem_type != "regression":
        card += LABELS + _table(("id", "label"), head.config.id2label)
    if metrics:
        rows = {
            key: value
            for key, value in metrics.items()
            if isinstance(value, (int, float)) and not key.endswith("memory_MB")
        }
        card += "\n## Metrics of the training\n\n" + _table(("metric", "value"), rows)
    if beside:
        rows = {key: _numbers(tensor) for key, tensor in beside.items()}
        card += BESIDE + _table(("name", "value"), rows)
    return card


def _table(heading: tuple[str, str], rows: Mapping[Any, Any]) -> str:
    lines = [heading, ("---", "---")]
    lines += [(_escape(key), _format(value)) for key, value in rows.items()]
    return "".join(f"| {key} | {value} |\n" for key, value in lines)


def _numbers(tensor: Tensor) -> Any:
    shape = "x".join(map(str, tensor.shape))
    return tensor.tolist() if tensor.numel() <= MAX_NUMBERS else f"a tensor of {shape}"


def _escape(key: Any) -> str:
    return " ".join(str(key).split()).replace("|", "\\|")


def _format(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else _escape(value)
