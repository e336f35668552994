"""
Readers, predictors, the server's bodies and archives under whatever Hypothesis comes up with. A
short run is a part of the tests; `make fuzz ARGS="--examples 10000"` is a long one. What failed
once is kept in `.hypothesis`, and tried first the next time.
"""

import json
import resource
import shutil
import time
from contextlib import suppress
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any, Callable

import httpx
import pytest
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader
from allennlp.predictors import Predictor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bert_classification.archives.extraction import extract
from bert_classification.commands.predict import predict_lines
from tests.archives.every_door import GOOD, doors, knock
from tests.archives.hostile import HOSTILE, Hostile, make, put_outside
from tests.fuzz.mutations import HOSTILE_JSON, mutated_bytes, mutated_lines
from tests.fuzz.promises import (
    TASKS_WITH_ARCHIVES,
    files_of,
    lines_of,
    numbers_of,
    predictor_of,
    read_whole,
    strict,
)
from tests.support import BERT, FIXTURES

SECONDS = 5
MEGABYTES = 1_000
STATUSES = {200, 400, 408, 413, 415, 422}

SEEDS = st.integers(0, 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)

READER_SETTINGS: dict[str, dict[str, list[Any]]] = {
    "": {"encoding": ["utf-8", "latin-1", "utf-16"], "label_names": [["a", "b"], ["is_next", "x"]]},
    "classification": {
        "problem_type": ["multi_label_classification", "regression"],
        "long_text": ["error", "windows"],
        "label_delimiter": [",", " "],
        "columns": [{"text": 0, "label": 1}, {"text": "text", "label": "label"}],
    },
    "token_classification": {"tag_scheme": ["IOB1", "BIOES"], "label_all_pieces": [True]},
    "question_answering": {"doc_stride": [1, 1000], "max_query_length": [1, 8]},
    "masked_lm": {"line_by_line": [True], "block_size": [3, 17]},
    "causal_lm": {"block_size": [2, 17]},
    "pretraining": {"skip_lone_sentences": [True], "short_seq_prob": [1.0]},
    "next_sentence_prediction": {"skip_lone_sentences": [True], "seed": [1]},
    "multiple_choice": {},
}
"""Some settings of the readers, by task; those under no name are of all."""


@pytest.fixture(scope="module", autouse=True)
def within_memory() -> Any:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) / 1024 < MEGABYTES


def explore(request: pytest.FixtureRequest, property: Callable[..., None], **given_by: Any) -> None:
    """
    Tries a property with as many examples as the command line asks for; each may take `SECONDS` of
    the processor, whatever else the machine does.
    """

    @wraps(property)
    def timed(**example: Any) -> None:
        started = time.process_time()
        property(**example)
        assert time.process_time() - started < SECONDS

    limits = settings(
        max_examples=request.config.getoption("--examples"),
        deadline=None,
        derandomize=request.config.getoption("--examples") < 100,
        suppress_health_check=list(HealthCheck),
    )
    limits(given(**given_by)(timed))()


@pytest.mark.parametrize("task", TASKS_WITH_ARCHIVES)
def test_files(task, request, tmp_path) -> None:
    vocab, files = predictor_of(task)._model.vocab, files_of(task)

    def ends_in_data_or_in_an_error_that_names_it(seed: int) -> None:
        draw = Random(seed)
        extension = draw.choice(list(files))
        content = mutated_bytes(seed, files[extension])
        if extension == ".jsonl" and draw.random() < 0.5:
            lines = files[extension].decode().splitlines()[:5]
            content = b"\n".join(mutated_lines(seed, lines, [*json.loads(lines[0])]))
        path = tmp_path / f"file{extension}"
        path.write_bytes(content)
        ours = predictor_of(task)._dataset_reader
        read_whole(make_reader(task, draw) if draw.random() < 0.3 else ours, vocab, path)

    explore(request, ends_in_data_or_in_an_error_that_names_it, seed=SEEDS)


