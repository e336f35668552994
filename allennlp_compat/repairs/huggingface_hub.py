"""huggingface_hub 1."""

import sys
from typing import Iterator

from allennlp_compat.hook import log, repair
from allennlp_compat.stand_in import StandIn


@repair("allennlp.common.push_to_hf")
def hub_names_that_left() -> Iterator[None]:
    """
    Stands in for `HfFolder` and `Repository`, which left with version 1.0; only `push-to-hf` uses
    them, and calls `HfApi` in a way of then.
    """
    import huggingface_hub

    advice = (
        "it left, or changed, with version 1.0. `push-to-hf` cannot work without it; "
        "`hf upload USER/NAME SERIALIZATION_DIR` uploads the same files."
    )
    names = StandIn("huggingface_hub", advice)
    missing = [name for name in ("HfFolder", "Repository") if not hasattr(huggingface_hub, name)]
    for name in missing:
        setattr(huggingface_hub, name, getattr(names, name))
    try:
        yield
        if missing:
            sys.modules["allennlp.common.push_to_hf"].HfApi = names.HfApi
    finally:
        names._importing = False
        for name in missing:
            delattr(huggingface_hub, name)
            log(f"stand-in for huggingface_hub.{name}, gone since 1.0")
