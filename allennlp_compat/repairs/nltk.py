"""NLTK."""

import os
import sys
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
    Lets the reader of the Penn Treebank read its file: since NLTK 3.10 a corpus reader opens files
    below `nltk.data.path` alone.
    """
    yield
    module = sys.modules["allennlp_models.structured_prediction.dataset_readers.penn_tree_bank"]
    import nltk

    theirs = module.BracketParseCorpusReader

    class BracketParseCorpusReader:
        def __init__(self, root: str, fileids: list[str]) -> None:
            # A file in a cache is a link to one elsewhere.
            self._path = os.path.realpath(os.path.join(root, *fileids))

        def parsed_sents(self):
            directory, name = os.path.split(self._path)
            nltk.data.path.append(directory)
            try:
                # It opens the file again for every block of trees.
                yield from theirs(root=directory, fileids=[name]).parsed_sents()
            finally:
                nltk.data.path.remove(directory)

    module.BracketParseCorpusReader = BracketParseCorpusReader
    log("ptb_trees: the directory of the file is one of nltk.data.path")
