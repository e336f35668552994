"""Articles with several questions, in files of one object."""

import json
from pathlib import Path

from tests.multiple_choice.support import DATA


def test_race_files_of_many_lines_and_in_directories(reader, tmp_path: Path) -> None:
    article = json.loads((DATA / "race.json").read_text())
    (tmp_path / "high").mkdir()
    for name in ("high/1.txt", "2.txt"):
        (tmp_path / name).write_text(json.dumps(article, indent=2))
    assert len(list(reader.read(str(tmp_path)))) == 4
    assert len(list(reader.read(str(tmp_path / "2.txt")))) == 2
