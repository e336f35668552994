"""What annotation tools export, and what our own predictor writes, as training data."""

import json
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification.token_classification.entities import find_entities
from tests.support import FIXTURES, allennlp, read_json_lines, write_lines
from tests.token_classification.support import a_reader

EXPORTS = FIXTURES / "token_classification" / "exports"
SPANS = [
    [("Maria Lopez", "PER"), ("Lisbon", "LOC"), ("Berlin", "LOC")],
    [],
    [("Zoë", "PER"), ("Siemens", "ORG"), ("München", "LOC")],
]


def spans_of(instance) -> list[tuple[str, str]]:
    words = instance["words"].metadata
    tags = instance["tags"][0].tags
    return [(e["text"], e["type"]) for e in find_entities(words, tags, [1.0] * len(tags))]


@pytest.mark.parametrize(
    "name, format",
    [
        ("doccano.jsonl", "doccano"),
        ("doccano_labels.jsonl", "doccano"),
        ("doccano_relations.jsonl", "doccano"),
        ("label_studio.json", "label_studio"),
        ("prodigy.jsonl", "prodigy"),
        ("spacy_docs.jsonl", "spacy"),
        ("spacy_2.json", "spacy"),
        ("spacy_tuples.json", "spacy"),
        ("docs.spacy", "spacy"),
        ("brat", "brat"),
        ("brat/*.ann", "brat"),
    ],
)
def test_the_spans_of_each_tool_are_those_that_were_marked(name, format) -> None:
    by_content = list(a_reader().read(str(EXPORTS / name)))
    assert [spans_of(each) for each in by_content] == SPANS
    by_name = list(a_reader(format=format).read(str(EXPORTS / name)))
    assert [spans_of(each) for each in by_name] == SPANS


def test_what_was_not_accepted_is_left_out_and_counted(caplog) -> None:
    for name in ("prodigy.jsonl", "label_studio.json"):
        list(a_reader().read(str(EXPORTS / name)))
        assert f"{name}: 1 records have no accepted label and are left out." in caplog.text


