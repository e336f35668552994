"""Tokenizers of transformers 5."""

from typing import Any, Iterator

from allennlp_compat.hook import USERS_OF_TRANSFORMERS, log, repair


@repair(*USERS_OF_TRANSFORMERS)
def tokenizers_accept_add_special_tokens() -> Iterator[None]:
    """
    Takes `add_special_tokens` from the options of `from_pretrained`, which since transformers 4.44
    refuses it ("conflicts with the method"). Before, it was stored and had no effect; what counts
    is what every call gives, and AllenNLP gives it at every call.
    """
    from transformers import PreTrainedTokenizerBase

    original = PreTrainedTokenizerBase.__init__

    def __init__(self, **kwargs) -> None:
        kwargs.pop("add_special_tokens", None)
        original(self, **kwargs)

    if original.__module__ != __name__:
        PreTrainedTokenizerBase.__init__ = __init__
        log("tokenizers: from_pretrained(add_special_tokens=) is accepted")
    yield


@repair(*USERS_OF_TRANSFORMERS)
def tokenizers_have_their_old_methods() -> Iterator[None]:
    """
    Gives tokenizers what transformers 5 took: `encode_plus` and `batch_encode_plus`, spelled as a
    plain call now, and for fast tokenizers `build_inputs_with_special_tokens`.
    """
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

    _add_where_missing(PreTrainedTokenizerBase, encode_plus, batch_encode_plus)
    _add_where_missing(PreTrainedTokenizerFast, build_inputs_with_special_tokens)
    yield


def _add_where_missing(owner: type, *methods: Any) -> None:
    for method in methods:
        if not hasattr(owner, method.__name__):
            setattr(owner, method.__name__, method)
            log(f"tokenizers: {method.__name__}")


def encode_plus(self, text, text_pair=None, *args, **kwargs):
    return self(text, text_pair, *args, **kwargs)


def batch_encode_plus(self, batch_text_or_text_pairs, *args, **kwargs):
    """A tuple is a pair of texts; what is no list of texts is refused by the call."""
    batch = list(batch_text_or_text_pairs)
    if batch and all(isinstance(each, tuple) for each in batch):
        texts, pairs = (list(each) for each in zip(*batch))
        return self(texts, pairs, *args, **kwargs)
    return self(batch, None, *args, **kwargs)


def build_inputs_with_special_tokens(self, token_ids_0, token_ids_1=None) -> list[int]:
    """Puts the ids in the place of those of a letter in what the tokenizer makes of it."""
    encoded = self("a") if token_ids_1 is None else self("a", "a")
    built: list[int] = []
    before = None
    for token_id, sequence in zip(encoded["input_ids"], encoded.sequence_ids()):
        if sequence is None:
            built.append(token_id)
        elif sequence != before:
            built.extend(token_ids_1 if sequence else token_ids_0)
        before = sequence
    return built


@repair("allennlp_models.structured_prediction.dataset_readers.srl")
def wordpieces_of_a_word() -> Iterator[None]:
    """
    Gives BERT's tokenizer its `wordpiece_tokenizer` again, which the readers of SRL and OpenIE ask
    for the pieces of one word, without normalizing it.
    """
    from transformers import BertTokenizer

    if not hasattr(BertTokenizer, "wordpiece_tokenizer"):
        BertTokenizer.wordpiece_tokenizer = property(_WordpieceTokenizer)
        log("BertTokenizer: wordpiece_tokenizer")
    yield


class _WordpieceTokenizer:
    def __init__(self, tokenizer) -> None:
        self._model = tokenizer.backend_tokenizer.model

    def tokenize(self, text: str) -> list[str]:
        return [piece.value for word in text.split() for piece in self._model.tokenize(word)]
