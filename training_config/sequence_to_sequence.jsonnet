// BERT to BERT: a text to another one, here without capitals and marks to one with them.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_sequence_to_sequence',
  data={
    train: 'fixtures/sequence_to_sequence/train.jsonl',
    validation: 'fixtures/sequence_to_sequence/dev.jsonl',
  },
  validation_metric='-perplexity',
)
