"""
Lets the last release of AllenNLP (2.10.1, 2022) run unmodified on current PyTorch and transformers.

`setup.py` names `install` as an entry point of the group `torch.backends`. PyTorch calls such entry
points at the end of `import torch`, and AllenNLP imports PyTorch before anything of its own, so the
repairs are in place in every process: the console script, `python -m allennlp`, notebooks, pytest,
spawned workers.

`install` only puts a finder on `sys.meta_path`. Each repair below is a generator bound to the
AllenNLP modules it concerns: what stands before its `yield` runs before such a module is executed,
what stands after runs when the module is complete. A repair whose cause is absent changes nothing.

Set `ALLENNLP_COMPAT_LOG=1` to see on standard error what was applied.
"""

import gc
import importlib.util
import os
import sys
from contextlib import contextmanager
from typing import Callable, Iterator

Repair = Callable[[], Iterator[None]]

_REPAIRS: dict[str, list[Repair]] = {}


def install() -> None:
    """
    Registers the import hook; called by `import torch`, and by our packages in case that is
    switched off.
    """
    if not any(isinstance(finder, _RepairingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _RepairingFinder())


def log(message: str) -> None:
    if os.environ.get("ALLENNLP_COMPAT_LOG"):
        print(f"allennlp_compat: {message}", file=sys.stderr)


class _RepairingFinder:
    """
    Finds the modules that have repairs, by asking the other finders and wrapping the loader they
    give.
    """

    def find_spec(self, name, path=None, target=None):
        repairs = _REPAIRS.get(name)
        if repairs is None:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _RepairingLoader(spec.loader, repairs)
        return spec


class _RepairingLoader:
    def __init__(self, loader, repairs: list[Repair]) -> None:
        self._loader = loader
        self._repairs = repairs

    def __getattr__(self, name):
        return getattr(self._loader, name)

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        started = [repair() for repair in self._repairs]
        for before in started:
            next(before)
        try:
            self._loader.exec_module(module)
        finally:
            for after in reversed(started):
                next(after, None)


def repair(*modules: str) -> Callable[[Repair], Repair]:
    """Binds a repair to the modules it concerns."""

    def register(function: Repair) -> Repair:
        for module in modules:
            _REPAIRS.setdefault(module, []).append(function)
        return function

    return register


class _StandIn(type(sys)):
    """
    A module in place of one that is not installed, while AllenNLP imports names from it for parts
    that nobody here uses. Any name is a class that fails with the package's name when it is used
    after the import.
    """

    def __init__(self, name: str, base: type = object) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._base = base
        self._importing = True

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        module = self

        def missing(self, *args, **kwargs):
            if not module._importing:
                package = module.__name__.partition(".")[0]
                raise ModuleNotFoundError(
                    f"{module.__name__}.{name} needs `pip install {package}`."
                )

        return type(name, (self._base,), {"__init__": missing})


def _stand_in(names: list[str], base: type = object) -> Iterator[None]:
    """
    Puts stand-ins for a package and its submodules into `sys.modules`, and takes them away again.
    """
    if importlib.util.find_spec(names[0]) is not None:
        yield
        return
    modules = {name: _StandIn(name, base) for name in names}
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    sys.modules.update(modules)
    log(f"stand-in for {names[0]}, which is not installed")
    yield
    for name, module in modules.items():
        module._importing = False
        del sys.modules[name]


@repair(
    "allennlp.data.image_loader",
    "allennlp.modules.vision.grid_embedder",
    "allennlp.modules.vision.region_detector",
)
def torchvision_is_optional() -> Iterator[None]:
    """
    Does without torchvision, which only the vision models use, and which has no CPU build beside
    `torch==2.13.0`.
    """
    return _stand_in(["torchvision", "torchvision.ops", "torchvision.ops.boxes"])


@repair(
    "allennlp.nn.parallel.fairscale_fsdp_accelerator",
    "allennlp.nn.checkpoint.fairscale_checkpoint_wrapper",
)
def fairscale_is_optional() -> Iterator[None]:
    """
    Does without fairscale, which was archived in 2023 and has no wheel; `torch.distributed` took
    over its parts.
    """
    import torch

    names = ["nn", "nn.wrap", "nn.misc", "nn.checkpoint", "optim", "optim.grad_scaler"]
    return _stand_in(["fairscale"] + [f"fairscale.{name}" for name in names], torch.nn.Module)


@repair("allennlp_models.generation.dataset_readers.cnn_dm")
def ftfy_is_optional() -> Iterator[None]:
    return _stand_in(["ftfy"])


@repair("allennlp_models.rc.dataset_readers.drop")
def word2number_is_optional() -> Iterator[None]:
    return _stand_in(["word2number", "word2number.w2n"])


@repair("allennlp_models.structured_prediction.dataset_readers.universal_dependencies")
def conllu_is_optional() -> Iterator[None]:
    return _stand_in(["conllu"])


@repair("allennlp_models.rc.tools.narrativeqa")
def narrativeqa_without_downloads() -> Iterator[None]:
    """
    Keeps the module from asking nltk for two downloads while it is imported, at every command, and
    does without py-rouge.
    """
    import nltk

    download, nltk.download = nltk.download, lambda *args, **kwargs: False
    rouge = _stand_in(["rouge"])
    next(rouge)
    yield
    next(rouge, None)
    nltk.download = download


@repair("allennlp.common.push_to_hf")
def hub_names_that_left() -> Iterator[None]:
    """
    Stands in for `HfFolder` and `Repository`, which left huggingface_hub with version 1.0; only
    `push-to-hf` uses them.
    """
    import huggingface_hub

    stand_in = _StandIn("huggingface_hub<1")
    missing = [name for name in ("HfFolder", "Repository") if not hasattr(huggingface_hub, name)]
    for name in missing:
        setattr(huggingface_hub, name, getattr(stand_in, name))
    yield
    stand_in._importing = False
    for name in missing:
        delattr(huggingface_hub, name)
        log(f"stand-in for huggingface_hub.{name}, gone since 1.0")


@repair("allennlp.common.cached_transformers")
def tokenizers_without_encode_plus() -> Iterator[None]:
    """
    Gives tokenizers what they lost: since transformers 4.44 `add_special_tokens` is no longer an
    option of `from_pretrained` (AllenNLP passes it and gives it again at every call), and since 5.0
    `encode_plus` is spelled as a plain call and fast tokenizers no longer have
    `build_inputs_with_special_tokens`.
    """
    yield
    module = sys.modules["allennlp.common.cached_transformers"]
    get_tokenizer = module.get_tokenizer

    def get_tokenizer_today(model_name: str, **kwargs):
        kwargs.pop("add_special_tokens", None)
        tokenizer = get_tokenizer(model_name, **kwargs)
        if not hasattr(tokenizer, "encode_plus"):
            tokenizer.encode_plus = tokenizer.__call__
        if not hasattr(tokenizer, "build_inputs_with_special_tokens"):
            tokenizer.build_inputs_with_special_tokens = _between_special_tokens(tokenizer)
        return tokenizer

    module.get_tokenizer = get_tokenizer_today
    log("cached_transformers.get_tokenizer: no add_special_tokens, encode_plus, build_inputs")


def _between_special_tokens(tokenizer):
    def build(ids: list[int]) -> list[int]:
        encoded = tokenizer("a", return_special_tokens_mask=True)
        special, around = encoded["special_tokens_mask"], encoded["input_ids"]
        end = len(special) - special[::-1].index(0)
        return around[: special.index(0)] + ids + around[end:]

    return build


@repair("allennlp.training.optimizers")
def adamw_of_transformers() -> Iterator[None]:
    """
    Stands in for `transformers.AdamW`, which left with version 4.50 and `huggingface_adamw` is
    built on.
    """
    # This import replaces sys.modules["transformers"], so it has to come before the look-up.
    import transformers.processing_utils  # noqa: F401

    transformers = sys.modules["transformers"]
    if hasattr(transformers, "AdamW"):
        yield
        return
    transformers.AdamW = _adamw_with_correct_bias()
    yield
    del transformers.AdamW
    log("huggingface_adamw: on torch.optim.AdamW, since transformers.AdamW is gone since 4.50")


def _adamw_with_correct_bias() -> type:
    import torch

    class AdamW(torch.optim.AdamW):
        def __init__(self, params, correct_bias: bool = True, **kwargs) -> None:
            if not correct_bias:
                raise ValueError(
                    "huggingface_adamw: `correct_bias: false` left with transformers.AdamW; "
                    "torch.optim.AdamW always corrects the bias. Take the key out of "
                    "`trainer.optimizer`."
                )
            params = list(params)
            groups = params if isinstance(params[0], dict) else [{"params": params}]
            # One pass over all parameters instead of one for each; the numbers are the same.
            fused = all(_may_be_fused(each) for group in groups for each in group["params"])
            super().__init__(groups, fused=fused, **kwargs)

    return AdamW


def _may_be_fused(parameter) -> bool:
    return parameter.is_floating_point() and parameter.device.type in ("cpu", "cuda")


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

    module.torch = _Overlay(
        module.torch,
        optim=_Overlay(
            module.torch.optim,
            lr_scheduler=_Overlay(lr_scheduler, ReduceLROnPlateau=without_verbose),
        ),
    )
    log("reduce_on_plateau: no verbose, gone since torch 2.7")


class _Overlay:
    """A module as one other module shall see it: with some names replaced."""

    def __init__(self, module, **names) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str):
        return getattr(self._module, name)


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


