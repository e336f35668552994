"""Each code block of README and the site is run, page by page."""

import os

import pytest

from tests.docs.blocks import PAGES, run_page
from tests.support import ROOT


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_blocks_of_a_page_run_in_order(path, request) -> None:
    if "localhost:" in path.read_text(encoding="utf-8"):
        request.getfixturevalue("ports")
    run_page(path, request.getfixturevalue("page"))


RIGHT = """
<!-- given: data/mine.jsonl from fixtures/classification/dev.jsonl -->

```bash
test -s data/mine.jsonl
here=kept
sleep 1000 &
```

1. In a list:

    ```text title="made/by me.txt"
    one
    ```

```bash
test $here = kept
kill $!
test "$(cat 'made/by me.txt')" = one
allennlp --version > version.txt
```

```python
version = open("version.txt").read()
```

```python
assert version.startswith("allennlp "), version
```

```json
"members": {"of": "an object"}
```

```jsonnet
local x = 1; {a: x}
```

<!-- gives: mine -->
```python
raise ValueError("it is mine")
```

<!-- gives: warned -->
```python
import logging

logging.warning("I have warned")
```

<!-- not run: there is nothing of that name -->
```bash
nothing
```
"""

WRONG = [
    ("```bash\ntrue\nfalse\ntrue\n```", "a command failed"),
    ("```bash\nallennlp predict nowhere 2>&1\n```", "line 1"),
    ("```bash\nkill -9 $$\n```", "a command failed"),
    ("```python\nraise ValueError('mine')\n```", "mine"),
    ("```\nno language\n```", "is one of"),
    ("```yaml\na: 1\n```", "is one of"),
    ("```json\n{'a': 1}\n```", "JSONDecodeError"),
    ("```jsonnet\n{a: }\n```", "RuntimeError"),
    ('```text title="../outside"\n```', "outside of the directory"),
    ("<!-- gives: else -->\n```python\nraise ValueError('mine')\n```", "'else' is not in"),
    ("<!-- gives: else -->\n```bash\ntrue\n```", "'else' is not in"),
    ("<!-- given: x from setup.py -->", "may not be given"),
    ("<!-- not run: a reason -->\n\nText.\n\n```bash\n```", "no block stands behind"),
    ("<!-- not run: -->\n```bash\nnothing\n```", "no comment that steers"),
    ("<!-- notrun: why -->\n```bash\nnothing\n```", "no comment that steers"),
]


def test_what_a_page_may_have(tmp_path, page) -> None:
    path = tmp_path / "page.md"
    path.write_text(RIGHT)
    run_page(path, page)


@pytest.mark.parametrize("text, message", WRONG)
def test_what_is_wrong_with_a_page(text, message, tmp_path, page) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    with pytest.raises(AssertionError, match=message):
        run_page(path, page)


def test_a_command_is_as_in_a_process_of_its_own(page) -> None:
    """Exit status, streams, environment, directory and signals are those of the caller."""
    refused = page.shell.run("allennlp predict no.tar.gz no.jsonl 2>err >out || echo status $?")
    assert refused.strip() == "status 1"
    assert "no.tar.gz" in (page.directory / "err").read_text()
    assert os.path.getsize(page.directory / "out") == 0
    serving = "allennlp serve --archive-path no.tar.gz & kill -9 $!; wait $! || echo status $?"
    assert "status 137" in page.shell.run(serving)
