"""Names that left transformers."""

import sys
from types import ModuleType
from typing import Iterator

from allennlp_compat.hook import repair
from allennlp_compat.stand_in import StandIn


def find_package() -> ModuleType:
    """Gives transformers as others import it: `processing_utils` puts another in its place."""
    import transformers.processing_utils  # noqa: F401

    return sys.modules["transformers"]


@repair("allennlp.data.data_loaders.data_collator")
def whole_word_collator_names_its_successor() -> Iterator[None]:
    """
    Stands in for `DataCollatorForWholeWordMask`, whose successor takes other batches, for code
    that imports it beside what it uses.
    """
    package = find_package()
    if not hasattr(package, "DataCollatorForWholeWordMask"):
        advice = (
            "it left with transformers 5. DataCollatorForLanguageModeling(tokenizer=..., "
            "whole_word_mask=True) takes examples with `offset_mapping`."
        )
        names = StandIn("transformers", advice)
        package.DataCollatorForWholeWordMask = names.DataCollatorForWholeWordMask
        names._importing = False
    yield
