"""What `allennlp check-data` looks at in running text."""

from bert_classification.data.checks import TextChecks

Checks = TextChecks
