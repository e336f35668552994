"""
What newcomers do first, each mistake as they make it. `docs/messages/` has a page for each message,
with a part of it as the heading, and shows how it comes about; `make test-docs` runs that too.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Callable

import pytest
import torch
from allennlp.data import Batch, Vocabulary
from allennlp.predictors import Predictor
from transformers import AutoTokenizer, BertModel

from bert_classification import BertForClassification, BertForClassificationReader
from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.token_indexer import PretrainedBertIndexer
from tests.support import BERT, FIXTURES, ROOT, allennlp, write_lines

CONFIG = "training_config/classification.jsonnet"
PAGES = {
    path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "): path
    for path in (ROOT / "docs" / "messages").glob("*.md")
    if path.stem != "index"
}
"""The pages of messages, by their headings."""
MISTAKES: dict[str, Callable[["Newcomer"], Any]] = {}


def mistake(heading: str) -> Callable[[Callable], Callable]:
    """Registers a function that makes the mistake of a heading."""

    def register(function: Callable) -> Callable:
        MISTAKES[heading] = function
        return function

    return register


class Newcomer:
    """A model made by hand, texts as tensors, a tokenizer of transformers, an empty directory."""

    def __init__(self, archive_of: Callable[[str], Path], directory: Path) -> None:
        self.archive_of, self.directory = archive_of, directory
        self.vocab = Vocabulary()
        for label in ("good", "bad"):
            self.vocab.add_token_to_namespace(label, "labels")
        self.model = BertForClassification(self.vocab, BERT)
        self.tokenizer = AutoTokenizer.from_pretrained(BERT)

    def reader(self) -> BertForClassificationReader:
        return BertForClassificationReader(token_indexers={"bert": PretrainedBertIndexer(BERT)})

    def tensors(self, *texts: str) -> dict[str, Any]:
        batch = Batch([self.reader().text_to_instance(text) for text in texts])
        batch.index_instances(self.vocab)
        return batch.as_tensor_dict()

    def own_tensors(self, **options: Any) -> dict[str, Any]:
        """Puts a text through the tokenizer by hand, and names it as the model does."""
        given = self.tokenizer(["A long way"], return_tensors="pt", **options)
        return {"bert": {**given, "mask": given["attention_mask"]}}

    def train(self, **overrides: Any) -> None:
        arguments = ["-s", self.directory / "trained", "-o", json.dumps(overrides)]
        allennlp("train", CONFIG, *arguments)

    def checkpoint(self) -> Path:
        return Path(shutil.copytree(BERT, self.directory / "bert"))

    def edit(self, file: str, old: str, new: str) -> str:
        """Makes a copy of the tiny BERT with another text in one of its files."""
        path = self.checkpoint() / file
        assert old in path.read_text(encoding="utf-8")
        changed = path.read_text(encoding="utf-8").replace(old, new)
        path.write_text(changed, encoding="utf-8")
        return str(path.parent)


@pytest.fixture
def newcomer(archive_of, tmp_path) -> Newcomer:
    return Newcomer(archive_of, tmp_path)


@mistake("`forward` got `labels`")
def labels(new: Newcomer) -> None:
    new.model(**new.tensors("A text"), labels=torch.tensor([0]))


@mistake("missing 1 required positional argument: 'tokens'")
def the_call_of_transformers(new: Newcomer) -> None:
    new.model(**new.tokenizer("A text", return_tensors="pt"))


@mistake("`tokens` is raw text")
def texts(new: Newcomer) -> None:
    new.model(["A text", "Another one"])


@mistake("`tokens` is bare ids")
def ids(new: Newcomer) -> None:
    new.model(new.tokenizer(["A text"])["input_ids"])


@mistake("which is what a tokenizer of transformers gives")
def a_tokenizers_output(new: Newcomer) -> None:
    new.model({"bert": new.tokenizer(["A text"], return_tensors="pt")})


@mistake("and not with [CLS]")
def no_special_tokens(new: Newcomer) -> None:
    new.model(new.own_tensors(add_special_tokens=False))


@mistake("is unknown; the model knows")
def a_label_at_prediction(new: Newcomer) -> None:
    predictor = Predictor.from_path(new.archive_of("classification"))
    predictor.predict_instance(new.reader().text_to_instance("A text", label="?"))


@mistake("no key `label`, which training and evaluation need")
def labels_in_the_data(new: Newcomer) -> None:
    data = write_lines(new.directory / "train.jsonl", [{"text": "A text", "labels": "good"}])
    new.train(train_data_path=data)


@mistake("records have the same label; expected at least")
def one_label_alone(new: Newcomer) -> None:
    data = write_lines(new.directory / "dev.jsonl", [{"text": "A text", "label": "positive"}] * 2)
    new_archive = new.directory / "new.tar.gz"
    allennlp("calibrate", new.archive_of("classification"), data, new_archive)


@mistake("texts were cut; the longest has")
def a_long_text(new: Newcomer) -> None:
    source = write_lines(new.directory / "in.jsonl", [{"text": "word " * 600}])
    out = new.directory / "out.jsonl"
    allennlp("predict", new.archive_of("classification"), source, "--output-file", out)


@mistake("positions. Set `max_pieces` of the token indexer")
def a_long_text_by_hand(new: Newcomer) -> None:
    new.tokenizer.model_max_length = 10**6
    given = new.tokenizer(["word " * 600], return_tensors="pt")
    new.model({"bert": {**given, "mask": given["attention_mask"]}})


@mistake("`do_lowercase` is")
def a_casing_that_is_not_the_checkpoints(new: Newcomer) -> None:
    new.train(**{"dataset_reader.token_indexers.bert.do_lowercase": False})


@mistake("the tokenizer lowercases, but")
def a_cased_vocabulary_with_lowercasing(new: Newcomer) -> None:
    bert = Path(new.checkpoint())
    pieces = (bert / "vocab.txt").read_text(encoding="utf-8").splitlines()
    capitals = [piece.title() if piece[0].isalpha() else piece for piece in pieces]
    (bert / "vocab.txt").write_text("\n".join(dict.fromkeys(capitals)), encoding="utf-8")
    (bert / "tokenizer.json").unlink()
    WordPieceTokenizer(str(bert))


@mistake("the tokenizer keeps capitals, but")
def an_uncased_vocabulary_without_lowercasing(new: Newcomer) -> None:
    edit = ("tokenizer_config.json", '"do_lower_case": true', '"do_lower_case": false')
    WordPieceTokenizer(new.edit(*edit))


@mistake("The tokenizer and the weights are of different checkpoints")
def a_tokenizer_of_another_checkpoint(new: Newcomer) -> None:
    """Of the same size: two word pieces have changed places."""
    tokenizer = json.loads((Path(BERT) / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["the"], vocabulary["a"] = vocabulary["a"], vocabulary["the"]
    other = new.checkpoint()
    (other / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (other / "vocab.txt").unlink()
    new.train(**{"dataset_reader.token_indexers.bert.pretrained_model": str(other)})


@mistake("that this BERT has (`type_vocab_size`)")
def token_types_from_one_on(new: Newcomer) -> None:
    tokens = new.own_tensors()
    tokens["bert"]["token_type_ids"] += 2
    new.model(tokens)


@mistake("The model runs in torch.nn.DataParallel")
def data_parallel(new: Newcomer) -> None:
    """A replica, of which DataParallel makes one for each GPU."""
    replica = new.model._replicate_for_data_parallel()
    replica.bert = new.model.bert._replicate_for_data_parallel()
    replica(**new.tensors("A text"))


@mistake("The weights are in half precision (float16) and in training")
def half_precision_in_training(new: Newcomer) -> None:
    new.model.half().train()(**new.tensors("A text"))


@mistake("`trainer.use_amp` is true, and half precision needs a GPU")
def mixed_precision_without_gpu(new: Newcomer) -> None:
    new.train(**{"trainer.use_amp": True, "trainer.cuda_device": -1})


@mistake("but PyTorch sees")
def a_gpu_that_is_not_there(new: Newcomer) -> None:
    new.train(**{"trainer.cuda_device": 99})


@mistake("This config is in the style of AllenNLP 0.9")
def several_gpus_as_of_old(new: Newcomer) -> None:
    new.train(**{"trainer.cuda_device": [0, 1]})


@mistake("a checkpoint that it does not carry")
def an_archive_of_allennlp_2(new: Newcomer) -> None:
    Predictor.from_path(str(FIXTURES / "old_archives" / "2.10.1.tar.gz"))


@mistake("it is an archive of AllenNLP 0.9")
def an_archive_of_allennlp_0(new: Newcomer) -> None:
    Predictor.from_path(str(FIXTURES / "old_archives" / "0.9.0.tar.gz"))


def test_each_page_has_its_mistake() -> None:
    """Here, or as a block on the page itself that gives the message."""
    given = "<!-- gives: .*{}.* -->"
    alone = [
        heading
        for heading, path in PAGES.items()
        if not re.search(given.format(re.escape(heading)), path.read_text(encoding="utf-8"))
    ]
    assert PAGES.keys() >= MISTAKES.keys() >= set(alone)


def test_each_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "messages" / "index.md").read_text(encoding="utf-8")
    links = dict(re.findall(r"^- \[(.*)\]\((.*)\):", index, re.MULTILINE))
    assert links == {heading: path.name for heading, path in PAGES.items()}


@pytest.mark.parametrize("heading", MISTAKES)
def test_the_message_has_the_heading(heading, newcomer, caplog) -> None:
    with caplog.at_level("WARNING"):
        try:
            MISTAKES[heading](newcomer)
            message = caplog.text
        except Exception as error:
            message = str(error)
    assert heading in message


def test_what_is_no_mistake(newcomer) -> None:
    """Padding on the left, half precision in prediction, a BERT in half precision, a gold label."""
    model, tokenizer = newcomer.model.eval(), newcomer.tokenizer
    texts = ["A long way to go", "Short"]
    right = model(**newcomer.tensors(*texts))["logits"]
    tokenizer.padding_side = "left"
    given = tokenizer(texts, return_tensors="pt", padding=True)
    left = model({"bert": {**given, "mask": given["attention_mask"]}})["logits"]
    assert torch.allclose(left, right, atol=1e-6)
    predictor = Predictor.from_path(newcomer.archive_of("classification"))
    assert predictor.predict_json({"text": texts[0], "label": "?"})["gold"] == "?"
    assert torch.allclose(
        model.half()(**newcomer.tensors(*texts))["logits"].float(), right, atol=0.01
    )
    given_half = BertForClassification(newcomer.vocab, BertModel.from_pretrained(BERT).half())
    assert {weight.dtype for weight in given_half.parameters()} == {torch.float32}