def make_reader(task: str, draw: Random) -> DatasetReader:
    """A reader with a few settings of its task."""
    options = {**READER_SETTINGS[""], **READER_SETTINGS.get(task, {})}
    chosen = draw.sample(sorted(options), min(2, len(options)))
    indexer = {"type": "bert-pretrained", "pretrained_model": BERT, "max_pieces": 24}
    params = {key: draw.choice(options[key]) for key in chosen}
    if task == "question_answering":
        params.setdefault("max_query_length", 8)
    name = f"bert_for_{task}"
    with suppress(ConfigurationError):  # Of settings that do not go together.
        return DatasetReader.from_params(
            Params({"type": name, "token_indexers": {"bert": indexer}, **params})
        )
    return predictor_of(task)._dataset_reader


@pytest.mark.parametrize("task", TASKS_WITH_ARCHIVES)
def test_records(task, request) -> None:
    predictor = predictor_of(task)
    lines = (FIXTURES / task / "predict.jsonl").read_text(encoding="utf-8").splitlines()
    good = [line for line in lines if "sample" not in line][:3]
    alone = predict_lines(predictor, lines_of("\n".join(good).encode()))
    keys = (*predictor.input_keys, predictor.gold_key or "id")

    def cost_their_neighbours_nothing(seed: int, value: Any, key: str) -> None:
        changed = {**json.loads(good[seed % len(good)]), key: value}
        bad = [*mutated_lines(seed, good, keys), json.dumps(changed).encode()]
        mixed = b"\n".join([*bad, *map(str.encode, good)])
        outputs = predict_lines(predictor, lines_of(mixed))
        texts = [strict(predictor.dump_line(output)) for output in outputs]
        assert all("error" in each or set(predictor.output_keys) <= set(each) for each in texts)
        for output, expected in zip(texts[-len(good) :], alone):
            assert output.keys() == expected.keys()
            assert numbers_of(output) == pytest.approx(numbers_of(expected), abs=1e-3)

    explore(
        request, cost_their_neighbours_nothing, seed=SEEDS, value=JSON, key=st.sampled_from(keys)
    )


def test_bodies(request, serve) -> None:
    url = serve(Predictor.from_path(str(FIXTURES / "archives" / "classification.tar.gz")))
    client = httpx.Client(base_url=url, timeout=60)
    bodies = (
        st.binary(max_size=300)
        | JSON.map(json.dumps).map(str.encode)
        | st.sampled_from(HOSTILE_JSON).map(lambda text: text.encode(errors="surrogatepass"))
        | st.sampled_from(HOSTILE_JSON).map(
            lambda text: b'{"text": ' + text.encode(errors="surrogatepass") + b"}"
        )
    )

    def are_answered_in_strict_json(body: bytes, path: str, kind: str) -> None:
        answer = client.post(path, content=body, headers={"content-type": kind})
        assert answer.status_code in STATUSES
        for line in answer.text.strip("\n").split("\n"):
            strict(line)

    kinds = st.sampled_from(("application/json", "text/plain", "application/json; charset=x"))
    attacks = ("/attack/hotflip", "/attack/input-reduction")
    paths = st.sampled_from(("/predict", "/predict_batch", "/saliency", "/attention", *attacks))
    explore(request, are_answered_in_strict_json, body=bodies, path=paths, kind=kinds)
    assert client.post("/predict", json={"text": "Still here."}).status_code == 200


def test_archives(request, tmp_path) -> None:
    put_outside(tmp_path / "outside", Path(BERT))
    all_doors, names = doors(tmp_path), sorted(HOSTILE)

    def are_refused_or_harmless(first: str, second: str, door: str) -> None:
        contents, archive = tmp_path / "contents", tmp_path / "model.tar.gz"
        shutil.rmtree(contents, ignore_errors=True)
        contents.mkdir()
        extract(GOOD, contents)
        try:
            make(both(HOSTILE[first], HOSTILE[second]), contents, tmp_path / "outside", archive)
        except Exception:
            # The second change needed what the first one had spoilt.
            return
        answer = knock(all_doors[door], archive)
        assert answer["outcome"] in ("opened", "refused"), answer
        assert answer["sentence"].count("\n") == 0

    explore(
        request,
        are_refused_or_harmless,
        first=st.sampled_from(names),
        second=st.sampled_from(names),
        door=st.sampled_from(sorted(all_doors)),
    )


def both(first: Hostile, second: Hostile) -> Hostile:
    def change(contents: Path, outside: Path) -> None:
        first.change(contents, outside)
        second.change(contents, outside)

    return Hostile(change, [*first.members, *second.members])
