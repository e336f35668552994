def test_is_there() -> None:
    import bert_classification.text_similarity.model  # noqa: F401
