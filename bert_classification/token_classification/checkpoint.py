from allennlp.common.checks import ConfigurationError
from transformers import BertConfig

from bert_classification.bert.heads import HeadSettings
from bert_classification.bert.labels import NAME_THEM
from bert_classification.data.records import RecordError
from bert_classification.token_classification.tag_schemes import split_tag


def head_settings(name: str, config: BertConfig) -> HeadSettings:
    """Reads the tags of a `BertForTokenClassification`; its labels have to be tags."""
    labels = [config.id2label[index] for index in sorted(config.id2label)]
    others = [label for label in labels if not _is_tag(label)]
    if others:
        raise ConfigurationError(
            f"{name} has labels that are no tags: {', '.join(others[:10])}"
            f"{' and more' if others[10:] else ''}; expected O, B-TYPE, I-TYPE, E-TYPE or S-TYPE. "
            f"{NAME_THEM}"
        )
    return HeadSettings(labels)


def _is_tag(label: str) -> bool:
    try:
        split_tag(label, "BIOES")
    except RecordError:
        return False
    return True
