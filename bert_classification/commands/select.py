"""`allennlp select`: the records of a pool that are worth labelling next."""

import argparse
import heapq
import logging
from typing import Any, Iterator, NamedTuple, Sequence

import numpy
import torch
from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError
from allennlp.common.tqdm import Tqdm
from allennlp.common.util import JsonDict, lazy_groups_of
from sklearn.cluster import KMeans

from bert_classification.commands.data_checks import hash_of
from bert_classification.commands.data_parts import find_checks
from bert_classification.commands.embed import embedder_of
from bert_classification.commands.json_lines import (
    Line,
    check_overwrites_nothing,
    console_errors,
    ended_quietly,
    open_input,
    parse_line,
    read_lines,
)
from bert_classification.commands.output import open_output
from bert_classification.commands.studied import MODEL_HELP, open_predictor
from bert_classification.data.json_values import dump_json
from bert_classification.data.outcomes import replace_successes, sentence_of, successes
from bert_classification.interpret.uncertainty import SCORES, check_dropout, with_dropout
from bert_classification.predictor import BertPredictor, check_count
from bert_classification.reader import BertReader

logger = logging.getLogger(__name__)

AT_ONCE = 512
"""Records that are read, and run in the order of their lengths, at once."""
ERRORS_NAMED = 20
DIVERSE_FACTOR = 10
"""Of how many times as many doubtful records diverse ones are taken (Zhdanov 2019)."""


class Scored(NamedTuple):
    """A record of the pool with its score; of equal scores the earlier line counts more."""

    score: float
    before: int
    record: JsonDict

    @property
    def line(self) -> int:
        return -self.before


@Subcommand.register("select")
class Select(Subcommand):
    """`allennlp select POOL MODEL --n N --by margin`: the records to label next."""

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            description="Choose the records of an unlabelled pool of which a model is least sure, "
            "to have them labelled next.",
            help="Choose the records to label next.",
        )
        add = subparser.add_argument
        add("pool", help="JSON lines, as for `allennlp predict`; `-` reads them")
        add("model", help=MODEL_HELP)
        add("--n", type=int, default=100, help="how many to choose (default: %(default)s)")
        add(
            "--by",
            choices=list(SCORES),
            default="margin",
            help="what tells doubt (default: %(default)s)",
        )
        add(
            "--diverse",
            action="store_true",
            help=f"of the {DIVERSE_FACTOR} n most doubtful records take some that differ",
        )
        add("--passes", type=int, default=10, help="of `disagreement` (default: %(default)s)")
        add("--seed", type=int, default=0, help="of dropout and clusters (default: %(default)s)")
        add("-o", "--output", help="the file to write (default: standard output)")
        add("--cuda-device", type=int, default=-1, help="id of GPU to use (if any)")
        subparser.set_defaults(func=select)
        return subparser


def select(args: argparse.Namespace) -> None:
    """Writes the records of the pool to label next, the most doubtful first."""
    check_count("--n", args.n)
    check_count("--passes", args.passes)
    check_overwrites_nothing(args.pool, args.output, "--output")
    predictor = open_predictor(args.model, args.pool, args.cuda_device)
    if not predictor.tells_doubt:
        raise ConfigurationError(
            f"{args.model}: its predictions tell no doubt; expected a model that gives labels, "
            "tags or answers with their probabilities."
        )
    if args.by == "disagreement":
        check_dropout(predictor._model)
    torch.manual_seed(args.seed)
    with ended_quietly():
        kept = most_doubtful(predictor, args, args.n * (DIVERSE_FACTOR if args.diverse else 1))
        if args.diverse and len(kept) > args.n:
            kept = different(predictor, kept, args)
        with open_output(args.output) as output:
            for each in kept[: args.n]:
                line = {**each.record, "line": each.line, "uncertainty": each.score}
                text = dump_json(line) + "\n"
                if output is None:
                    with console_errors():
                        print(text, end="")
                else:
                    output.write(text)


