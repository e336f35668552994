"""Files of SQuAD that are not what they should be."""

import pytest
from allennlp.common.checks import ConfigurationError

from tests.question_answering.support import make_reader


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "empty"),
        ("[1]", "expected a JSON object"),
        ('{"data": [', "line 1: not valid JSON"),
        ('{"question": "a"}\n{"question": "b"}', "`dataset_reader.format` to jsonl"),
        ("{}", "list under the key `data`, got nothing"),
        ('{"data": 5}', "list under the key `data`, got a number"),
        ('{"data": []}', "no question"),
        ('{"data": [{}]}', r"data\[0\]: .*`paragraphs`"),
        ('{"data": [7]}', r"data\[0\]: expected a JSON object"),
        ('{"data": [{"paragraphs": [{"qas": []}]}]}', r"paragraphs\[0\]: no key `context`"),
        ('{"data": [{"paragraphs": [{"context": "x"}]}]}', r"paragraphs\[0\]: .*`qas`"),
        (
            '{"data": [{"paragraphs": [{"context": "x", "qas": [{}]}]}]}',
            r"data\[0\].paragraphs\[0\].qas\[0\]: .*`id`",
        ),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_malformed_squad_file_names_the_place(tmp_path, content, message) -> None:
    path = tmp_path / "squad.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=f"squad.json.*{message}"):
        list(make_reader().read(path))
