"""AllenNLP's own classifier over its own transformer modules, kept running by `allennlp_compat`."""

from typing import Callable, Sequence

from allennlp.common.util import lazy_groups_of
from allennlp.data import Vocabulary
from allennlp.data.dataset_readers import TextClassificationJsonReader
from allennlp.data.token_indexers import PretrainedTransformerIndexer
from allennlp.data.tokenizers import PretrainedTransformerTokenizer
from allennlp.models import BasicClassifier
from allennlp.modules.seq2vec_encoders import BertPooler
from allennlp.modules.text_field_embedders import BasicTextFieldEmbedder
from allennlp.modules.token_embedders import PretrainedTransformerEmbedder
from allennlp.predictors import TextClassifierPredictor
from transformers import BertForSequenceClassification

from benchmarks.loops import Answers


def reader(checkpoint: str) -> TextClassificationJsonReader:
    return TextClassificationJsonReader(
        tokenizer=PretrainedTransformerTokenizer(checkpoint),
        token_indexers={"tokens": PretrainedTransformerIndexer(checkpoint)},
    )


def predictor(checkpoint: str) -> TextClassifierPredictor:
    head = BertForSequenceClassification.from_pretrained(checkpoint).classifier
    model = BasicClassifier(
        Vocabulary(),
        BasicTextFieldEmbedder({"tokens": PretrainedTransformerEmbedder(checkpoint)}),
        BertPooler(checkpoint),
        num_labels=head.out_features,
        namespace="tags",
    )
    model._classification_layer = head
    return TextClassifierPredictor(model.eval(), reader(checkpoint))


def predict(checkpoint: str, batch_size: int) -> Callable[[Sequence[str]], Answers]:
    classify = predictor(checkpoint)

    def predict(texts: Sequence[str]) -> Answers:
        batches = lazy_groups_of(({"sentence": text} for text in texts), batch_size)
        outputs = (output for batch in batches for output in classify.predict_batch_json(batch))
        return [max(enumerate(output["probs"]), key=lambda each: each[1]) for output in outputs]

    return predict
