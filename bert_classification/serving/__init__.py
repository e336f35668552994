"""The HTTP server of `allennlp serve`, and its page."""
