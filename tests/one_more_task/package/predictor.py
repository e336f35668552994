from allennlp.predictors import Predictor

from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_text_similarity")
class BertForTextSimilarityPredictor(BertPredictor):
    """`{"text": ..., "text_pair": ...}` to `{"similarity": ...}`."""

    input_keys = ("text", "sentence", "text_pair")
    gold_key = "label"
    output_keys = ("similarity",)
    example = {"text": "The soup was cold.", "text_pair": "It rained all day."}
