"""A checkpoint of two halves: transformers' `EncoderDecoderModel` of two BERTs."""

from pathlib import Path

import torch
from allennlp.common.checks import ConfigurationError
from transformers import AutoConfig, BertConfig, EncoderDecoderConfig, EncoderDecoderModel

from bert_classification.archives import serialization, weights
from bert_classification.archives.weights import State

ARCHITECTURE = "EncoderDecoderModel"


def config_of_half(name: str, config: EncoderDecoderConfig, decoder: bool) -> BertConfig:
    """
    Gives the configuration of a half; `ConfigurationError` when the halves are not two BERTs of one
    width, between which nothing stands.
    """
    halves = (config.encoder, config.decoder)
    kinds = {each.model_type for each in halves}
    widths = {each.hidden_size for each in halves}
    if kinds != {"bert"} or len(widths) > 1:
        raise ConfigurationError(
            f"{name} has halves of type {' and '.join(sorted(kinds))}, {sorted(widths)} numbers "
            "wide; bert_classification runs two of `bert` with one width."
        )
    half = halves[decoder]
    half.architectures = [ARCHITECTURE]
    return half


def read_half(directory: str, decoder: bool) -> State:
    """Reads the weights of a half, in a directory or of a name on the model hub, in float32."""
    model, report = EncoderDecoderModel.from_pretrained(
        directory, dtype=torch.float32, output_loading_info=True
    )
    missing = sorted(key for key in report["missing_keys"] if ".pooler." not in key)
    if missing:
        raise ConfigurationError(f"{directory} lacks {len(missing)} weights, such as {missing[0]}.")
    return dict((model.decoder if decoder else model.encoder).state_dict())


def stage_halves(directory: Path, staged: Path) -> None:
    """Lays out a checkpoint that has two halves as an archive has them; see `staged.stage`."""
    config = AutoConfig.from_pretrained(directory, trust_remote_code=False)
    if not isinstance(config, EncoderDecoderConfig):
        return
    decoder = config_of_half(str(directory), config, decoder=True)
    serialization.save(serialization.DECODER, str(staged), decoder.save_pretrained)
    file = weights.find_weights(staged)
    state = weights.read_weights(file)
    # A link to the checkpoint's own.
    file.unlink()
    named = {
        f"bert.{name.removeprefix('encoder.')}" if name.startswith("encoder.") else name: tensor
        for name, tensor in state.items()
    }
    weights.write_safetensors(named, staged / weights.ARCHIVED_NAMES[0])
