from allennlp.common.checks import ConfigurationError
from transformers import BertConfig

from bert_classification.bert.heads import HeadSettings


def head_settings(name: str, config: BertConfig) -> HeadSettings:
    """
    Reads of a `BertForSequenceClassification` what its outputs mean, where `problem_type` is not
    given as transformers does: one output is a regression, several are single labels.
    """
    labels = [config.id2label[index] for index in sorted(config.id2label)]
    regression = "regression" if len(labels) == 1 else "single_label_classification"
    problem_type = config.problem_type or regression
    if problem_type != "regression":
        return HeadSettings(labels, {"problem_type": problem_type})
    if len(labels) > 1:
        raise ConfigurationError(
            f"{name} is a regression of {len(labels)} numbers; expected one of a single number."
        )
    return HeadSettings((), {"problem_type": problem_type})
