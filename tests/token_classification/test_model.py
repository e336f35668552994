"""Token classification against the plain Hugging Face head, on the tiny BERT."""

import pytest
import torch
from allennlp.common.testing import ModelTestCase
from transformers import AutoTokenizer
from transformers import BertForTokenClassification as HuggingFace

from bert_classification import BertForTokenClassification
from tests.support import BERT
from tests.token_classification.support import LONG, TAGS, TRAIN, a_reader, tensors, words_and_tags

SENTENCES = [
    (["Björn", "Berg", "lives", "in", "Oslo", "😀"], ["B-PER", "I-PER", "O", "O", "B-LOC", "O"]),
    (["The", "soup"], ["O", "O"]),
    (["Harbour", "Radio", "is", "on"], ["B-ORG", "I-ORG", "O", "O"]),
]


class TestModelCase(ModelTestCase):
    def test_trains_saves_and_loads(self) -> None:
        self.set_up_model("training_config/token_classification.jsonnet", TRAIN)
        self.ensure_model_can_train_save_and_load(self.param_file, tolerance=1e-5)
        self.ensure_batch_predictions_are_consistent()


class TestParity:
    @pytest.mark.parametrize("sentences", [SENTENCES[:1], SENTENCES], ids=["single", "padded"])
    @pytest.mark.parametrize("label_all_pieces", [False, True])
    def test_logits_and_loss_equal_hugging_face(
        self, model, vocab, sentences, label_all_pieces
    ) -> None:
        reader = a_reader(label_all_pieces=label_all_pieces)
        instances = [reader.text_to_instance(tokens=words, tags=tags) for words, tags in sentences]
        ours = model(**tensors(instances, vocab))

        theirs = HuggingFace.from_pretrained(BERT, num_labels=len(TAGS)).eval()
        theirs.load_state_dict(model.state_dict())
        tokenizer = AutoTokenizer.from_pretrained(BERT)
        encoded = tokenizer(
            [words for words, _ in sentences],
            is_split_into_words=True,
            padding=True,
            return_tensors="pt",
        )
        labels = torch.full_like(encoded["input_ids"], -100)
        for row, (_, tags) in enumerate(sentences):
            word_ids = encoded.word_ids(row)
            for index, word in enumerate(word_ids):
                if word is not None and (label_all_pieces or word != word_ids[index - 1]):
                    labels[row, index] = TAGS.index(tags[word])
        expected = theirs(**encoded, labels=labels)
        real = encoded["attention_mask"].bool()
        assert torch.allclose(ours["logits"][:, 0][real], expected.logits[real], atol=1e-5)
        assert torch.allclose(ours["loss"], expected.loss, atol=1e-5)

    def test_loss_of_windows_is_the_mean_over_words(self, model, vocab) -> None:
        reader = a_reader(max_pieces=12)
        (long,) = words_and_tags(LONG)
        instances = [
            reader.text_to_instance(tokens=words, tags=tags) for words, tags in (long, SENTENCES[1])
        ]
        output = model(**tensors(instances, vocab))
        assert output["logits"].size(1) > 10
        alone = [model(**tensors([instance], vocab))["loss"] for instance in instances]
        sizes = [len(long[0]), len(SENTENCES[1][0])]
        mean = sum(loss * size for loss, size in zip(alone, sizes)) / sum(sizes)
        assert torch.allclose(output["loss"], mean, atol=1e-5)

    def test_a_bert_with_a_pooler_becomes_the_same_head(self, vocab) -> None:
        from transformers import BertModel

        model = BertForTokenClassification(vocab, BertModel.from_pretrained(BERT), trainable=False)
        HuggingFace.from_pretrained(BERT, num_labels=7).load_state_dict(model.state_dict())
        trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
        assert trained == ["classifier.weight", "classifier.bias"]
