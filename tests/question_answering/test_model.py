"""Question answering against Hugging Face's head, and questions without an answer."""

import pytest
import torch
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from transformers import AutoTokenizer, BertModel
from transformers import BertForQuestionAnswering as PretrainedQuestionAnswering

from bert_classification import BertForQuestionAnswering
from tests.question_answering.support import CONTEXT, LONG, TRAIN, gold, make_reader
from tests.support import BERT


def tensors(instances: list) -> dict:
    batch = Batch(instances)
    batch.index_instances(Vocabulary())
    return batch.as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/question_answering.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-4)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    def hugging_face(self, model: BertForQuestionAnswering) -> PretrainedQuestionAnswering:
        theirs = PretrainedQuestionAnswering.from_pretrained(BERT).eval()
        theirs.load_state_dict(model.state_dict())
        return theirs

    def test_logits_and_loss_of_one_window(self, model) -> None:
        instance = make_reader().text_to_instance("Where?", CONTEXT, gold(CONTEXT, "small"))
        inputs = tensors([instance])
        ours = model(**inputs)
        encoded = AutoTokenizer.from_pretrained(BERT)("Where?", CONTEXT, return_tensors="pt")
        theirs = self.hugging_face(model)(
            **encoded,
            start_positions=inputs["start_positions"][0],
            end_positions=inputs["end_positions"][0],
        )
        assert torch.allclose(ours["start_logits"][0], theirs.start_logits, atol=1e-5)
        assert torch.allclose(ours["end_logits"][0], theirs.end_logits, atol=1e-5)
        assert torch.allclose(ours["loss"], theirs.loss, atol=1e-5)

    def test_logits_and_loss_of_a_padded_batch_of_windows(self, model) -> None:
        reader = make_reader(64, doc_stride=20, max_query_length=20)
        instances = [
            reader.text_to_instance("Where?", CONTEXT, gold(CONTEXT, "small")),
            reader.text_to_instance("When was it?", LONG, gold(LONG, "1903")),
        ]
        inputs = tensors(instances)
        ours = model(**inputs)
        field = inputs["tokens"]["bert"]
        mask = field["mask"].flatten(0, 1)
        hugging_face = self.hugging_face(model)
        losses = []
        for row in mask.any(-1).nonzero()[:, 0].tolist():
            where = mask[row].nonzero()[:, 0]
            theirs = hugging_face(
                input_ids=field["input_ids"].flatten(0, 1)[row, where][None],
                token_type_ids=field["token_type_ids"].flatten(0, 1)[row, where][None],
                start_positions=inputs["start_positions"].flatten()[row, None],
                end_positions=inputs["end_positions"].flatten()[row, None],
            )
            logits = ours["start_logits"].flatten(0, 1)[row, where]
            assert torch.allclose(logits, theirs.start_logits[0], atol=1e-5)
            losses.append(theirs.loss)
        assert len(losses) > 5 and not mask.any(-1).all()
        assert torch.allclose(ours["loss"], torch.stack(losses).mean(), atol=1e-5)

    def test_a_checkpoint_gives_its_head(self, tmp_path) -> None:
        trained = PretrainedQuestionAnswering.from_pretrained(BERT)
        trained.save_pretrained(tmp_path)
        model = BertForQuestionAnswering(Vocabulary(), str(tmp_path))
        assert torch.equal(model.qa_outputs.weight, trained.qa_outputs.weight)

    def test_a_bert_with_a_pooler_gives_a_model_without(self) -> None:
        model = BertForQuestionAnswering(Vocabulary(), BertModel.from_pretrained(BERT))
        self.hugging_face(model)

    def test_positions_outside_a_window_are_ignored(self, model) -> None:
        instance = make_reader().text_to_instance("Where?", CONTEXT, gold(CONTEXT, "small"))
        inputs = tensors([instance, instance])
        alone = model(**tensors([instance]))["loss"]
        inputs["start_positions"][1] = inputs["end_positions"][1] = 10_000
        assert torch.allclose(model(**inputs)["loss"], alone, atol=1e-6)


class TestNoAnswer:
    def test_is_given_above_the_threshold_only(self, model) -> None:
        instance = make_reader().text_to_instance("Who?", CONTEXT)
        (plain,) = model.forward_on_instances([instance])
        assert plain["answer"] and all(each["answer"] for each in plain["n_best"])
        model.handle_impossible_answer = True
        diff = plain["null_score_diff"]
        for threshold, is_null in ((diff + 0.1, False), (diff - 0.1, True)):
            model.null_score_diff_threshold = threshold
            (output,) = model.forward_on_instances([instance])
            assert (output["answer"] == "") == is_null
            assert [each["answer"] for each in output["n_best"]].count("") == 1
            if is_null:
                assert (output["start"], output["end"]) == (0, 0)

    @pytest.mark.parametrize("answers, handled", [(gold(CONTEXT, "tea"), False), ([], True)])
    def test_follows_the_training_data(self, answers, handled) -> None:
        instance = make_reader().text_to_instance("Who?", CONTEXT, answers)
        vocab = Vocabulary.from_instances([instance])
        assert BertForQuestionAnswering(vocab, BERT).handle_impossible_answer == handled
        given = BertForQuestionAnswering(vocab, BERT, handle_impossible_answer=not handled)
        assert given.handle_impossible_answer != handled
