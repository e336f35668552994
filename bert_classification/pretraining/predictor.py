from allennlp.predictors import Predictor

from bert_classification.objectives.mask_filling import FILL_SETTINGS
from bert_classification.objectives.next_sentence import LABELS
from bert_classification.predictor import BertPredictor


@Predictor.register("bert_for_pretraining")
class BertForPreTrainingPredictor(BertPredictor):
    """
    `{"text": ..., "text_pair": ..., "targets": [...]?, "top_k": ...?}` with one or more `[MASK]` in
    the texts to `{"fills": [[{"token": ..., "prob": ...}, ...], ...], "text": ..., "text_pair":
    ..., "label": "is_next" or "not_next", "probs": [is_next, not_next], "logits": [...]}`: for each
    mask, those of `text` first, its most probable word pieces, the texts with the best ones filled
    in, and whether the second text follows the first.
    """

    input_keys = ("text", "sentence", "text_pair", *FILL_SETTINGS)
    gold_key = "label"
    output_keys = ("fills", "label", "probs")
    example = {
        "text": "She was born in New [MASK].",
        "text_pair": "At the age of twelve she wrote her first [MASK].",
    }
    settings = FILL_SETTINGS
    labels = LABELS
