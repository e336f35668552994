import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.commands.config_keys import check_keys
from tests.support import allennlp

OURS = {"type": "bert_for_classification"}


@pytest.mark.parametrize(
    "config, message",
    [
        ({"trainer": {"num_epoch": 3}}, "`trainer.num_epoch`: .* did you mean `num_epochs`"),
        ({"trainer": {"type": "bfloat16", "validation_metrics": "+f1"}}, "`validation_metric`"),
        (
            {"model": {**OURS, "bert_modle": "x"}},
            "`model.bert_modle`: .* did you mean `bert_model`",
        ),
        ({"model": {**OURS, "zzz": 1}}, "`model.zzz`: there is no such parameter[.]"),
        ({"dataset_reader": {**OURS, "colums": {}}}, "did you mean `columns`"),
        ({"validation_dataset_reader": {**OURS, "formatt": "tsv"}}, "did you mean `format`"),
    ],
)
def test_a_key_that_is_misspelt(config, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_keys(config)


def test_what_is_no_mistake(caplog) -> None:
    check_keys({"trainer": {"num_epochs": 1, "grad_norm": 1.0, "run_sanity_checks": False}})
    check_keys({"model": {"type": "simple_tagger", "anything": 1}, "dataset_reader": {"type": "x"}})
    check_keys({"trainer": {"type": "gradient_descent", "keep_serialized": 1}})
    assert "`trainer.keep_serialized`: there is no such parameter" in caplog.text


def test_it_is_said_before_anything_is_read(tmp_path) -> None:
    overrides = '{"trainer.num_epoch": 3, "train_data_path": "there is none"}'
    with pytest.raises(ConfigurationError, match="did you mean `num_epochs`"):
        allennlp("train", "training_config/classification.jsonnet", "-s", tmp_path, "-o", overrides)
