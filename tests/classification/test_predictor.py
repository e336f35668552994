"""Classification with a trained archive."""

import json

import pytest
from allennlp.common.checks import ConfigurationError

from bert_classification import BertForClassification, BertForClassificationPredictor
from tests.classification.support import make_reader
from tests.support import BERT, allennlp, read_json_lines, write_lines


class TestLongTexts:
    TEXT = "the train was late and " * 80

    def test_error_spares_the_other_records_in_prediction(self, vocab) -> None:
        model = BertForClassification(vocab, BERT)
        predictor = BertForClassificationPredictor(model, make_reader(long_text="error"))
        outputs = predictor.predict_batch_json([{"text": "a"}, {"text": self.TEXT}, {"text": "b"}])
        assert ["error" in output for output in outputs] == [False, True, False]


def test_an_unknown_label_in_evaluation_names_the_known_ones(tmp_path, archive_of) -> None:
    data = write_lines(tmp_path / "other.jsonl", [{"text": "a", "label": "wonderful"}])
    with pytest.raises(ConfigurationError, match="line 1: label 'wonderful' is unknown.*'neutral'"):
        allennlp("evaluate", archive_of("classification"), data)


def test_hidden_states_and_attentions_on_request(tmp_path, archive_of) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"text": "fine"}])
    output = tmp_path / "out.jsonl"
    asked = {"model.output_hidden_states": True, "model.output_attentions": True}
    arguments = ("--output-file", output, "--silent", "-o", json.dumps(asked))
    allennlp("predict", archive_of("classification"), source, *arguments)
    (prediction,) = read_json_lines(output)
    assert len(prediction["hidden_states"]) == 3 and len(prediction["attentions"]) == 2


@pytest.mark.parametrize("name", ["simple-gradient", "integrated-gradient", "smooth-gradient"])
def test_saliency_of_each_piece(archive_of, name) -> None:
    from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
    from allennlp.predictors import Predictor

    predictor = Predictor.from_path(archive_of("classification"))
    interpreter = SaliencyInterpreter.by_name(name)(predictor)
    result = interpreter.saliency_interpret_from_json({"text": "the was"})
    (importance,) = result["instance_1"].values()
    assert len(importance) == 4 and sum(importance) == pytest.approx(1)
