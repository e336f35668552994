def test_is_there() -> None:
    import bert_classification.text_similarity.predictor  # noqa: F401
