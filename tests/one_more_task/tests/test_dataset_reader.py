def test_is_there() -> None:
    import bert_classification.text_similarity.dataset_reader  # noqa: F401
