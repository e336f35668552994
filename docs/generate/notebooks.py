"""The pages of the notebooks: their cells, in Markdown."""

import json
from pathlib import Path
from typing import Iterator

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"


def _as_markdown(cell: dict) -> str:
    source = "".join(cell["source"])
    return f"```python\n{source}\n```" if cell["cell_type"] == "code" else source


def pages() -> Iterator[tuple[str, str]]:
    """Yields the path below `docs/` and the Markdown of each notebook."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        first, *cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        where = f"To run it open `notebooks/{path.name}` of the repository in Jupyter."
        texts = [_as_markdown(first), where, *map(_as_markdown, cells)]
        yield f"notebooks/{path.stem}.md", "\n\n".join(texts) + "\n"
