"""AllenNLP's own attackers, as they are, on our models."""

import pytest
from allennlp.common.checks import ConfigurationError
from allennlp.interpret.attackers import Hotflip, InputReduction

from tests.interpret.support import predictor_of
from tests.support import EXPLAINED, short_record

SPECIAL = ("[CLS]", "[SEP]", "[MASK]")


def special_places(tokens: list[str]) -> list[tuple[int, str]]:
    return [(place, token) for place, token in enumerate(tokens) if token in SPECIAL]


@pytest.mark.parametrize("task", EXPLAINED)
def test_hotflip(task) -> None:
    predictor = predictor_of(task)
    attacker = Hotflip(predictor)
    attacker.initialize()
    result = attacker.attack_from_json(short_record(task))
    (final,) = result["final"]
    assert len(final) == len(result["original"]) and final != result["original"]
    assert special_places(final) == special_places(result["original"])
    new = {token for token, old in zip(final, result["original"]) if token != old}
    assert all(token.isalnum() for token in new)


def test_what_hotflip_found_is_what_the_changed_text_gives(planted) -> None:
    attacker = Hotflip(planted.predictor)
    attacker.initialize()
    text, label = planted.texts[0]
    result = attacker.attack_from_json({"text": text})
    (final,), (outputs,) = result["final"], result["outputs"]
    changed = " ".join(final[1:-1]).replace(" ##", "")
    assert planted.predictor.predict_json({"text": changed})["label"] == outputs["label"] != label


def test_hotflip_leaves_ignored_tokens_alone() -> None:
    attacker = Hotflip(predictor_of("classification"))
    attacker.initialize()
    ignored = ["the", "was", *SPECIAL]
    result = attacker.attack_from_json({"text": "the soup was cold"}, ignore_tokens=ignored)
    (final,) = result["final"]
    assert final[1] == "the" and "was" in final


@pytest.mark.parametrize("target", ["good", "bad"])
def test_hotflip_towards_a_target(planted, target) -> None:
    attacker = Hotflip(planted.predictor)
    attacker.initialize()
    text = next(text for text, label in planted.texts if label != target)
    result = attacker.attack_from_json({"text": text}, target={"label": target})
    assert result["outputs"][0]["label"] == target


@pytest.mark.parametrize("task", [task for task in EXPLAINED if task != "token_classification"])
def test_input_reduction(task) -> None:
    predictor = predictor_of(task)
    result = InputReduction(predictor, beam_size=1).attack_from_json(short_record(task))
    (final,) = result["final"]
    assert len(final) <= len(result["original"])
    before = [token for _, token in special_places(result["original"])]
    assert [token for _, token in special_places(final)] == before


def test_input_reduction_of_tags_says_what_works() -> None:
    predictor = predictor_of("token_classification")
    with pytest.raises(ConfigurationError, match="attack --method input-reduction"):
        InputReduction(predictor).attack_from_json({"text": "Anna lives in Oslo."})


def test_special_pieces_that_are_not_spared_are_an_error() -> None:
    predictor = predictor_of("classification")
    with pytest.raises(ConfigurationError, match="taken out of the tokens.*`ignore_tokens`"):
        InputReduction(predictor).attack_from_json({"text": "the the the"}, ignore_tokens=[])
