"""Models of transformers 5."""

import sys
from typing import Any, Iterator

from allennlp_compat.hook import USERS_OF_TRANSFORMERS, log, repair
from allennlp_compat.overlay import Overlay


@repair("allennlp.common.cached_transformers")
def models_load_as_they_did() -> Iterator[None]:
    """
    Loads a checkpoint into single precision again, where transformers 5 keeps the one it was saved
    in, and takes off the marks of loaded tensors, for which `reinit_modules` passes over them and
    does nothing.
    """
    yield
    import torch

    module = sys.modules["allennlp.common.cached_transformers"]
    theirs = module.AutoModel

    def from_pretrained(*args, **kwargs):
        model = theirs.from_pretrained(*args, **_in_single_precision(kwargs, torch))
        _take_marks_off(model)
        return model

    def from_config(*args, **kwargs):
        return theirs.from_config(*args, **_in_single_precision(kwargs, torch))

    module.AutoModel = Overlay(theirs, from_pretrained=from_pretrained, from_config=from_config)
    log("cached_transformers.get: single precision, and tensors without marks")


@repair("allennlp.common.cached_transformers")
def modules_to_draw_anew_are_listed_in_configs() -> Iterator[None]:
    """Takes a list for `reinit_modules`, as JSON has it; AllenNLP looks it up, and must hash it."""
    yield
    module = sys.modules["allennlp.common.cached_transformers"]
    get = module.get

    def get_of_list(*args, reinit_modules=None, **kwargs):
        if isinstance(reinit_modules, list):
            reinit_modules = tuple(reinit_modules)
        return get(*args, reinit_modules=reinit_modules, **kwargs)

    module.get = get_of_list
    log("cached_transformers.get: reinit_modules may be a list")


def _in_single_precision(kwargs: dict[str, Any], torch) -> dict[str, Any]:
    return kwargs if {"dtype", "torch_dtype"} & {*kwargs} else {**kwargs, "dtype": torch.float32}


def _take_marks_off(model) -> None:
    for marked in (*model.modules(), *model.parameters(), *model.buffers()):
        marked.__dict__.pop("_is_hf_initialized", None)


@repair(*USERS_OF_TRANSFORMERS)
def models_called_as_they_were() -> Iterator[None]:
    """
    Lets models be called with `past_key_values` as tuples, and refuses `head_mask`, which they
    would ignore without a word.
    """
    from transformers import PreTrainedModel

    original = PreTrainedModel.__call__

    def __call__(self, *args, **kwargs):
        if isinstance(kwargs.get("past_key_values"), tuple):
            kwargs["past_key_values"] = make_cache(kwargs["past_key_values"])
        if kwargs.get("head_mask") is not None:
            raise TypeError(
                f"{type(self).__name__}: `head_mask` left with transformers 5, which ignores it. "
                "Leave it out, or set the rows of the heads in the weights to zero."
            )
        return original(self, *args, **kwargs)

    if original.__module__ != __name__:
        PreTrainedModel.__call__ = __call__
        log("models: past_key_values as tuples, head_mask is refused")
    yield


def make_cache(layers: tuple):
    """Makes a cache of (key, value) of each layer, or of two such pairs beside an encoder."""
    from transformers import DynamicCache, EncoderDecoderCache

    return EncoderDecoderCache(layers) if len(layers[0]) == 4 else DynamicCache(layers)


@repair("allennlp_models.generation.models.bart")
def bart_predicts() -> Iterator[None]:
    """
    Hands the tensors of each layer to `Bart`, whose beam search sorts them, where transformers 5
    gives a cache object.
    """
    yield
    bart = sys.modules["allennlp_models.generation.models.bart"].Bart
    theirs = bart._decoder_cache_to_dict

    def _decoder_cache_to_dict(decoder_cache) -> dict:
        if not isinstance(decoder_cache, tuple):
            caches = (decoder_cache.self_attention_cache, decoder_cache.cross_attention_cache)
            layers = zip(*(cache.layers for cache in caches))
            decoder_cache = tuple((a.keys, a.values, b.keys, b.values) for a, b in layers)
        return theirs(decoder_cache)

    bart._decoder_cache_to_dict = staticmethod(_decoder_cache_to_dict)
    log("bart: a cache as tensors")


@repair("allennlp.data.data_loaders.data_collator")
def language_modeling_collator_by_keyword() -> Iterator[None]:
    """Names the arguments of `DataCollatorForLanguageModeling`, whose order is another now."""
    yield
    module = sys.modules["allennlp.data.data_loaders.data_collator"]
    theirs = module.DataCollatorForLanguageModeling

    def make(tokenizer, mlm: bool, mlm_probability: float):
        return theirs(tokenizer=tokenizer, mlm=mlm, mlm_probability=mlm_probability)

    module.DataCollatorForLanguageModeling = make
    log("data collator language_model: arguments by keyword")
