"""The files that come with the package: configs, and the demo's data."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def shipped(path: str) -> Path:
    """
    Finds `training_config/...` or `fixtures/classification/...`, by its name from the repository's
    root. An installed package holds them (`setup.py`); in a checkout, also one that is installed
    with `pip install -e`, they lie beside it.

    # Raises

    `FileNotFoundError`
        Where the installation is damaged, or the file is not one that is shipped.
    """
    places = (PACKAGE / path, PACKAGE.parent / path)
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise FileNotFoundError(
            f"{path} is not among the files of the installed bert_classification ({PACKAGE}): "
            "install it again."
        )
    return found


def located(path: str) -> str:
    """Finds a file as `shipped` does, by a short name where it lies below here."""
    found = shipped(path)
    return path if Path(path).resolve() == found.resolve() else str(found)