def most_doubtful(predictor: BertPredictor, args: argparse.Namespace, count: int) -> list[Scored]:
    """
    Gives the records of the pool with the highest scores, the highest first; of equal records one.
    Of the pool no more than these are held.
    """
    heap: list[Scored] = []
    held: set[int] = set()
    failed = 0
    with open_input(args.pool) as source:
        lines = Tqdm.tqdm(read_lines(source, args.pool), desc="records")
        for group in lazy_groups_of(lines, AT_ONCE):
            for line, record, score in _score_lines(predictor, group, args):
                if isinstance(score, Exception):
                    failed += 1
                    if failed <= ERRORS_NAMED:
                        logger.warning("%s, line %d: %s", args.pool, line, sentence_of(score))
                    continue
                _push(heap, held, Scored(score, -line, record), predictor, count)
    if failed:
        logger.warning("%s: %d lines are no records and were passed over.", args.pool, failed)
    return sorted(heap, reverse=True)


def _push(
    heap: list[Scored], held: set[int], new: Scored, predictor: BertPredictor, count: int
) -> None:
    key = _key(predictor, new.record)
    if key in held or len(heap) == count and new[:2] <= heap[0][:2]:
        return
    held.add(key)
    if len(heap) < count:
        heapq.heappush(heap, new)
    else:
        held.discard(_key(predictor, heapq.heappushpop(heap, new).record))


def _key(predictor: BertPredictor, record: JsonDict) -> int:
    return hash_of([record.get(key) for key in predictor.input_keys])


def _score_lines(
    predictor: BertPredictor, lines: list[Line], args: argparse.Namespace
) -> Iterator[tuple[int, Any, Any]]:
    records: list[Any] = [parse_line(line) for line in lines]
    scores = replace_successes(records, _scores(predictor, successes(records), args))
    yield from ((line.number, record, score) for line, record, score in zip(lines, records, scores))


def _scores(
    predictor: BertPredictor, records: Sequence[JsonDict], args: argparse.Namespace
) -> list[Any]:
    asked = [{**record, **predictor.asks_for_doubt} for record in records]
    instances = predictor.instances_or_errors(asked)
    runs = []
    for _ in range(args.passes if args.by == "disagreement" else 1):
        with with_dropout(predictor._model, args.by == "disagreement"):
            runs.append(predictor.outputs_or_errors(successes(instances)))
    scores = [_score(predictor, outputs, args.by) for outputs in zip(*runs)]
    return replace_successes(instances, scores)


def _score(predictor: BertPredictor, outputs: Sequence[Any], by: str) -> Any:
    failed = [output for output in outputs if isinstance(output, Exception)]
    return failed[0] if failed else SCORES[by](map(predictor.distributions, outputs))


def different(
    predictor: BertPredictor, doubtful: list[Scored], args: argparse.Namespace
) -> list[Scored]:
    """
    Takes of doubtful records as many as are asked for that differ: the texts are clustered, by
    their doubt, into so many clusters, of each of which the record nearest to the middle is taken
    (Zhdanov 2019, Diverse mini-batch active learning).
    """
    vectors = _vectors(predictor, [each.record for each in doubtful])
    weights = numpy.array([each.score for each in doubtful])
    weights = weights - weights.min() + 1e-6
    clusters = KMeans(args.n, n_init=1, random_state=args.seed).fit(vectors, sample_weight=weights)
    nearest = clusters.transform(vectors).argmin(0)
    return sorted((doubtful[index] for index in set(nearest.tolist())), reverse=True)


def _vectors(predictor: BertPredictor, records: Sequence[JsonDict]) -> numpy.ndarray:
    reader = predictor._dataset_reader
    if not isinstance(reader, BertReader):
        raise ConfigurationError("`--diverse` needs a reader of this package.")
    checks = find_checks(reader)
    examples = [reader.parse(record, "the record", labelled=False) for record in records]
    texts = [{"text": " ".join(checks.texts(example))} for example in examples]
    default = argparse.Namespace(
        model="", pooling=None, layers=None, normalize=True, dimensions=None
    )
    return numpy.array(embedder_of(predictor, default).vectors_or_errors(texts))
