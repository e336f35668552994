"""The tokenizer `bert-basic`: words and punctuation."""

from typing import Optional

from allennlp.data.tokenizers import Token, Tokenizer
from tokenizers import PreTokenizedString
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer


@Tokenizer.register("bert-basic")
class BertBasicTokenizer(Tokenizer):
    """
    Splits text at white space and punctuation, as BERT does before it looks for word pieces (Devlin
    et al. 2019,
    `BasicTokenizer` in the original implementation). Each token keeps its place in the text.

    # Parameters

    do_lower_case : `bool`, optional (default = `False`)
        Lowercase and strip accents. The checkpoint's own tokenizer does this in any case where it
        should be done.
    never_split : `List[str]`, optional
        Words to keep whole, for example `["[MASK]"]`.
    """

    def __init__(
        self, do_lower_case: bool = False, never_split: Optional[list[str]] = None
    ) -> None:
        self._normalizer = BertNormalizer(lowercase=do_lower_case)
        self._splitter = BertPreTokenizer()
        self._never_split = tuple(never_split or ())

    def tokenize(self, text: str) -> list[Token]:
        tokens: list[Token] = []
        for start, end in self._spans(text):
            part = text[start:end]
            if part in self._never_split:
                tokens.append(Token(part, idx=start, idx_end=end))
            else:
                tokens.extend(self._split(part, start))
        return tokens

    def _split(self, part: str, start: int) -> list[Token]:
        splits = PreTokenizedString(part)
        splits.normalize(lambda normalized: self._normalizer.normalize(normalized))
        self._splitter.pre_tokenize(splits)
        return [
            Token(word, idx=start + begin, idx_end=start + end)
            for word, (begin, end), _ in splits.get_splits(
                offset_referential="original", offset_type="char"
            )
        ]

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """The words never to split, and what lies between them."""
        spans, start = [], 0
        while start < len(text):
            found = [(text.find(word, start), word) for word in self._never_split]
            begin, word = min(
                ((at, word) for at, word in found if at >= 0), default=(len(text), "")
            )
            if begin > start:
                spans.append((start, begin))
            if word:
                spans.append((begin, begin + len(word)))
            start = begin + len(word)
        return spans
