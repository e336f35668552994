// BERT for answers that stand in a text: SQuAD 1.1 and 2.0.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_question_answering',
  data={
    train: 'fixtures/question_answering/train.json',
    validation: 'fixtures/question_answering/dev.json',
  },
  validation_metric='+f1',
)
