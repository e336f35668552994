// BERT for multiple choice; a record has as many texts as choices, so a batch has fewer records.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_multiple_choice',
  data={
    train: 'fixtures/multiple_choice/train.jsonl',
    validation: 'fixtures/multiple_choice/dev.jsonl',
  },
  validation_metric='+accuracy',
) + { data_loader+: { batch_size: 16 } }
