"""Both sides of the comparison of quality do the same work, on small data in the real layouts."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from transformers import BertPreTrainedModel

from benchmarks import question_answering
from benchmarks.quality import features, ours, plain
from benchmarks.quality.files import Amounts, spread
from benchmarks.quality.runs import OURS, PLAIN, SIDES, Results, check, prepare
from benchmarks.quality.table import row, verdict
from benchmarks.quality.tasks import TASKS, Task
from tests.support import BERT, ROOT, write_lines

SENTENCES = [
    "The market opens before the sun is up.",
    "Ruth sells apples and pears.",
    "Nobody wanted the bruised ones !",
    "By noon the rows are gone.",
    "The river was slow that summer.",
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    texts = SENTENCES * 5
    tables = {
        "sentence_classification/SST-2": ["sentence\tlabel"]
        + [f"{text}\t{i % 2}" for i, text in enumerate(texts)],
        "regression/STS-B_GLUE": ["sentence1\tsentence2\tscore"]
        + [f"{text}\t{texts[i - 1]}\t{i % 6}.0" for i, text in enumerate(texts)],
        "multilabel/GoEmotions": [f"{text}\t{i % 3},3\tid{i}" for i, text in enumerate(texts)],
    }
    for folder, lines in tables.items():
        for name in ("train.tsv", "dev.tsv"):
            write_lines(made(root / folder / name), lines)
    write_lines(root / "multilabel/GoEmotions/labels.txt", ["joy", "fear", "love", "neutral"])
    choices = [{"label": letter, "text": text} for letter, text in zip("ABCDE", SENTENCES)]
    question = {"stem": "What of Ruth ?", "choices": choices}
    questions = [{"answerKey": "ABCDE"[i % 5], "question": question} for i in range(25)]
    for name in ("train_rand_split.head6000.jsonl", "dev_rand_split.jsonl"):
        write_lines(made(root / "multiple_choice/CommonsenseQA" / name), questions)
    # The variation selector alone has no piece.
    sentence = (
        "Ruth\tB-person\nRuth\tI-person\nsells\tO\n\ufe0f\tO\napples\tB-product\npears\tI-product"
    )
    for name in ("wnut17train.conll", "emerging.dev.conll"):
        path = made(root / "token_classification/WNUT17" / name)
        path.write_text(f"{sentence}\n\t\n" * 24 + f"{sentence}\n", encoding="utf-8")
    squad = made(root / "extractive_qa/squad_v1.1/dev-v1.1.json")
    squad.write_text(json.dumps({"data": [article(number) for number in range(48)]}))
    wikitext = made(root / "language_modeling/wikitext-2-raw/wiki.valid.raw")
    text = " = Ruth = \n \n = = Life = = \n \n" + "".join(f" {text} . \n" for text in SENTENCES)
    wikitext.write_text(text * 60, encoding="utf-8")
    return root


def made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def article(number: int) -> dict:
    context = " ".join(SENTENCES * 4)
    answer = {"text": "the sun", "answer_start": context.index("the sun")}
    question = {"id": str(number), "question": "What is up?", "answers": [answer]}
    return {"paragraphs": [{"context": context, "qas": [question]}]}


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Task]:
    """The tasks, with windows of questions that fit into the small BERT."""
    modules: list[ModuleType] = [features, question_answering]
    for module in modules:
        monkeypatch.setattr(module, "MAX_PIECES", 64)
        monkeypatch.setattr(module, "DOC_STRIDE", 16)
    windows = {
        "dataset_reader__token_indexers__bert__max_pieces": 64,
        "dataset_reader__doc_stride": 16,
        "dataset_reader__max_query_length": 16,
    }
    asked = TASKS["question_answering"]._replace(overrides=windows)
    return {**TASKS, "question_answering": asked}


@pytest.mark.parametrize("name", TASKS)
def test_both_sides_read_the_same_pieces_and_take_the_same_steps(
    name: str, tasks: dict[str, Task], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    task = tasks[name]._replace(epochs=2)
    # A language model's are words.
    amounts = Amounts(20, 20) if task.score else Amounts(600, 200)
    prepared = prepare(task, data, BERT, tmp_path, amounts)
    runs = {side: SIDES[side](task, prepared, BERT, seed=1) for side in (OURS, PLAIN)}
    assert (
        runs[OURS]["steps"]
        == runs[PLAIN]["steps"]
        == 2 * -(-len(prepared.train) // task.batch_size)
    )
    assert task.metric in runs[OURS]["scores"]
    assert runs[OURS]["scores"].keys() == runs[PLAIN]["scores"].keys()


@pytest.mark.parametrize(
    "name", [name for name in TASKS if name not in ("masked_lm", "pretraining")]
)
def test_without_chance_both_sides_train_alike(
    name: str, tasks: dict[str, Task], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same head, no dropout, one batch again and again; only masks are left to chance."""
    monkeypatch.chdir(ROOT)
    overrides = {**tasks[name].overrides, "model__dropout": 0.0}
    if name in ("next_sentence_prediction", "causal_lm"):
        del overrides["model__dropout"]
    steps = {"epochs": 10, "batch_size": 100, "learning_rate": 1e-4}
    task = tasks[name]._replace(**steps, overrides=overrides)
    amounts = Amounts(20, 20) if task.score else Amounts(600, 200)
    prepared = prepare(task, data, BERT, tmp_path, amounts)
    labels = task.settings(prepared.files.train)
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    start = task.head.from_pretrained(BERT, **labels, **no_dropout)
    bert = str(tmp_path / "bert")
    start.save_pretrained(bert)
    prepared.tokenizer.save_pretrained(bert)
    archive, _ = ours.train(ours.make_config(task, bert, prepared.files, seed=1), tmp_path)
    by_us = task.head.from_pretrained(ours.export(archive))
    by_them, _ = plain.train(task, bert, prepared.tokenizer, prepared.train, 1, labels)
    changes = [
        torch.cat([(end - begin).flatten() for begin, end in zip(weights(start), weights(model))])
        for model in (by_us, by_them)
    ]
    assert torch.cosine_similarity(*changes, dim=0).item() > 0.99
    assert (changes[0].norm() / changes[1].norm()).item() == pytest.approx(1, abs=0.03)


