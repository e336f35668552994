"""`allennlp embed`: the vectors of texts, by the BERT of a model of any task."""

import argparse
import logging
from typing import Any, Iterator

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import lazy_groups_of

from bert_classification.bert.pooling import POOLINGS
from bert_classification.commands.json_lines import (
    Line,
    check_overwrites_nothing,
    ended_quietly,
    open_input,
    parse_line,
    read_lines,
)
from bert_classification.commands.studied import open_predictor
from bert_classification.commands.vector_files import Row, check_path, open_vectors
from bert_classification.data.outcomes import replace_successes, sentence_of, successes
from bert_classification.embedding import (
    BertForEmbedding,
    BertForEmbeddingPredictor,
    BertForEmbeddingReader,
)
from bert_classification.predictor import BertPredictor, find_bert

logger = logging.getLogger(__name__)

AT_ONCE = 1024
"""Lines that are read, and their texts sorted by length, at once."""
ERRORS_NAMED = 20


@Subcommand.register("embed")
class Embed(Subcommand):
    """`allennlp embed MODEL INPUT OUT`: a vector for each line, as .npy, .parquet or .jsonl."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Compute the vectors of texts by the BERT of a trained model. How is what "
            "a model of `bert_for_embedding` says of itself; of others the mean of the last layer.",
            help="Compute the vectors of texts.",
        )
        add = subparser.add_argument
        add("model", help="the archive of a trained model, of any task")
        add("input", help="JSON lines with the key `text`; `-` reads them from standard input")
        add("output", help="the file to write: .npy, .parquet or .jsonl")
        add("--pooling", choices=POOLINGS, help="what of a text's word pieces becomes its vector")
        add("--layers", type=int, nargs="+", help="the layer, or layers whose mean is pooled: -1")
        add(
            "--normalize",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="whether vectors have the length 1",
        )
        add("--dimensions", type=int, help="how many numbers of a vector to keep, the first ones")
        add("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")
        subparser.set_defaults(func=embed_file)
        return subparser


def embed_file(args: argparse.Namespace) -> None:
    """Writes the vector of each line of a file; a line that has none gets a row all the same."""
    check_path(args.output, args.pooling)
    check_overwrites_nothing(args.input, args.output, "output")
    predictor = embedder_of(open_predictor(args.model, args.input, args.cuda_device), args)
    settings = predictor._model.settings
    check_path(args.output, settings.pooling)
    width = settings.width(predictor._model.bert.config)
    with (
        ended_quietly(),
        open_input(args.input) as source,
        open_vectors(args.output, width) as vectors,
    ):
        errors = rows = 0
        lines = Tqdm.tqdm(read_lines(source, args.input), desc="embedding")
        for group in lazy_groups_of(lines, AT_ONCE):
            found = list(embed_lines(predictor, group))
            vectors.write(found)
            for row in found:
                rows += 1
                errors += row.error is not None
                if row.error is not None and errors <= ERRORS_NAMED:
                    logger.warning("%s, line %d: %s", args.input, row.line, row.error)
    predictor._dataset_reader.report_truncation(args.input)
    logger.info("%s: %d vectors of %d numbers", args.output, rows - errors, width)
    if errors:
        logger.warning("%d of %d lines have no vector; their rows are empty.", errors, rows)


def embed_lines(predictor: BertForEmbeddingPredictor, lines: list[Line]) -> Iterator[Row]:
    """Yields the row of each line."""
    records: list[Any] = [parse_line(line) for line in lines]
    vectors = predictor.vectors_or_errors(successes(records))
    for line, record, each in zip(lines, records, replace_successes(records, vectors)):
        carried = predictor._carried(record) if isinstance(record, dict) else {}
        if isinstance(each, Exception):
            yield Row(line.number, carried, None, sentence_of(each))
        else:
            yield Row(line.number, carried, each)


def embedder_of(predictor: BertPredictor, args: argparse.Namespace) -> BertForEmbeddingPredictor:
    """
    Makes of a model of any task one that gives the vectors of texts, by the same BERT.

    # Raises

    `ConfigurationError` for settings that its BERT cannot have, and for a model whose reader has no
    indexer `bert-pretrained`.
    """
    given = {key: getattr(args, key) for key in ("pooling", "layers", "normalize", "dimensions")}
    reader = predictor._dataset_reader
    if isinstance(predictor, BertForEmbeddingPredictor):
        own = predictor._model.settings._asdict()
        given = {key: own[key] if value is None else value for key, value in given.items()}
    else:
        if reader.indexer is None:
            raise ConfigurationError(
                f"{args.model}: its reader has no indexer `bert-pretrained`, and so no word pieces "
                "of its BERT."
            )
        reader = BertForEmbeddingReader(token_indexers={"bert": reader.indexer})
    model = BertForEmbedding(
        predictor._model.vocab, find_bert(predictor._model), index=reader.indexer_name, **given
    )
    return BertForEmbeddingPredictor(model.eval(), reader)
