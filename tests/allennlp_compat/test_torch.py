import io
import pickle

import pytest
import torch
from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.common.file_utils import TensorCache
from allennlp.common.util import int_to_device
from allennlp.training import Checkpointer, gradient_descent_trainer


def test_recover_reads_numpy_scalars(tmp_path) -> None:
    import numpy

    checkpointer = Checkpointer(tmp_path)
    torch.save({"weight": torch.ones(1)}, tmp_path / "model_state_e1_b2.th")
    state = {"f1": numpy.float64(0.5), "n": numpy.int64(3), "half": numpy.float32(0.25)}
    torch.save(state, tmp_path / "training_state_e1_b2.th")
    assert checkpointer.load_checkpoint()[1] == state


def test_sparse_gradients_are_clipped_by_their_norm() -> None:
    embedding = torch.nn.Embedding(5, 3, sparse=True)
    embedding(torch.tensor([1, 1, 2])).sum().backward()
    expected = embedding.weight.grad.to_dense().norm()
    norm = gradient_descent_trainer.clip_grad_norm_(embedding.parameters(), 1.0)
    assert norm == pytest.approx(float(expected))
    assert embedding.weight.grad.to_dense().norm() == pytest.approx(1.0, abs=1e-4)


def test_the_number_of_a_device_is_that_of_a_cuda_device() -> None:
    assert int_to_device(3) == torch.device("cuda", 3)
    assert int_to_device(-1) == torch.device("cpu")
    assert int_to_device(torch.device("meta")) == torch.device("meta")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused_by_allennlp() -> None:
    with pytest.raises(ConfigurationError, match="specified a GPU"):
        check_for_gpu(0)


class TestTensorCache:
    def put(self, cache: TensorCache, thing: object, protocol: int) -> None:
        buffer = io.BytesIO()
        torch.save(thing, buffer, pickle_protocol=protocol)
        with cache.lmdb_env.begin(write=True) as transaction:
            transaction.put(b"a", buffer.getvalue())

    def test_reads_what_it_wrote(self, tmp_path) -> None:
        cache = TensorCache(tmp_path / "cache")
        cache["a"] = torch.arange(4)
        cache.cache_cache.clear()
        assert cache["a"].tolist() == [0, 1, 2, 3]

    @pytest.mark.parametrize("protocol", [2, 3, 4, 5])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.bfloat16])
    def test_reads_what_earlier_versions_wrote(self, tmp_path, protocol, dtype) -> None:
        cache = TensorCache(tmp_path / "cache")
        tensor = torch.ones(2, 3, dtype=dtype)
        self.put(cache, tensor, protocol)
        assert torch.equal(cache["a"], tensor)

    @pytest.mark.parametrize("protocol", [2, 5])
    def test_reads_tensors_and_nothing_else(self, tmp_path, protocol) -> None:
        cache = TensorCache(tmp_path / "cache")
        self.put(cache, print, protocol)
        with pytest.raises(pickle.UnpicklingError, match="holds tensors, not .*print"):
            cache["a"]
        with cache.lmdb_env.begin(write=True) as transaction:
            transaction.put(b"a", pickle.dumps(print, protocol))
        with pytest.raises(pickle.UnpicklingError, match="holds tensors, not .*print"):
            cache["a"]

    def test_reads_what_was_written_before_pytorch_1_6(self, tmp_path) -> None:
        cache = TensorCache(tmp_path / "cache")
        buffer = io.BytesIO()
        torch.save(torch.arange(3), buffer, _use_new_zipfile_serialization=False)
        with cache.lmdb_env.begin(write=True) as transaction:
            transaction.put(b"a", buffer.getvalue())
        assert cache["a"].tolist() == [0, 1, 2]
