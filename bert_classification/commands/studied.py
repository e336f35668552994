"""The trained model that is studied by a command."""

from allennlp.common.checks import ConfigurationError, check_for_gpu
from allennlp.models.archival import Archive, load_archive
from allennlp.predictors import Predictor

from bert_classification.commands.json_lines import open_input
from bert_classification.predictor import BertPredictor

MODEL_HELP = "the archive of a trained model, or a checkpoint: its directory, or hf:NAME"


def open_predictor(model: str, data: str, cuda_device: int) -> BertPredictor:
    """Opens an archive; what is wrong with the name of the data is said before that."""
    return predictor_of(open_archive(model, data, cuda_device), model)


def open_archive(model: str, data: str, cuda_device: int) -> Archive:
    """Loads an archive, once it is known that there are data."""
    check_for_gpu(cuda_device)
    if data != "-":
        with open_input(data):
            pass
    return load_archive(model, cuda_device=cuda_device)


def predictor_of(archive: Archive, model: str) -> BertPredictor:
    """
    Makes the model's own predictor.

    # Raises

    `ConfigurationError` when it is none of ours.
    """
    predictor = Predictor.from_archive(archive)
    if not isinstance(predictor, BertPredictor):
        raise ConfigurationError(
            f"{model}: {type(predictor).__name__} is no predictor of this package, for whose "
            "models this command is."
        )
    return predictor
