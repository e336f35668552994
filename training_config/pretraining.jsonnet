// BERT for pre-training: masked language modeling and next sentence prediction, from documents.
local bert = import 'bert.libsonnet';

// Another BERT, to go on from, is named by the usual two keys:
//   -o '{"dataset_reader.token_indexers.bert.pretrained_model": "bert-base-cased",
//        "model.bert_model": "bert-base-cased"}'
// For a BERT from scratch both name a directory that is not there yet, and `from_scratch` says what
// to put into it; its keys are those of `BertFromScratch`:
//   -o '{"dataset_reader.token_indexers.bert.pretrained_model": "my-bert",
//        "model.bert_model": "my-bert",
//        "dataset_reader.token_indexers.bert.from_scratch": {
//          "text": "corpus.txt", "vocab_size": 8000,
//          "config": {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4,
//                     "intermediate_size": 512, "max_position_embeddings": 128}},
//        "trainer.optimizer.lr": 5e-4}'
// The other tasks take the archive, or its directory, as `pretrained_model` and `bert_model`.
bert(
  task='bert_for_pretraining',
  data={
    train: 'fixtures/pretraining/train.txt',
    validation: 'fixtures/pretraining/dev.txt',
  },
  dataset_reader={ seed: 13 },
)
