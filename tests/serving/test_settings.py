"""The server's settings."""

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.serving.settings import Settings


@pytest.mark.parametrize("option", ["max_queue", "timeout"])
def test_settings_name_the_option(option) -> None:
    with pytest.raises(ConfigurationError, match=f"--{option.replace('_', '-')}"):
        Settings(**{option: 0})
