"""Word pieces against the tokenizer of transformers, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError
from transformers import AutoTokenizer

from bert_classification.bert.word_pieces import WordPieceTokenizer
from tests.support import BERT

TEXTS = ["The soup was cold.", "Café Zürich 🎂!", "", "a" * 150, "won't  stop\u200b"]


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    """A copy of the tiny BERT to damage."""
    return Path(shutil.copytree(BERT, tmp_path / "bert"))


def edit(path: Path, **entries) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_ids_equal_the_tokenizer_of_transformers() -> None:
    theirs, tokenizer = AutoTokenizer.from_pretrained(BERT), WordPieceTokenizer(BERT)
    expected = [theirs(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    assert [ids.tolist() for ids in tokenizer.ids(TEXTS)] == expected
    assert [encoding.ids for encoding in tokenizer.encode(TEXTS)] == expected


def test_truncation_and_padding_of_tokenizer_json_are_switched_off(checkpoint) -> None:
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    tokenizer.backend_tokenizer.enable_truncation(4)
    tokenizer.backend_tokenizer.enable_padding(length=20)
    tokenizer.save_pretrained(checkpoint)
    assert len(WordPieceTokenizer(str(checkpoint)).ids(["one two three four five six"])[0]) >= 6
    assert len(WordPieceTokenizer(str(checkpoint)).ids(["one"])[0]) < 20


def test_casing_follows_the_checkpoint(checkpoint) -> None:
    assert WordPieceTokenizer(BERT).lowercases
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (checkpoint / file).unlink()
    assert WordPieceTokenizer(str(checkpoint)).lowercases
    cased = shutil.copytree(checkpoint, checkpoint.with_name("cased"))
    vocabulary = (cased / "vocab.txt").read_text(encoding="utf-8")
    (cased / "vocab.txt").write_text(vocabulary.replace("\nthe\n", "\nThe\n"), encoding="utf-8")
    assert not WordPieceTokenizer(str(cased)).lowercases


def test_words_never_lowercased_are_saved_with_the_tokenizer(tmp_path) -> None:
    text, tokenizer = "xthex THE the", WordPieceTokenizer(BERT, never_lowercase=["the"])
    tokenizer.save(str(tmp_path))
    theirs = AutoTokenizer.from_pretrained(tmp_path)(text, add_special_tokens=False)["input_ids"]
    assert (
        theirs
        == tokenizer.ids([text])[0].tolist()
        != WordPieceTokenizer(BERT).ids([text])[0].tolist()
    )


def test_words_never_lowercased_are_whole() -> None:
    tokenizer = WordPieceTokenizer(BERT, never_lowercase=["[MASK]"])
    assert tokenizer.ids(["a [MASK]"])[0].tolist()[-1] == tokenizer.mask_id


class TestRefusals:
    def test_contradicting_casing_names_both(self) -> None:
        with pytest.raises(
            ConfigurationError, match="`do_lowercase` is false.*fixtures/bert.*uncased"
        ):
            WordPieceTokenizer(BERT, do_lowercase=False)
        WordPieceTokenizer(BERT, do_lowercase=True)

    @pytest.mark.parametrize("max_pieces", [2, 129])
    def test_max_pieces_beyond_the_positions(self, max_pieces) -> None:
        with pytest.raises(ConfigurationError, match=f"`max_pieces` is {max_pieces}.*3 to 128"):
            WordPieceTokenizer(BERT, max_pieces=max_pieces)

    def test_vocabulary_larger_than_the_embedding(self, checkpoint) -> None:
        edit(checkpoint / "config.json", vocab_size=10)
        with pytest.raises(ConfigurationError, match="word pieces, but the model embeds 10"):
            WordPieceTokenizer(str(checkpoint))

    def test_a_checkpoint_of_another_kind(self, checkpoint) -> None:
        edit(checkpoint / "config.json", model_type="roberta")
        with pytest.raises(ConfigurationError, match="type 'roberta'"):
            WordPieceTokenizer(str(checkpoint))

    def test_relative_position_embeddings(self, checkpoint) -> None:
        edit(checkpoint / "config.json", position_embedding_type="relative_key")
        with pytest.raises(ConfigurationError, match="'relative_key'"):
            WordPieceTokenizer(str(checkpoint))

    def test_a_missing_directory(self, tmp_path) -> None:
        with pytest.raises(ConfigurationError, match="no such directory"):
            WordPieceTokenizer(str(tmp_path / "nowhere"))

    def test_words_that_are_not_in_the_vocabulary(self) -> None:
        with pytest.raises(ConfigurationError, match="`never_lowercase` has XYZ"):
            WordPieceTokenizer(BERT, never_lowercase=["XYZ"])
