"""
Classification: reader, model and predictor against the plain Hugging Face head, on the tiny BERT.
"""

import json
from pathlib import Path

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.common.testing import ModelTestCase
from allennlp.data import Batch, Vocabulary
from transformers import AutoTokenizer, BertForSequenceClassification

from bert_classification import (
    BertForClassification,
    BertForClassificationReader,
    PretrainedBertIndexer,
)
from tests.conftest import BERT, FIXTURES, allennlp, read_json_lines, write_lines

TRAIN = str(FIXTURES / "classification" / "train.jsonl")


@pytest.fixture
def reader() -> BertForClassificationReader:
    return BertForClassificationReader(token_indexers={"bert": PretrainedBertIndexer(BERT)})


@pytest.fixture
def vocab() -> Vocabulary:
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(["negative", "neutral", "positive"], "labels")
    return vocab


def tensors(instances: list, vocab: Vocabulary) -> dict:
    batch = Batch(instances)
    batch.index_instances(vocab)
    return batch.as_tensor_dict()


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/classification.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    @pytest.mark.parametrize(
        "texts",
        [
            [("The soup was cold.", None)],
            [("It was cold.", "How was the soup?")],
            [("Short.", None), ("A much longer text about a train.", None), ("Two", "texts here")],
        ],
        ids=["single", "pair", "padded batch"],
    )
    def test_logits_and_loss_equal_hugging_face(self, reader, vocab, texts) -> None:
        model = BertForClassification(vocab, BERT).eval()
        instances = [reader.text_to_instance(*text, label="neutral") for text in texts]
        ours = model(**tensors(instances, vocab))

        theirs = BertForSequenceClassification.from_pretrained(BERT, num_labels=3).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        padded = tokenizer.pad(
            [tokenizer(*(part for part in text if part)) for text in texts], return_tensors="pt"
        )
        expected = theirs(**padded, labels=torch.ones(len(texts), dtype=torch.long))
        assert torch.allclose(ours["logits"], expected.logits, atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)


class TestReader:
    def read(self, path: Path, lines: list, **settings) -> list:
        indexers = {"bert": PretrainedBertIndexer(BERT)}
        reader = BertForClassificationReader(token_indexers=indexers, **settings)
        return list(reader.read(write_lines(path / "data.jsonl", lines)))

    def test_pairs_have_segments_and_special_pieces_once(self, reader) -> None:
        field = reader.text_to_instance("It was cold.", "How was the soup?")["tokens"]
        expected = AutoTokenizer.from_pretrained(BERT)("It was cold.", "How was the soup?")
        tensors = field.as_tensor(field.get_padding_lengths())["bert"]
        assert tensors["input_ids"].tolist() == expected["input_ids"]
        assert tensors["token_type_ids"].tolist() == expected["token_type_ids"]

    def test_glue_columns(self, tmp_path) -> None:
        (tmp_path / "data.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\ta\tb\tyes\n")
        columns = {"text": "sentence1", "text_pair": "sentence2"}
        indexers = {"bert": PretrainedBertIndexer(BERT)}
        reader = BertForClassificationReader(token_indexers=indexers, columns=columns)
        (instance,) = reader.read(str(tmp_path / "data.tsv"))
        assert instance["label"].label == "yes"

    def test_label_names_give_names_and_order(self, tmp_path) -> None:
        lines = [
            {"text": "a", "label": 1},
            {"text": "b", "label": "good"},
            {"text": "c", "label": 1},
        ]
        instances = self.read(tmp_path, lines, label_names=["bad", "good", "never seen"])
        assert [instance["label"].label for instance in instances] == ["good"] * 3
        vocab = Vocabulary.from_instances(instances)
        assert vocab.get_index_to_token_vocabulary("labels") == {
            0: "bad",
            1: "good",
            2: "never seen",
        }

    def test_cut_texts_are_reported_once_at_the_end(self, tmp_path, caplog) -> None:
        lines = [{"text": "the " * length, "label": "x"} for length in (3, 300, 200)]
        self.read(tmp_path, lines)
        (message,) = [record.message for record in caplog.records]
        assert "2 of 3 texts were cut; the longest has 302 word pieces" in message
        assert "max_pieces" in message and "(128)" in message

    @pytest.mark.parametrize(
        "line, message",
        [
            ({"label": "x"}, "no key `text`; the record has `label`"),
            ({"text": 3, "label": "x"}, "`text`: expected a string, got a number"),
            ({"text": "", "label": "x"}, "`text`: the text is empty"),
            ({"sentence": "a", "text_pair": [], "label": "x"}, "`text_pair`: expected a string"),
            ({"text": "a"}, "no key `label`"),
            ({"text": "a", "label": None}, "no key `label`"),
            ({"text": "a", "label": ["x"]}, "`label`: expected a string or a whole number"),
        ],
    )
    def test_a_bad_record_is_named_with_file_line_and_key(self, tmp_path, line, message) -> None:
        with pytest.raises(ConfigurationError, match=f"data.jsonl, line 2: {message}"):
            self.read(tmp_path, [{"text": "fine", "label": "x"}, line])

    def test_a_label_beyond_label_names(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="line 1: `label`: '2' is not in `label_n"):
            self.read(tmp_path, [{"text": "a", "label": 2}], label_names=["bad", "good"])

    def test_indexers_of_another_kind(self) -> None:
        with pytest.raises(ConfigurationError, match="token_indexers.*bert-pretrained"):
            BertForClassificationReader(token_indexers={})


class TestModel:
    def test_labels_by_mistake(self, reader, vocab) -> None:
        model = BertForClassification(vocab, BERT)
        inputs = tensors([reader.text_to_instance("a")], vocab)
        with pytest.raises(ConfigurationError, match="`labels`; .* the argument is `label`"):
            model(**inputs, labels=torch.tensor([0]))

    def test_frozen_bert_leaves_the_head(self, vocab) -> None:
        model = BertForClassification(vocab, BERT, trainable=False)
        trained = {name for name, value in model.named_parameters() if value.requires_grad}
        assert trained == {"classifier.weight", "classifier.bias"}

    def test_initializer_touches_the_final_layer_only(self, vocab) -> None:
        from allennlp.nn import InitializerApplicator
        from allennlp.nn.initializers import ConstantInitializer

        initializer = InitializerApplicator([(".*", ConstantInitializer(0.5))])
        model = BertForClassification(vocab, BERT, initializer=initializer)
        assert model.classifier.weight.eq(0.5).all() and model.classifier.bias.eq(0.5).all()
        assert not model.bert.pooler.dense.weight.eq(0.5).any()

    def test_a_bert_model_may_be_passed(self, vocab) -> None:
        from transformers import BertModel

        bert = BertModel.from_pretrained(BERT)
        assert BertForClassification(vocab, bert).bert is bert

    def test_decode_adds_the_label(self, reader, vocab) -> None:
        model = BertForClassification(vocab, BERT).eval()
        output = model(**tensors([reader.text_to_instance("a")], vocab))
        best = ["negative", "neutral", "positive"][int(output["probs"].argmax())]
        assert model.decode(output)["label"] == [best]

    def test_metrics_are_plain_floats(self, reader, vocab) -> None:
        model = BertForClassification(vocab, BERT).eval()
        labels = ["neutral", "positive", "neutral"]
        model(**tensors([reader.text_to_instance("a", label=label) for label in labels], vocab))
        metrics = model.get_metrics(reset=True)
        assert set(metrics) >= {"accuracy", "macro_f1", "micro_f1", "f1/neutral"}
        assert all(type(value) is float for value in metrics.values())


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
