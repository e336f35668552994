// A text to a vector, trained with pairs of texts and how similar they are.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_embedding',
  data={
    train: 'fixtures/embedding/train.jsonl',
    validation: 'fixtures/embedding/dev.jsonl',
  },
  validation_metric='+spearman',
)
