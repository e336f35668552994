"""A hook of mkdocs: the pages that are made of the code, and the order in which all are found."""

from fnmatch import fnmatchcase

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from docs.generate import notebooks, options, reference

TEXTS = ("classification", "token_classification", "question_answering", "multiple_choice")
LANGUAGE = ("next_sentence_prediction", "masked_lm", "causal_lm", "pretraining")
ORDER = {
    "Start": ["index.md", "quickstart.md"],
    "Tutorials": [*(f"tutorials/{task}.md" for task in (*TEXTS, *LANGUAGE)), "tutorials/*"],
    "How-to": ["how-to/own-data.md", "how-to/*"],
    "Concepts": ["concepts/a-texts-way.md", "concepts/*", "EXPLANATIONS.md", "ARCHITECTURE.md"],
    "Commands": [
        *(f"commands/{name}.md" for name in ("train", "evaluate", "predict")),
        "commands/*",
    ],
    "Notebooks": ["notebooks/*"],
    "Reference": [
        "reference/index.md",
        "reference/shared.md",
        "reference/python.md",
        "reference/*",
    ],
    "Messages": ["messages/index.md", "messages/*"],
    "Background": ["quality.md", "speed.md", "*"],
}
"""A page stands where a pattern fits it first."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made, and names all pages in their order."""
    written = {each.src_uri: each.content_string for each in files.documentation_pages()}
    for path, text in (
        *reference.pages(),
        *options.pages(written),
        *notebooks.pages(),
    ):
        if path in written:
            files.remove(files.get_file_from_path(path))
        files.append(File.generated(config, path, content=text))
    config.nav = navigation([each.src_uri for each in files.documentation_pages()])
    return files


def navigation(paths: list[str]) -> list[dict[str, list[str]]]:
    """Gives the headings of the navigation, each with the pages below it."""
    left, headings = sorted(paths), []
    for heading, patterns in ORDER.items():
        fitting = (path for each in patterns for path in left if fnmatchcase(path, each))
        found = list(dict.fromkeys(fitting))
        left = [path for path in left if path not in found]
        if found:
            headings.append({heading: found})
    return headings
