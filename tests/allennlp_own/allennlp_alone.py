"""A plugin for pytest: AllenNLP finds every plugin but ours, which replaces parts of it."""

import sys
from typing import Any

sys.modules["bert_classification"] = None  # type: ignore[assignment]


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")
