"""A config for new data: what the reader of a task sees of them, and what follows."""

import importlib
import importlib.util
import json
import logging
import statistics
import tempfile
from collections import Counter
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Optional

from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Field, Instance
from allennlp.data.fields import ListField
from allennlp.predictors import Predictor
from transformers import BertConfig

from bert_classification.bert.word_pieces import WordPieceTokenizer
from bert_classification.data.draft import Draft
from bert_classification.data.proposal import Files, Seen, TaskProposal
from bert_classification.data.text_field import WordPieceField
from bert_classification.reader import BertReader

LENGTHS = 1000
"""Of how many examples the word pieces are counted."""

COUNTED, COUNTED_BLOCKS = 200_000, 10_000
"""How many examples are counted, and their labels; blocks have to be tokenized for it."""

SIZES = (32, 64, 96, 128, 192, 256, 384, 512)
PIECES_OF_A_WORD = 1.4
"""About so many has a word of English text in the vocabularies of BERT."""

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Bert(NamedTuple):
    """
    name : `str`, as the config is to have it.
    readable : `str`, a directory or name with a tokenizer: the same, or one that counts words.
    width : `int`, optional, of its hidden states.
    problem : `str`, why it is not the same, if so.
    """

    name: str
    readable: str
    width: Optional[int]
    problem: str = ""


@contextmanager
def find_bert(name: str) -> Iterator[Bert]:
    """
    Finds the tokenizer of a BERT. Of a name on the model hub that cannot be had now, one that
    counts words stands in for it.

    # Raises

    `ConfigurationError` for a directory or archive that is no BERT.
    """
    try:
        tokenizer = WordPieceTokenizer(name)
    except ConfigurationError as error:
        if (
            Path(name).expanduser().exists()
            or name.count("/") > 1
            or name.startswith((".", "~", "/"))
        ):
            raise
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "vocab.txt").write_text("\n".join(SPECIAL) + "\n")
            BertConfig(vocab_size=len(SPECIAL)).save_pretrained(directory)
            yield Bert(name, directory, None, str(error))
        return
    yield Bert(name, name, tokenizer._config.hidden_size)


def find_proposal(task: str) -> TaskProposal:
    """Finds what a task says of its own data: `proposal.py` in its folder, or the general one."""
    folder = DatasetReader.by_name(task).__module__.rpartition(".")[0]
    predictor: Any = Predictor.by_name(task) if task in Predictor.list_available() else None
    name = f"{folder}.proposal"
    found = importlib.util.find_spec(name) if folder else None
    kind = importlib.import_module(name).Proposal if found else TaskProposal
    return kind(getattr(predictor, "input_keys", ()), getattr(predictor, "gold_key", ""))


def propose(draft: Draft, task: str, files: Files, bert: Bert) -> None:
    """Fills a draft with what fits the data."""
    proposal = find_proposal(task)
    draft.set("train_data_path", files.train)
    proposal.propose_reader(files, draft)
    train = look_at(files.train, draft, proposal, bert)
    if not proposal.fills_blocks:
        draft.note("train_data_path", proposal.describe(train))
    _propose_length(train, draft, proposal, bert)
    if proposal.fills_blocks:
        train = _in_blocks(train, draft)
    _propose_batches(train, draft, proposal)
    proposal.propose_model(train, draft)
    if files.dev is None:
        _propose_without_dev(draft)
    else:
        _propose_dev(files.dev, train, draft, proposal, bert)
    _propose_steps(train, draft, bert)


def look_at(path: str, draft: Draft, proposal: TaskProposal, bert: Bert) -> Seen:
    """Lets the task's reader, with the settings of the draft, read the beginning of a file."""
    reader = _make_reader(draft, bert)
    limit = COUNTED_BLOCKS if proposal.fills_blocks else COUNTED
    size, labels, first = 0, Counter[str](), []
    for _, example in islice(reader.examples(path), limit + 1):
        size += 1
        if size > limit:
            break
        labels.update(proposal.labels_of(example))
        if size <= LENGTHS:
            first.append(example)
    lengths = [_lengths(each) or [0] for each in reader.to_instances(first)]
    if bert.problem:
        lengths = [[round(PIECES_OF_A_WORD * each) for each in among] for among in lengths]
    cut = reader.truncation
    return Seen(
        path,
        min(size, limit),
        size <= limit,
        labels,
        lengths,
        cut.cut,
        cut.longest,
        reader.tokenizer.max_positions,
        bool(bert.problem),
    )


