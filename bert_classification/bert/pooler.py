"""AllenNLP's `bert_pooler` in archives that carry their BERT."""

from typing import Any, Optional

from allennlp.modules.seq2vec_encoders import BertPooler, Seq2VecEncoder
from torch.nn import Dropout
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertPooler as Pooler

from bert_classification.archives import serialization


class CarriedBertPooler(BertPooler):
    """
    AllenNLP's pooler over the first vector of what an embedder gives, which has to be that of
    `[CLS]`: of the embedder `bert-pretrained` with `sub_token_mode: pieces`, or of AllenNLP's own.
    In an archive that carries the configuration of its BERT it is built from that.

    # Parameters

    pretrained_model : `str`
        A checkpoint, as in AllenNLP.
    requires_grad : `bool`, optional (default = `True`)
        Whether the pooler is trained.
    dropout : `float`, optional (default = `0.0`)
        Dropout on the pooled vector.
    serialization_dir : `str`, optional
        Given by AllenNLP: where an archive has what it carries.
    override_weights_file, override_weights_strip_prefix, load_weights, transformer_kwargs :
        As in AllenNLP.
    """

    def __init__(
        self,
        pretrained_model: str,
        *,
        requires_grad: bool = True,
        dropout: float = 0.0,
        serialization_dir: Optional[str] = None,
        override_weights_file: Optional[str] = None,
        override_weights_strip_prefix: Optional[str] = None,
        load_weights: bool = True,
        transformer_kwargs: Optional[dict[str, Any]] = None,
    ) -> None:
        saved = serialization.saved_directory(serialization.MODEL, serialization_dir)
        if saved is None or not serialization.has_weights(serialization_dir):
            super().__init__(
                pretrained_model,
                requires_grad=requires_grad,
                dropout=dropout,
                override_weights_file=override_weights_file,
                override_weights_strip_prefix=override_weights_strip_prefix,
                load_weights=load_weights,
                transformer_kwargs=transformer_kwargs,
            )
            return
        Seq2VecEncoder.__init__(self)
        config = BertConfig.from_pretrained(saved)
        self.pooler = Pooler(config).requires_grad_(requires_grad)
        self._dropout = Dropout(dropout)
        self._embedding_dim = config.hidden_size
