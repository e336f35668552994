// What the configs of all tasks share. Every key can be replaced on the command line:
//   allennlp train training_config/classification.jsonnet -s out --overrides '{"trainer.num_epochs": 3}'
function(task, data, model={}, dataset_reader={}, validation_metric='-loss', num_epochs=3, sorting_keys=['tokens'])
  local bert = 'fixtures/bert';
  local bucket_batches(batch_size) = {
    batch_sampler: { type: 'bucket', batch_size: batch_size, sorting_keys: sorting_keys },
  };
  {
    dataset_reader: {
      type: task,
      token_indexers: { bert: { type: 'bert-pretrained', pretrained_model: bert } },
    } + dataset_reader,
    train_data_path: data.train,
    validation_data_path: data.validation,
    model: { type: task, bert_model: bert } + model,
    data_loader: { batch_size: 32, shuffle: true },
    validation_data_loader: bucket_batches(64),
    trainer: {
      num_epochs: num_epochs,
      validation_metric: validation_metric,
      patience: 2,
      grad_norm: 1.0,
      optimizer: {
        type: 'huggingface_adamw',
        lr: 5e-5,
        weight_decay: 0.01,
        parameter_groups: [[['bias$', 'LayerNorm\\.weight$'], { weight_decay: 0.0 }]],
      },
      // A linear warm-up over the first tenth of all steps, then linearly down to nearly zero.
      learning_rate_scheduler: { type: 'slanted_triangular', cut_frac: 0.1, ratio: 1000 },
      callbacks: [],
    },
  }
