"""The basic tokenizer of BERT."""

from bert_classification import BertBasicTokenizer


class TestBertBasicTokenizer:
    def test_tokens_keep_their_place_in_the_text(self) -> None:
        text = "Don't stop, Zürich: 屋内🎂!"
        tokens = BertBasicTokenizer().tokenize(text)
        assert [token.text for token in tokens][:4] == ["Don", "'", "t", "stop"]
        assert all(text[token.idx : token.idx_end] == token.text for token in tokens)
        assert "屋" in [token.text for token in tokens]

    def test_lowercasing_and_words_never_split(self) -> None:
        tokenizer = BertBasicTokenizer(do_lower_case=True, never_split=["[MASK]"])
        tokens = tokenizer.tokenize("The [MASK] Café.")
        assert [token.text for token in tokens] == ["the", "[MASK]", "cafe", "."]
        assert tokens[1].idx == 4 and tokens[2].idx == 11
