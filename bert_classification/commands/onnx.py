"""A model of transformers as a file for ONNX Runtime."""

import importlib.util
import logging
import warnings

import torch
from allennlp.common.checks import ConfigurationError
from transformers import BertForMultipleChoice, PreTrainedModel

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def check_onnx() -> None:
    """Raises `ConfigurationError` when the packages that write ONNX are not installed."""
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"--onnx needs {' and '.join(missing)}: pip install 'bert-classification[onnx]'."
        )


def write_onnx(head: PreTrainedModel, path: str) -> None:
    """
    Writes a model with the inputs `input_ids`, `attention_mask` and `token_type_ids`, of shape
    `(batch, length)`, or `(batch, choices, length)` of a multiple choice, and the outputs of `head`
    under their names. Any batch, number of choices and length will do.
    """
    # An extra, which `check_onnx` asks for.
    import onnx

    axes = ["batch", "choices", "length"]
    if not isinstance(head, BertForMultipleChoice):
        axes.remove("choices")
    # torch takes an axis of size 1 for one that never changes, and equal objects for one input.
    inputs = {name: torch.ones([2, 3, 4][: len(axes)], dtype=torch.long) for name in INPUTS}
    head.set_attn_implementation("eager")
    head.config.use_cache = False
    outputs = list(head(**inputs))
    head.config.return_dict = False
    shape = {index: torch.export.Dim(axis) for index, axis in enumerate(axes)}
    # They tell of each weight, and of torchvision's operators, which no BERT has.
    for talkative in ("onnx_ir", "onnxscript", "torch.onnx"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Of axes of the same name, which are meant to be the same.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            head,
            kwargs=inputs,
            input_names=INPUTS,
            output_names=outputs,
            dynamic_shapes={name: shape for name in INPUTS},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # The shapes between the layers. Those of weights that quantization turns over would be wrong.
    del model.graph.value_info[:]
    onnx.save(model, path)
