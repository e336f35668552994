"""Links between the files of the repository; those within the site are mkdocs' to check."""

import re

import pytest

from tests.support import ROOT

LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)|(?:src|href)=\"(?!\w+:|#)([^\"#]+)")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "allennlp_compat/README.md")


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_links_to_is_there(page) -> None:
    found = LINK.findall((ROOT / page).read_text(encoding="utf-8"))
    links = [one or other for one, other in found]
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert missing == []
    assert links or page != "README.md"
