// As one wrote it for AllenNLP 0.9.
local bert = 'fixtures/bert';

{
  dataset_reader: {
    type: 'bert_for_classification',
    lazy: false,
    tokenizer: { type: 'word', word_splitter: { type: 'bert-basic' } },
    token_indexers: {
      bert: { type: 'bert-pretrained', pretrained_model: bert, do_lowercase: true, max_pieces: 128 },
    },
  },
  train_data_path: 'fixtures/classification/train.jsonl',
  validation_data_path: 'fixtures/classification/dev.jsonl',
  vocabulary: { directory_path: std.extVar('VOCABULARY') },
  model: {
    type: 'bert_for_classification',
    text_field_embedder: {
      allow_unmatched_keys: true,
      embedder_to_indexer_map: { bert: ['bert', 'bert-offsets'] },
      token_embedders: { bert: { type: 'bert-pretrained', pretrained_model: bert } },
    },
    dropout: 0.1,
    num_labels: 3,
    initializer: [['weight', { type: 'normal', std: 0.02 }]],
    regularizer: [['classifier.weight', { type: 'l2', alpha: 0.01 }]],
  },
  iterator: { type: 'bucket', sorting_keys: [['tokens', 'num_tokens']], batch_size: 32 },
  validation_iterator: { type: 'basic', batch_size: 64 },
  trainer: {
    type: 'default',
    optimizer: { type: 'bert_adam', lr: 5e-5, warmup: 0.1, t_total: 1000, max_grad_norm: 1.0 },
    validation_metric: '+accuracy',
    num_serialized_models_to_keep: 1,
    model_save_interval: 600,
    num_epochs: 1,
    patience: 1,
    shuffle: true,
    cuda_device: [-1],
    should_log_learning_rate: true,
    should_log_parameter_statistics: false,
    summary_interval: 100,
    histogram_interval: 1000,
  },
}
