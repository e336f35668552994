from allennlp.predictors import Predictor

from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_masked_lm")
class BertForMaskedLMPredictor(BertPredictor):
    """
    `{"text": "... [MASK] ...", "targets": [...]?, "top_k": ...?}` to `{"fills": [[{"token": ...,
    "prob": ...}, ...], ...], "text": ...}`: for each mask its most probable word pieces, 5 when
    nothing is said, of `targets` only when they are given; and the text with the best ones filled
    in. Masks are filled independently of each other.
    """

    input_keys = ("text", "sentence", "targets", "top_k")
    output_keys = ("fills", "text")
    example = {
        "text": "She was born in New [MASK] and wrote her first [MASK] at the age of twelve."
    }