@repair("allennlp.data.data_loaders.multiprocess_data_loader")
def progress_lock_for_spawned_workers() -> Iterator[None]:
    """
    Makes the lock one of the spawn context, which may travel to any process: since Python 3.11.5
    one of the fork context may not travel to a spawned one.
    """
    yield
    module = sys.modules["allennlp.data.data_loaders.multiprocess_data_loader"]
    module.mp = _Overlay(module.mp, RLock=module.mp.get_context("spawn").RLock)
    log("data workers: a progress lock that spawned processes can take")


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """
    Stops the search for garbage during imports, which make a million objects that all stay: to
    search them again and again is a second of a command's start. Those there at the end are never
    searched again.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@repair("allennlp.commands")
def commands_start_without_searching_for_garbage() -> Iterator[None]:
    with _no_search_for_garbage():
        yield


@repair("allennlp.common.util")
def plugins_are_looked_up_once() -> Iterator[None]:
    """
    Makes Python forget what lies in its directories once for all modules of a plugin; AllenNLP
    does so before each, and allennlp-models has five hundred.
    """
    yield
    module = sys.modules["allennlp.common.util"]
    import_one = module.import_module_and_submodules
    module.importlib = _Overlay(importlib, invalidate_caches=lambda: None)
    running = False

    def import_module_and_submodules(package_name: str, exclude=None) -> None:
        # The function calls itself by this name.
        nonlocal running
        if running:
            return import_one(package_name, exclude)
        importlib.invalidate_caches()
        running = True
        try:
            with _no_search_for_garbage():
                import_one(package_name, exclude)
        finally:
            running = False

    module.import_module_and_submodules = import_module_and_submodules
    log("import_module_and_submodules: directories are read once")


@repair("allennlp.common.util")
def gpus_by_number() -> Iterator[None]:
    """
    PyTorch 2.13 makes no device of a number where there is no GPU, so that AllenNLP could not say
    that there is none.
    """
    yield
    import torch
    from allennlp.common import util

    def int_to_device(device):
        if isinstance(device, torch.device):
            return device
        return torch.device("cpu") if device < 0 else torch.device("cuda", device)

    util.int_to_device = int_to_device
    log("the number of a GPU stands for it, whether it is there or not")


@repair("allennlp.common.plugins")
def plugin_of_every_directory() -> Iterator[None]:
    """
    Finds our plugin in every directory, so that `allennlp serve` is there wherever
    `bert_classification` is installed. AllenNLP 2.10.1 takes the subcommands of plugins from a file
    in the working directory or from its own short list.
    """
    yield
    module = sys.modules["allennlp.common.plugins"]
    discover = module.discover_plugins

    def discover_plugins() -> Iterator[str]:
        found = ["bert_classification"] if importlib.util.find_spec("bert_classification") else []
        yield from dict.fromkeys([*found, *discover()])

    module.discover_plugins = discover_plugins
