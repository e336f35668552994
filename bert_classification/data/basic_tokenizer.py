"""The tokenizer `bert-basic`: words and punctuation."""

import re
from typing import Optional

from allennlp.data.tokenizers import Token, Tokenizer
from tokenizers import PreTokenizedString
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer


@Tokenizer.register("bert-basic")
class BertBasicTokenizer(Tokenizer):
    """
    Splits text at white space and punctuation, as BERT does before it looks for word pieces (Devlin
    et al. 2019, `BasicTokenizer` in the original implementation). Each token keeps its location in
    the text.

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
        # Of words that begin at one character the first in this order is taken.
        self._whole_words = re.compile("|".join(map(re.escape, sorted(self._never_split))))

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
        """Finds the words never to split, and what lies between them."""
        if not self._never_split:
            return [(0, len(text))]
        words = [match.span() for match in self._whole_words.finditer(text)]
        starts = [0, *(end for _, end in words)]
        ends = [*(start for start, _ in words), len(text)]
        between = [(start, end) for start, end in zip(starts, ends) if start < end]
        return sorted(words + between)