def without_blanks(spans: list[list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    """Of a text that was split into tokens these have blanks between them."""
    return [[("".join(text.split()), kind) for text, kind in each] for each in spans]


@pytest.mark.parametrize("key", ["text", "tokens"])
def test_predictions_are_training_data_with_the_same_spans(tmp_path, key) -> None:
    texts = ["Maria Lopez moved from Lisbon to Berlin.", "Siemens, of München, is old."]
    records = [{key: text if key == "text" else text.split()} for text in texts]
    source, output = write_lines(tmp_path / "in.jsonl", records), tmp_path / "out.jsonl"
    archive = FIXTURES / "archives" / "token_classification.tar.gz"
    allennlp("predict", archive, source, "--output-file", output, "--silent")
    predicted = read_json_lines(output)
    expected = [[(e["text"], e["type"]) for e in each["entities"]] for each in predicted]
    assert any(expected)
    spans = [
        {"text": text if key == "text" else " ".join(text.split()), "entities": each["entities"]}
        for text, each in zip(texts, predicted)
    ]
    for path in (output, write_lines(tmp_path / "spans.jsonl", spans)):
        read = [spans_of(each) for each in a_reader().read(str(path))]
        assert without_blanks(read) == without_blanks(expected)


CUT = {"text": "Anna lives in Ulm.", "entities": [{"start": 1, "end": 8, "type": "X"}]}


@pytest.mark.parametrize(
    "alignment, expected, counted",
    [
        ("expand", [("Anna lives", "X")], "1 spans were expanded"),
        ("contract", [], "1 spans were dropped"),
        ("drop", [], "1 spans were dropped"),
    ],
)
def test_a_span_that_cuts_words(tmp_path, caplog, alignment, expected, counted) -> None:
    path = write_lines(tmp_path / "a.jsonl", [CUT])
    (instance,) = a_reader(span_alignment=alignment).read(path)
    assert spans_of(instance) == expected and counted in caplog.text
    whole = {**CUT, "entities": [{"start": 3, "end": 14, "type": "X"}]}
    (instance,) = a_reader(span_alignment="contract").read(
        write_lines(tmp_path / "b.jsonl", [whole])
    )
    assert spans_of(instance) == [("lives in", "X")]


def entity(start, end, kind="X", **others) -> dict:
    return {"start": start, "end": end, "type": kind, **others}


@pytest.mark.parametrize(
    "entities, message",
    [
        (
            [entity(1, 8)],
            r"`entities\[0\]`: a string \(\"nna liv\"\), characters 1 to 8, cuts a word",
        ),
        ([entity(0, 4), entity(0, 10)], r"`entities\[0\]`.*overlaps another span"),
        ([entity(4, 5)], "has no word in it"),
        ([entity(0, 99)], "within the 18 characters of the text"),
        ([entity(3, 3)], "`start` before `end`"),
        ([entity("0", 4)], r"from a string \(\"0\"\) to"),
        ([entity(0, 4, 7)], "expected a string as `type`"),
        ([entity(0, 4, text="Ulm")], r"\"Ulm\"\) is not at the characters 0 to 4; .*Anna"),
        (["Anna"], "expected an object with `start`, `end` and `type`"),
        ("Anna", "`entities`: expected a list"),
    ],
)
def test_a_bad_span_is_named_with_file_and_line(tmp_path, entities, message) -> None:
    fine = {"text": "Anna lives in Ulm.", "entities": [entity(0, 4), entity(0, 4)]}
    path = write_lines(tmp_path / "a.jsonl", [fine, {**fine, "entities": entities}])
    with pytest.raises(ConfigurationError, match=rf"a\.jsonl, line 2: .*{message}"):
        list(a_reader().read(path))


def test_of_spans_that_overlap_the_longest_stays(tmp_path, caplog) -> None:
    record = {
        "text": "Anna lives in Ulm.",
        "entities": [entity(0, 4), entity(0, 10), entity(5, 10)],
    }
    (instance,) = a_reader(span_alignment="drop").read(write_lines(tmp_path / "a.jsonl", [record]))
    assert spans_of(instance) == [("Anna lives", "X")] and "2 spans were dropped" in caplog.text


def test_a_list_names_the_line_where_a_record_begins(tmp_path) -> None:
    tasks = json.loads((EXPORTS / "label_studio.json").read_text(encoding="utf-8"))
    tasks[2]["annotations"][0]["result"][0]["value"]["start"] = 4
    path = tmp_path / "a.json"
    path.write_text(json.dumps(tasks, indent=2, ensure_ascii=False), encoding="utf-8")
    line = path.read_text(encoding="utf-8").split('"id": 3')[0].count("\n")
    with pytest.raises(ConfigurationError, match=rf"a\.json, line {line}: `entities\[0\]`"):
        list(a_reader().read(str(path)))


def test_brat_names_the_line_of_a_span_and_has_spans_of_several_parts(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("North and South America", encoding="utf-8")
    (tmp_path / "a.ann").write_text("T1\tLOC 0 5;16 23\tNorth America\n", encoding="utf-8")
    path = str(tmp_path / "a.ann")
    with pytest.raises(ConfigurationError, match=r"a\.ann, .*\(T1, line 1\).*has several parts"):
        list(a_reader().read(path))
    (instance,) = a_reader(span_alignment="expand").read(path)
    assert spans_of(instance) == [("North and South America", "LOC")]
    (tmp_path / "a.ann").write_text("E1\tX:T1\nT1 LOC 0 5 North\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"a\.ann, line 2: no text-bound annotation"):
        list(a_reader().read(path))


def test_what_is_no_file_of_a_tool(tmp_path) -> None:
    path = tmp_path / "a.spacy"
    path.write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match=r"a\.spacy: no DocBin of spaCy"):
        list(a_reader().read(str(path)))
    lines = write_lines(tmp_path / "a.jsonl", [{"words": ["a"]}])
    with pytest.raises(ConfigurationError, match="line 1: no record of label_studio.*`words`"):
        list(a_reader(format="label_studio").read(lines))
    with pytest.raises(
        ConfigurationError, match="span_alignment` is 'keep'; expected one of error"
    ):
        a_reader(span_alignment="keep")
    assert Path(lines).exists()
