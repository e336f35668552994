"""
BERT itself: found, loaded, run over texts without padding.

# Parameters of all models

index : `str`, optional (default = `bert`)
    The key of the token indexer in the reader's `token_indexers`.
trainable : `Union[bool, int]`, optional (default = `True`)
    Whether BERT is trained, or how many of its top layers are; the head always is. It is annotated
    as `Any`: for `Union[bool, int]` AllenNLP's `FromParams` would turn 1, one layer, into true.
regularizer : `RegularizerApplicator`, optional
    As in every AllenNLP model.
calibration : `Union[str, Dict[str, Any]]`, optional
    Of a model that gives probabilities: `temperature`, or an object with some of `abstain_below`,
    `conformal` and `temperature`; see `training.calibration.Calibration`.
encoder : `Dict[str, Any]`, optional
    Entries of the checkpoint's configuration to replace, such as `{"hidden_dropout_prob": 0.2}`;
    see `config.check_settings` for those that may be. An archive keeps them.
gradient_checkpointing : `bool`, optional (default = `False`)
    Less memory for more time: a training step computes each layer's activations twice.
output_hidden_states, output_attentions : `bool`, optional (default = `False`)
    Add the hidden states of all layers, or the attention weights, to the output; see
    `encoder.Encoded`.
serialization_dir : `str`, optional
    Given by AllenNLP: where training keeps what an archive carries; see `load_pretrained`.

# Attributes of their classes

has_pooled_vector : `bool`
    Whether the head reads one vector of a text or pair, that of `pooled.pooled_vectors`, so that
    texts can be compared by it; where it is missing, they cannot.
starts_from : `Tuple[str, ...]`
    The architectures, as a checkpoint's config.json names them, that have the task's head, so that
    `heads.find_task` finds the task and nothing needs training.
head_settings : `Callable[[str, BertConfig], HeadSettings]`, optional
    Says, by a checkpoint's name and configuration, what its outputs mean, or raises
    `ConfigurationError`; where it is missing, the outputs have no names.
"""
