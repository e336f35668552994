// BERT for named entities and other spans in a text.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_token_classification',
  data={
    train: 'fixtures/token_classification/train.conll',
    validation: 'fixtures/token_classification/dev.conll',
  },
  model={ dropout: 0.1 },
  validation_metric='+f1',
)
