"""Names that left transformers."""

import importlib
import sys
from typing import Any, Callable, Iterator

from allennlp_compat.hook import USERS_OF_TRANSFORMERS, log, repair
from allennlp_compat.stand_in import StandIn


def set_missing(name: str, make: Callable[[], Any]) -> None:
    """
    Sets a name that transformers does not have. `processing_utils` puts another module in its
    place, so that has to come first.
    """
    importlib.import_module("transformers.processing_utils")
    module = sys.modules["transformers"]
    if not hasattr(module, name):
        setattr(module, name, make())
        log(f"transformers.{name}")


@repair(*USERS_OF_TRANSFORMERS)
def whole_word_collator_names_its_successor() -> Iterator[None]:
    """
    Stands in for `DataCollatorForWholeWordMask`, whose successor takes other batches, for code
    that imports it beside what it uses.
    """
    advice = (
        "it left with transformers 5. DataCollatorForLanguageModeling(tokenizer=..., "
        "whole_word_mask=True) takes examples with `offset_mapping`."
    )
    names = StandIn("transformers", advice)
    names._importing = False
    name = "DataCollatorForWholeWordMask"
    set_missing(name, lambda: getattr(names, name))
    yield