def _make_reader(draft: Draft, bert: Bert) -> BertReader:
    config = json.loads(json.dumps(draft.get("dataset_reader")))
    for indexer in config["token_indexers"].values():
        indexer["pretrained_model"] = bert.readable
        indexer.pop("max_pieces", None)
    with _quiet(logging.getLogger("allennlp.common.params")):
        reader = DatasetReader.from_params(Params(config))
    assert isinstance(reader, BertReader)
    return reader


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _lengths(instance: Instance) -> list[int]:
    return [length for field in instance.fields.values() for length in _lengths_in(field)]


def _lengths_in(field: Field) -> list[int]:
    if isinstance(field, WordPieceField):
        return [len(field)]
    return [n for each in field for n in _lengths_in(each)] if isinstance(field, ListField) else []


def _propose_length(train: Seen, draft: Draft, proposal: TaskProposal, bert: Bert) -> None:
    """Proposes `max_pieces`: the least of the usual sizes that cuts nothing seen."""
    key = "dataset_reader.token_indexers.bert.max_pieces"
    if draft.get("dataset_reader.token_indexers.bert") is None or not any(map(any, train.lengths)):
        return
    size, why = (_block_size if proposal.fills_blocks else _text_size)(train, proposal)
    if train.is_estimate:
        why += f" Estimated from words, {PIECES_OF_A_WORD} pieces each: {bert.name} is not here."
    draft.set(key, min(size, train.limit), why)


def _text_size(train: Seen, proposal: TaskProposal) -> tuple[int, str]:
    """Chooses the least of the usual sizes that cuts nothing seen."""
    rows = sorted(length for among in train.lengths for length in among)
    size = next((each for each in SIZES if each >= rows[-1]), train.limit)
    if proposal.window is not None and size > proposal.window:
        return proposal.window, "Longer texts are read in windows of so many pieces."
    longest = max(rows[-1], train.longest)
    number = f"{'first ' * (train.size > LENGTHS)}{len(train.lengths):,}"
    first = f"The longest of the {number} {proposal.noun} has {longest:,} word pieces"
    if train.cut:
        return size, (
            f"{first}; {train.cut:,} have more than the {train.limit} that BERT takes, and are cut."
        )
    if len(rows) < 100:
        return size, f"{first}."
    most = rows[int(0.99 * len(rows))]
    return size, f"{first}, 99\N{NO-BREAK SPACE}% have at most {most:,}."


def _block_size(train: Seen, proposal: TaskProposal) -> tuple[int, str]:
    """Chooses the longest blocks of which there are enough to learn from in small steps."""
    pieces = _count_pieces(train)
    size = min(train.limit, next((each for each in (512, 256) if pieces >= 2000 * each), 128))
    more = "About" if train.is_complete else "More than"
    return size, (
        f"{more} {round(pieces, 2 - len(str(pieces))):,} word pieces: {max(1, pieces // size):,} "
        f"blocks of {size}. Longer blocks show more context, and cost more memory; BERT takes up "
        f"to {train.limit}."
    )


def _count_pieces(train: Seen) -> int:
    return round(train.size * statistics.mean(map(sum, train.lengths)))


