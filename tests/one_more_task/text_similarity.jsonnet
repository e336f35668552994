// Two texts to the cosine of their vectors.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_text_similarity',
  data={
    train: 'fixtures/text_similarity/train.jsonl',
    validation: 'fixtures/text_similarity/dev.jsonl',
  },
)
