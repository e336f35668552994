"""Tags stand in a vocabulary, a file of one a line; and `label_names` are tags of the scheme."""

import pytest
from allennlp.common.checks import ConfigurationError

from tests.support import write_lines
from tests.token_classification.support import a_reader


@pytest.mark.parametrize("kind", ["A\nB", "A\r", "\ud800"])
def test_a_tag_that_no_vocabulary_holds(tmp_path, kind) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"tokens": ["a"], "tags": [f"B-{kind}"]}])
    with pytest.raises(ConfigurationError) as caught:
        list(a_reader().read(path))
    assert str(caught.value).startswith(f"{path}, line 1: `tags`: ")


@pytest.mark.parametrize("names", [["O", "PERSON"], ["O", "B-A\n"], ["B-"], ["x" * 10**4]])
def test_names_that_are_no_tags(names) -> None:
    with pytest.raises(ConfigurationError) as caught:
        a_reader(label_names=names)
    assert str(caught.value).startswith("`label_names`: ") and len(str(caught.value)) < 400
