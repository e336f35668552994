// BERT for the classification of texts and pairs of texts.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_classification',
  data={
    train: 'fixtures/classification/train.jsonl',
    validation: 'fixtures/classification/dev.jsonl',
  },
  validation_metric='+accuracy',
)