def _in_blocks(train: Seen, draft: Draft) -> Seen:
    """Counts the blocks of the proposed length; they were read in blocks of another."""
    block = draft.get("dataset_reader.token_indexers.bert.max_pieces")
    return train._replace(size=max(1, _count_pieces(train) // block)) if block else train


def _propose_dev(path: str, train: Seen, draft: Draft, proposal: TaskProposal, bert: Bert) -> None:
    draft.set("validation_data_path", path)
    try:
        dev = look_at(path, draft, proposal, bert)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"`--dev`, read as `--train` ({train.path}) is: {error}"
        ) from error
    if not proposal.fills_blocks:
        draft.note("validation_data_path", proposal.describe(dev))
    unknown = sorted(set(dev.labels) - set(train.labels))
    if unknown and train.is_complete:
        raise ConfigurationError(
            f"{path} has labels that {train.path} has not: {', '.join(unknown[:10])}"
            f"{', ...' * (len(unknown) > 10)}; that has {', '.join(sorted(train.labels)[:10])}. "
            "Training and validation data need the same labels."
        )


def _propose_without_dev(draft: Draft) -> None:
    for key in ("validation_data_path", "validation_data_loader", "trainer.patience"):
        draft.remove(key)
    draft.remove("trainer.validation_metric")
    draft.suggest(
        "validation_data_path",
        "dev" + "".join(Path(draft.get("train_data_path")).suffixes[-1:]),
        "Nothing is held out: training does not see when it should stop, and the last epoch is "
        "kept. To measure each epoch and keep the best, move about a tenth of the data to a file "
        "of its own, and run `init-config` again with `--dev`:",
    )


def _propose_batches(train: Seen, draft: Draft, proposal: TaskProposal) -> None:
    """Proposes batches of about 32 examples, by their word pieces where lengths differ."""
    sums = sorted(map(sum, train.lengths))
    mean, longest = statistics.mean(sums), sums[-1]
    size = 32 if train.size >= 1000 else 16
    if proposal.fills_blocks:
        block = draft.get("dataset_reader.token_indexers.bert.max_pieces")
        size = max(4, 4096 // block)
        loader = {"batch_size": size, "shuffle": True}
        draft.set("data_loader", loader, f"{size} blocks of {block}: 4,096 word pieces a batch.")
        draft.set("validation_data_loader", {"batch_size": size})
        return
    if statistics.pstdev(sums) <= mean / 3:
        why = f"Lengths are much the same, {mean:.0f} word pieces in the mean."
        draft.set("data_loader", {"batch_size": size, "shuffle": True}, why)
        draft.set("validation_data_loader", {"batch_size": 2 * size})
        return
    budget = max(256, -(-int(max(size * mean, 2 * longest)) // 256) * 256)
    sampler = {"type": "token_budget", "token_budget": budget}
    draft.set(
        "data_loader",
        {"batch_sampler": sampler},
        f"Lengths differ, {mean:.0f} word pieces in the mean and up to {longest:,}: batches of "
        f"like lengths, about {round(budget / mean)} {proposal.noun} each.",
    )
    evaluated = {**sampler, "token_budget": 2 * budget, "shuffle": False}
    draft.set("validation_data_loader", {"batch_sampler": evaluated})


class Pace(NamedTuple):
    rows: int
    epochs: int
    rate: float
    why: str


PACES = (
    Pace(1_000, 10, 5e-5, "Few examples: more epochs"),
    Pace(10_000, 4, 3e-5, "Devlin et al. (2019) took 2 to 4 epochs"),
    Pace(100_000, 3, 2e-5, "Devlin et al. (2019) took 2 to 4 epochs"),
    Pace(1 << 62, 2, 2e-5, "Many examples: fewer epochs"),
)
SMALL, SMALL_RATE = 512, 1e-4


def _propose_steps(train: Seen, draft: Draft, bert: Bert) -> None:
    pace = next(each for each in PACES if train.size < each.rows)
    patience = draft.get("trainer.patience")
    if patience and pace.epochs >= 10:
        # The first epochs over few examples often find nothing at all, as of rare spans.
        patience = draft.set("trainer.patience", pace.epochs // 2)
    sooner = f"; training ends sooner when {patience} of them in a row bring nothing"
    draft.set("trainer.num_epochs", pace.epochs, f"{pace.why}{sooner if patience else ''}.")
    rate, why = pace.rate, "Of 5e-5, 3e-5 and 2e-5 (Devlin et al. 2019), the lower the more data."
    if bert.width is not None and bert.width <= SMALL:
        rate = SMALL_RATE
        why = f"A BERT {bert.width} wide: small ones learn at higher rates (Turc et al. 2019)."
    draft.set("trainer.optimizer.lr", rate, why)
