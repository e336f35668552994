"""What `allennlp check-data` looks at in documents and in pairs of texts."""

from bert_classification.data.checks import TextChecks

Checks = TextChecks
