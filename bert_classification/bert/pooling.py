"""From the word pieces of a text to one vector."""

from typing import Any, NamedTuple, Optional, Sequence

import numpy
from allennlp.common.checks import ConfigurationError
from torch import Tensor, nn
from transformers import BertConfig

from bert_classification.bert.encoder import LAST_LAYER, Encoded, is_layer

POOLINGS = ("mean", "cls", "pooler", "max", "tokens")


class VectorSettings(NamedTuple):
    """
    How the vector of a text is made of what BERT gives.

    pooling : `str`
        `mean` or `max` over the word pieces, special pieces included; `cls`, that of the first
        piece; `pooler`, what the pooler makes of that one; or `tokens`, a vector for each piece.
    layers : `Tuple[int, ...]`
        The layers whose mean is pooled: 0 is that of the embeddings, -1 the last.
    normalize : `bool`
        Whether vectors have the length 1.
    dimensions : `int`, optional
        How many numbers of a vector are kept, the first ones (Kusupati et al. 2022, Matryoshka).
    """

    pooling: str = "mean"
    layers: tuple[int, ...] = LAST_LAYER
    normalize: bool = False
    dimensions: Optional[int] = None

    def width(self, config: BertConfig) -> int:
        """Counts the numbers of a vector."""
        return self.dimensions or config.hidden_size


def check_settings(settings: VectorSettings, config: BertConfig) -> None:
    """Raises `ConfigurationError` for settings that a BERT with this configuration cannot have."""
    pooling, layers, normalize, dimensions = settings
    if pooling not in POOLINGS:
        raise ConfigurationError(
            f"`pooling` is {pooling!r}; expected one of {', '.join(POOLINGS)}."
        )
    if not isinstance(normalize, bool):
        raise ConfigurationError(f"`normalize` is {normalize!r}; expected true or false.")
    count, width = config.num_hidden_layers, config.hidden_size
    beyond = [each for each in layers if not is_layer(each, count)]
    if beyond or not 0 < len(layers) <= count + 1:
        fault = beyond[0] if beyond else f"{len(layers)} numbers"
        raise ConfigurationError(
            f"`layers` has {fault}; this BERT has the layers 1 to {count}, 0 is that of the "
            "embeddings, and -1 the last."
        )
    if dimensions is not None and (type(dimensions) is not int or not 1 <= dimensions <= width):
        raise ConfigurationError(
            f"`dimensions` is {dimensions!r}; expected a whole number from 1 to {width}, the width "
            "of this BERT."
        )
    if pooling == "pooler" and layers != LAST_LAYER:
        raise ConfigurationError(
            f"`layers` is {list(layers)} with `pooling: pooler`, which reads the last layer alone."
        )


def as_layers(layers: Any) -> Any:
    """Gives a layer, or a list of them, as a tuple."""
    return tuple(layers) if isinstance(layers, Sequence) else (layers,)


def make_vectors(encoded: Encoded, mask: Tensor, settings: VectorSettings) -> Tensor:
    """
    Makes the vectors of texts.

    # Parameters

    encoded : `Encoded`
        Of texts of shape `(*, length)`.
    mask : `Tensor`
        Shape `(*, length)`. A row without a piece gets zeros, or with `pooler` any numbers.

    # Returns

    `Tensor`: shape `(*, width)`, or with `tokens` `(*, length, width)`; not yet cut or normalized,
    which `finish_vectors` does.
    """
    states, pieces = encoded.hidden_states, mask.bool().unsqueeze(-1)
    if settings.pooling == "pooler":
        if encoded.pooled is None:
            raise ConfigurationError(
                "`pooling` is pooler, which the BERT of this model does not have; take another one."
            )
        return encoded.pooled
    if settings.pooling == "mean":
        return states.sum(-2) / pieces.sum(-2).clamp(min=1)
    if settings.pooling == "max":
        return states.masked_fill(~pieces & pieces.any(-2, keepdim=True), -float("inf")).amax(-2)
    return states if settings.pooling == "tokens" else states[..., 0, :]


def pool_windows(values: Tensor, present: Tensor, pooling: str) -> Tensor:
    """
    Pools the values of windows, shape `(*, windows, width)`, over those that are `present`, shape
    `(*, windows)`, to the shape `(*, width)`: by their `max`, or else their mean.
    """
    absent = ~present.unsqueeze(-1)
    if pooling == "max":
        return values.masked_fill(absent & present.any(-1)[..., None, None], -float("inf")).amax(-2)
    return values.masked_fill(absent, 0.0).sum(-2) / present.sum(-1, keepdim=True).clamp(min=1)


def finish_vectors(vectors: Tensor, settings: VectorSettings) -> Tensor:
    """Keeps the first `dimensions` of vectors, and gives them the length 1 where that is wanted."""
    vectors = vectors[..., : settings.dimensions]
    return nn.functional.normalize(vectors, dim=-1) if settings.normalize else vectors


def cosines(vectors: Sequence[Sequence[float]]) -> numpy.ndarray:
    """Computes the cosines of vectors, shape `(vectors, vectors)`; of zeros they are 0."""
    array = numpy.asarray(vectors, dtype=numpy.float32)
    lengths = numpy.linalg.norm(array, axis=1, keepdims=True)
    array = array / numpy.maximum(lengths, numpy.finfo(numpy.float32).tiny)
    return (array @ array.T).clip(-1.0, 1.0)
