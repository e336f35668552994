import json

import _jsonnet

from bert_classification.commands.jsonnet_text import to_jsonnet
from bert_classification.data.draft import Draft

CONFIG = {
    "type": 'it\'s "quoted" \\ and\n broken',
    "error": {"rate": 2e-05, "half": 0.5, "none": None, "yes": True, "é": []},
    "long": ["word " * 10] * 5,
    "bert_model": "a-bert",
    "with-dash": {},
}


def evaluate(text: str) -> dict:
    return json.loads(_jsonnet.evaluate_snippet("config", text))


def test_it_evaluates_to_the_draft() -> None:
    draft = Draft(json.loads(json.dumps(CONFIG)))
    draft.note("error.rate", "A reason. " * 30)
    draft.suggest("error.other", [1, "a"], "Or this:")
    text = to_jsonnet(draft, "What it is.\n  a command\n", {"bert_model": "a-bert"})
    assert evaluate(text) == CONFIG
    assert "rate: 2e-5," in text and "bert_model: bert," in text
    assert "    // Or this:\n    // other: [1, 'a'],\n" in text
    assert max(map(len, text.splitlines())) <= 100 + len(" word" * 40)


def test_a_key_that_is_set_again_keeps_one_reason() -> None:
    draft = Draft({"a": {"b": 1}})
    assert draft.set("a.b", 2, "First.") == 2 and draft.set("a.c.d", 3) == 3
    draft.set("a.b", 4)
    assert draft.config == {"a": {"b": 4, "c": {"d": 3}}} and draft.notes == {}
