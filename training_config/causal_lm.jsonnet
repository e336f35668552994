// BERT as a causal language model: perplexity, continuations, the probability of texts.
local bert = import 'bert.libsonnet';

bert(
  task='bert_for_causal_lm',
  data={
    train: 'fixtures/causal_lm/train.txt',
    validation: 'fixtures/causal_lm/dev.txt',
  },
  validation_metric='-perplexity',
) + {
  // Every piece of a block is predicted, from the whole vocabulary: small batches fit into memory.
  data_loader: { batch_size: 8, shuffle: true },
  validation_data_loader: { batch_size: 8 },
}
