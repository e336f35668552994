// BERT for next sentence prediction: half of the pairs are drawn from other documents.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_next_sentence_prediction',
  data={
    train: 'fixtures/next_sentence_prediction/train.txt',
    validation: 'fixtures/next_sentence_prediction/dev.txt',
  },
  dataset_reader={ seed: 13 },
  validation_metric='+accuracy',
)
