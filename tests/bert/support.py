"""shared"""

from transformers import BertModel

from bert_classification.bert.encoder import Encoded
from bert_classification.bert.packing import use_packed_attention


def encode_padded(bert: BertModel, ids, types, mask) -> Encoded:
    bert.set_attn_implementation("eager")
    output = bert(input_ids=ids, token_type_ids=types, attention_mask=mask.long())
    if not bert.training:  # Where it is, a recomputed layer asks for the attention again.
        use_packed_attention(bert)
    return Encoded(output.last_hidden_state, output.pooler_output)
