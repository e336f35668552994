// BERT for masked language modeling.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_masked_lm',
  data={
    train: 'fixtures/masked_lm/train.txt',
    validation: 'fixtures/masked_lm/dev.txt',
  },
  validation_metric='-perplexity',
)
