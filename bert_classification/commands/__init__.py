"""The `allennlp` commands, and what they check before they begin."""
