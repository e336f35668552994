"""ONNX Runtime against our own predictions."""

import numpy
import onnxruntime
import pytest
from allennlp.common.checks import ConfigurationError
from onnxruntime.quantization import quantize_dynamic

from bert_classification.commands import onnx as onnx_file
from tests.commands.support import ONNX, close, records_of, tensors_of
from tests.support import allennlp


@pytest.mark.parametrize("task", ONNX)
@pytest.mark.parametrize("num_records", [1, 3])
def test_onnx_runtime_predicts_the_same(task, num_records, export, predictor_of) -> None:
    records, predictor = records_of(task)[:num_records], predictor_of(task)
    tensors = tensors_of(predictor, records)
    ours = predictor._model.eval()(**tensors)
    inputs = [tensors["tokens"]["bert"][key] for key in ("input_ids", "mask", "token_type_ids")]
    if inputs[0].dim() == 3 and task != "multiple_choice":
        inputs = [tensor.flatten(0, 1) for tensor in inputs]
    session = onnxruntime.InferenceSession(export(task) / "model.onnx")
    names = [given.name for given in session.get_inputs()]
    given = {name: tensor.long().numpy() for name, tensor in zip(names, inputs)}
    theirs = dict(zip(ONNX[task], session.run(None, given)))
    assert [output.name for output in session.get_outputs()] == ONNX[task]
    for name, values in theirs.items():
        expected = ours[name].detach().numpy().reshape(values.shape)
        real = expected > numpy.finfo(numpy.float32).min
        if task == "token_classification":
            real &= inputs[1].bool().numpy()[..., None]
        assert real.any() and values[real] == close(expected[real])


def test_onnx_runtime_quantizes_the_file(export, tmp_path) -> None:
    quantized = str(tmp_path / "int8.onnx")
    quantize_dynamic(str(export("classification") / "model.onnx"), quantized)
    assert onnxruntime.InferenceSession(quantized).get_outputs()[0].name == "logits"


class TestRefusals:
    def test_onnx_without_its_packages(self, archive_of, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(onnx_file.importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ConfigurationError, match=r"bert-classification\[onnx\]"):
            allennlp("export-hf", archive_of("classification"), tmp_path / "out", "--onnx")
        assert not (tmp_path / "out").exists()
