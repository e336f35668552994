local bert = "bert-base-uncased";
{
  dataset_reader: {
    type: "bert_for_classification",
    token_indexers: {bert: {type: "bert-pretrained", pretrained_model: bert}},
  },
  model: {type: "bert_for_classification", bert_model: bert},
  train_data_path: "train.jsonl",
  validation_data_path: "dev.jsonl",
  data_loader: {batch_size: 32, shuffle: true},
  trainer: {num_epochs: 1, optimizer: {type: "huggingface_adamw", lr: 5e-5}},
}
