"""NLTK."""

import os
import shutil
import sys
import tempfile
from typing import Iterator

from allennlp_compat.hook import log, repair


@repair("allennlp_models.rc.tools.narrativeqa")
def narrativeqa_without_downloads() -> Iterator[None]:
    """Keeps the module from asking for two downloads while it is imported, at every command."""
    import nltk

    download, nltk.download = nltk.download, lambda *args, **kwargs: False
    try:
        yield
    finally:
        nltk.download = download


@repair("allennlp_models.structured_prediction.dataset_readers.penn_tree_bank")
def treebanks_of_every_directory() -> Iterator[None]:
    """
    Lets the reader of the Penn Treebank read its file, from a private copy: since NLTK 3.10 a
    corpus reader opens files below `nltk.data.path` alone, and those only that nobody else may
    write to.
    """
    yield
    module = sys.modules["allennlp_models.structured_prediction.dataset_readers.penn_tree_bank"]
    import nltk

    theirs = module.BracketParseCorpusReader

    class BracketParseCorpusReader:
        def __init__(self, root: str, fileids: list[str]) -> None:
            self._path = os.path.join(root, *fileids)

        def parsed_sents(self):
            with tempfile.TemporaryDirectory() as directory:
                shutil.copyfile(self._path, os.path.join(directory, "trees"))
                nltk.data.path.append(directory)
                try:
                    # It opens the file again for every block of trees.
                    yield from theirs(root=directory, fileids=["trees"]).parsed_sents()
                finally:
                    nltk.data.path.remove(directory)

    module.BracketParseCorpusReader = BracketParseCorpusReader
    log("ptb_trees: a private copy below nltk.data.path")
