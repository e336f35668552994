"""PyTorch."""

import sys
from typing import Iterator

from allennlp_compat.hook import log, repair
from allennlp_compat.overlay import Overlay


@repair("allennlp.training.learning_rate_schedulers.pytorch_lr_schedulers")
def plateau_without_verbose() -> Iterator[None]:
    """Takes out `ReduceLROnPlateau(verbose=)`, which left with PyTorch 2.7."""
    yield
    import inspect

    from torch.optim import lr_scheduler

    original = lr_scheduler.ReduceLROnPlateau
    if "verbose" in inspect.signature(original).parameters:
        return
    module = sys.modules["allennlp.training.learning_rate_schedulers.pytorch_lr_schedulers"]

    def without_verbose(*args, verbose: bool = False, **kwargs):
        return original(*args, **kwargs)

    module.torch = Overlay(
        module.torch,
        optim=Overlay(
            module.torch.optim,
            lr_scheduler=Overlay(lr_scheduler, ReduceLROnPlateau=without_verbose),
        ),
    )
    log("reduce_on_plateau: no verbose, gone since torch 2.7")


@repair("allennlp.training.checkpointer")
def training_states_with_numpy_scalars() -> Iterator[None]:
    """
    Permits numpy scalars in `torch.load`: since PyTorch 2.6 it reads tensors and plain types only,
    and training states hold metrics as such scalars. They are data; pickles stay refused.
    """
    yield
    import numpy
    import torch

    scalars = [numpy.dtype, numpy._core.multiarray.scalar]
    old_name = (numpy._core.multiarray.scalar, "numpy.core.multiarray.scalar")
    dtypes = [type(numpy.dtype(kind)) for kind in "?bhilqefdBHILQ"]
    torch.serialization.add_safe_globals([*scalars, old_name, *dtypes])
    log("training states: numpy scalars are permitted in torch.load")


@repair("allennlp.training.gradient_descent_trainer")
def gradient_norm_of_sparse_embeddings() -> Iterator[None]:
    """
    Clips sparse gradients by their values, which give the same norm: since PyTorch 2.1
    `clip_grad_norm_` takes none.
    """
    yield
    module = sys.modules["allennlp.training.gradient_descent_trainer"]
    original = module.clip_grad_norm_

    def clip_grad_norm(parameters, max_norm, norm_type=2.0, **kwargs):
        import torch

        parameters = [parameters] if isinstance(parameters, torch.Tensor) else list(parameters)
        for parameter in parameters:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
        dense = [_dense_view(parameter) for parameter in parameters if parameter.grad is not None]
        return original(dense, max_norm, norm_type, **kwargs)

    module.clip_grad_norm_ = clip_grad_norm
    log("clip_grad_norm_: sparse gradients by their values")


def _dense_view(parameter):
    """
    Gives the parameter, or for a sparse gradient a carrier whose gradient is the tensor of its
    values.
    """
    if not parameter.grad.is_sparse:
        return parameter
    import torch

    values = parameter.grad._values()
    carrier = torch.nn.Parameter(torch.empty_like(values))
    carrier.grad = values
    return carrier


@repair("allennlp.common.util")
def devices_by_number_are_cuda() -> Iterator[None]:
    """
    Takes the number of a device as that of a CUDA device: for PyTorch it is one of "the
    accelerator" today, and an error where there is none, in place of AllenNLP's own message.
    """
    yield
    import torch

    module = sys.modules["allennlp.common.util"]

    def int_to_device(device):
        if isinstance(device, torch.device):
            return device
        return torch.device("cpu") if device < 0 else torch.device("cuda", device)

    module.int_to_device = int_to_device
    log("int_to_device: a number is a CUDA device")