def weights(model: BertPreTrainedModel) -> list[torch.Tensor]:
    return [weight.detach() for weight in model.base_model.parameters()]


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.score is not None])
def test_our_own_metric_is_that_of_the_data_set(
    name: str, tasks: dict[str, Task], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    task = tasks[name]._replace(learning_rate=1e-2)
    prepared = prepare(task, data, BERT, tmp_path, Amounts(20, 20))
    run = SIDES[OURS](task, prepared, BERT, seed=1)
    assert run["own"][task.metric] == pytest.approx(run["scores"][task.metric], abs=1e-5)


def test_other_pieces_are_refused() -> None:
    with pytest.raises(ValueError, match="example 2: our ids are .*4.*theirs are .*5"):
        check(Path("dev.tsv"), [[[1]], [[4]]], [[[1]], [[5]]])
    with pytest.raises(ValueError, match="1 examples by our reader, 2 by theirs"):
        check(Path("dev.tsv"), [[[1]]], [[[1]], [[5]]])


def test_a_refused_command_is_an_error_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="following arguments are required"):
        ours.allennlp("predict")


def test_results_are_kept_and_known_by_their_settings(tmp_path: Path) -> None:
    path = tmp_path / "runs.json"
    Results(path).add("masked_lm", OURS, 1, {"scores": {}, "settings": {"epochs": 1}})
    results = Results(path)
    assert results.has("masked_lm", OURS, 1, {"epochs": 1})
    assert not results.has("masked_lm", PLAIN, 1, {"epochs": 1})
    with pytest.raises(ValueError, match="name another file by `--results`"):
        results.has("masked_lm", OURS, 1, {"epochs": 2})


def test_a_row_is_of_the_seeds_that_both_sides_have_run(tmp_path: Path) -> None:
    results = Results(tmp_path / "runs.json")
    values = {OURS: [0.5, 0.7, 0.9], PLAIN: [0.6, 0.8]}
    settings = {"examples": [1000, 400]}
    for side in values:
        for seed, value in enumerate(values[side], 1):
            run = {"scores": {"accuracy": value}, "settings": settings, "steps": 63}
            results.add("classification", side, seed, run)
    line = row("classification", TASKS["classification"], results, [1, 2, 3])
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    assert cells[1] == "1,000, 400"
    assert cells[4:] == [
        "0.600 (0.500 to 0.700)",
        "0.700 (0.600 to 0.800)",
        "2",
        "equal within the spread",
    ]


def test_other_steps_are_refused(tmp_path: Path) -> None:
    results = Results(tmp_path / "runs.json")
    for side, steps in ((OURS, 63), (PLAIN, 62)):
        results.add("classification", side, 1, {"steps": steps})
    with pytest.raises(ValueError, match="classification, seed 1: 63 and 62 steps"):
        row("classification", TASKS["classification"], results, [1])


def test_ranges_that_do_not_meet_are_told() -> None:
    assert verdict([1.0, 2.0], [3.0, 4.0], lower_is_better=False) == "**ours is worse**"
    assert verdict([1.0, 2.0], [3.0, 4.0], lower_is_better=True) == "ours is better"
    assert verdict([1.0], [3.0], lower_is_better=True) == "one seed, no spread"


def test_a_part_is_spread_over_the_whole() -> None:
    assert spread(range(10), 4) == [0, 2, 5, 7]
    assert spread(range(3), 4) == [0, 1, 2]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks/quality").glob("*.py")), ids=lambda p: p.stem
)
def test_every_file_imports(path: Path) -> None:
    importlib.import_module(f"benchmarks.quality.{path.stem}")
