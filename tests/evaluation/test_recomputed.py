"""Every number of `report.json`, recomputed from `predictions.jsonl` by the libraries."""

import math

import numpy
import pytest
from allennlp_models.rc.tools import squad
from nervaluate import Evaluator
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU
from scipy.stats import pearsonr, spearmanr
from seqeval import metrics as seqeval
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2
from sklearn import metrics as sklearn

from bert_classification.token_classification.report import wrong_spans
from tests.evaluation.support import Made, report_lines

EXACT = 1e-9
NAMES = ["bad", "fair", "good", "rare"]


def equal(one, other) -> bool:
    return one == pytest.approx(other, abs=EXACT, rel=EXACT, nan_ok=True)


@pytest.fixture
def generator() -> numpy.random.Generator:
    return numpy.random.default_rng(3)


@pytest.fixture(scope="module")
def labels(tmp_path_factory) -> Made:
    generator, lines = numpy.random.default_rng(3), []
    for number in range(120):
        probs = generator.dirichlet([1.0, 2.0, 1.0, 0.2])
        gold, given = int(generator.choice(4, p=probs)), int(probs.argmax())
        told = {"gold": NAMES[gold], "prediction": NAMES[given], "confidence": probs[given]}
        text = " ".join(["word"] * int(generator.integers(1, 30)))
        other = {"text": text, "domain": "ab"[number % 2], "loss": -math.log(probs[gold])}
        lines.append({**other, **told, "probs": dict(zip(NAMES, probs))})
    directory = tmp_path_factory.mktemp("labels")
    return report_lines(directory, "classification", lines, "--slices", "domain")


def columns(lines: list[dict]) -> tuple[list, list]:
    return [line["gold"] for line in lines], [line["prediction"] for line in lines]


def of_labels(lines: list[dict]) -> dict[str, float]:
    gold, given = columns(lines)
    each = sklearn.precision_recall_fscore_support(gold, given, labels=NAMES, zero_division=0.0)
    named = {
        f"{metric}/{name}": value
        for metric, values in zip(("precision", "recall", "f1"), each)
        for name, value in zip(NAMES, values)
    }
    return {
        "accuracy": sklearn.accuracy_score(gold, given),
        "matthews": sklearn.matthews_corrcoef(gold, given),
        "loss": numpy.mean([line["loss"] for line in lines]),
        "macro_f1": each[2].mean(),
        **named,
    }


def test_labels(labels) -> None:
    gold, given = columns(labels.lines)
    scores = {name: each["value"] for name, each in labels.report["scores"].items()}
    assert equal(scores, of_labels(labels.lines))
    assert (
        labels.report["confusion"] == sklearn.confusion_matrix(gold, given, labels=NAMES).tolist()
    )
    assert labels.report["support"] == [gold.count(name) for name in NAMES]
    for name in NAMES:
        has, chances = (
            [each == name for each in gold],
            [line["probs"][name] for line in labels.lines],
        )
        assert equal(labels.report["curves"][name], {
            "average_precision": sklearn.average_precision_score(has, chances),
            "roc_auc": sklearn.roc_auc_score(has, chances),
        })  # fmt: skip
    probs = numpy.array([list(line["probs"].values()) for line in labels.lines])
    brier = sklearn.brier_score_loss(gold, probs, labels=NAMES)
    assert equal(labels.report["calibration"]["brier"], brier)


def test_calibration(labels) -> None:
    lines, found = labels.lines, labels.report["calibration"]
    total = 0.0
    for number, each in enumerate(found["bins"]):
        inside = [line for line in lines if number / 15 < line["confidence"] <= (number + 1) / 15]
        assert each["records"] == len(inside)
        if inside:
            right = numpy.mean([line["gold"] == line["prediction"] for line in inside])
            sure = numpy.mean([line["confidence"] for line in inside])
            assert equal((each["accuracy"], each["confidence"]), (right, sure))
            total += len(inside) * abs(right - sure)
    assert equal(found["ece"], total / len(lines))


def test_slices(labels) -> None:
    domains = labels.report["slices"]["domain"]
    for part in domains:
        lines = [line for line in labels.lines if line["domain"] == part["value"]]
        assert part["records"] == len(lines) and equal(part["scores"], of_labels(lines))
    lengths = labels.report["slices"]["length"]
    assert sum(part["records"] for part in lengths) == 120 and len(lengths) == 5
    for part in lengths:
        low, high = map(int, part["value"].split(" to "))
        lines = [line for line in labels.lines if low <= len(line["text"].split()) <= high]
        assert equal(part["scores"], of_labels(lines))


def test_an_interval_is_that_of_resamples(labels) -> None:
    right = numpy.array([line["gold"] == line["prediction"] for line in labels.lines])
    drawn = numpy.random.default_rng(0)
    means = [right[drawn.integers(len(right), size=len(right))].mean() for _ in range(1000)]
    found = labels.report["scores"]["accuracy"]
    assert equal([found["low"], found["high"]], list(numpy.quantile(means, [0.025, 0.975])))


def test_many_labels(generator, tmp_path) -> None:
    lines = []
    for _ in range(80):
        probs = generator.random(4)
        gold = [name for name, each in zip(NAMES, generator.random(4)) if each < 0.4]
        given = [name for name, prob in zip(NAMES, probs) if prob >= 0.5]
        told = {"text": "a", "gold": gold, "prediction": given}
        lines.append({**told, "probs": dict(zip(NAMES, probs))})
    made = report_lines(tmp_path, "classification", lines)
    gold, given = (
        numpy.array([[name in line[key] for name in NAMES] for line in lines])
        for key in ("gold", "prediction")
    )
    for average in ("micro", "macro"):
        expected = sklearn.f1_score(gold, given, average=average, zero_division=0.0)
        assert equal(made.score(f"{average}_f1"), expected)
    assert equal(
        made.score("micro_precision"), sklearn.precision_score(gold, given, average="micro")
    )
    assert equal(made.score("micro_recall"), sklearn.recall_score(gold, given, average="micro"))
    assert equal(made.score("accuracy"), sklearn.accuracy_score(gold, given))
    of_each = sklearn.precision_recall_fscore_support(gold, given, zero_division=0.0)
    for metric, values in zip(("precision", "recall", "f1"), of_each):
        assert equal([made.score(f"{metric}/{name}") for name in NAMES], list(values))
    probs = numpy.array([list(line["probs"].values()) for line in lines])
    thresholds = made.report["thresholds"]
    for place, threshold in enumerate(thresholds["threshold"]):
        for name in ("micro_f1", "macro_f1"):
            average = name.removesuffix("_f1")
            f1 = sklearn.f1_score(gold, probs >= threshold, average=average, zero_division=0.0)
            assert equal(thresholds[name][place], f1)
    assert made.report["together"]["gold"] == (gold.astype(int).T @ gold).tolist()


def test_numbers(generator, tmp_path) -> None:
    gold = generator.random(60)
    given = gold + generator.normal(0, 0.3, 60)
    lines = [
        {
            "text": "a",
            "gold": one,
            "prediction": other,
            "confidence": None,
            "loss": (one - other) ** 2,
        }
        for one, other in zip(gold.tolist(), given.tolist())
    ]
    made = report_lines(tmp_path, "classification", lines)
    assert equal(made.score("pearson"), pearsonr(gold, given)[0])
    assert equal(made.score("spearman"), spearmanr(gold, given)[0])
    assert equal(made.score("mse"), sklearn.mean_squared_error(gold, given))
    assert equal(made.score("mae"), sklearn.mean_absolute_error(gold, given))
    residuals = made.report["residuals"]
    assert equal(list(residuals.values()), [(given - gold).mean(), (given - gold).std()])


def random_tags(generator: numpy.random.Generator, length: int) -> list[str]:
    kinds = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    return [str(tag) for tag in generator.choice(kinds, length, p=[0.4, 0.15, 0.15, 0.15, 0.15])]


def test_spans(generator, tmp_path, monkeypatch) -> None:
    # Several turns of nervaluate.
    monkeypatch.setattr("bert_classification.token_classification.report.TEXTS_AT_ONCE", 7)
    lines = []
    for _ in range(60):
        length = int(generator.integers(1, 12))
        gold, given = random_tags(generator, length), random_tags(generator, length)
        keep = generator.random(length) < 0.6
        given = [one if kept else other for one, other, kept in zip(gold, given, keep)]
        entities = {"gold_entities": [], "entities": []}
        lines.append({"text": "a " * length, "gold": gold, "prediction": given, **entities})
    made = report_lines(tmp_path, "token_classification", lines)
    gold, given = columns(lines)
    assert equal(made.score("f1"), seqeval.f1_score(gold, given))
    assert equal(made.score("precision"), seqeval.precision_score(gold, given))
    assert equal(made.score("recall"), seqeval.recall_score(gold, given))
    assert equal(made.score("accuracy"), seqeval.accuracy_score(gold, given))
    assert equal(made.score("strict_f1"), seqeval.f1_score(gold, given, mode="strict", scheme=IOB2))
    of_each = seqeval.classification_report(gold, given, output_dict=True)
    for name in ("PER", "LOC"):
        for ours, theirs in (("f1", "f1-score"), ("precision", "precision"), ("recall", "recall")):
            assert equal(made.score(f"{ours}/{name}"), of_each[name][theirs])
    overall = Evaluator(gold, given, tags=["LOC", "PER"], loader="list").evaluate()["overall"]
    for scheme, result in overall.items():
        ours = made.report["nervaluate"][scheme]
        assert equal(ours, {key: getattr(result, key) for key in ours})
    counted = {kind: sum(types.values()) for kind, types in made.report["errors"].items()}
    wrong_gold = sum(made.report["support"]) - sum(len(_right(*each)) for each in zip(gold, given))
    assert wrong_gold == sum(counts for kind, counts in counted.items() if kind != "spurious")


def _right(gold: list[str], given: list[str]) -> set:
    return set(get_entities(gold)) & set(get_entities(given))


def test_kinds_of_wrong_spans() -> None:
    gold = [("PER", 0, 1), ("LOC", 3, 3), ("ORG", 5, 7), ("PER", 9, 9), ("LOC", 20, 20)]
    given = [("PER", 0, 2), ("ORG", 3, 3), ("LOC", 6, 9), ("PER", 15, 16), ("LOC", 20, 20)]
    assert sorted(wrong_spans(gold, given)) == [
        ("both", "ORG", "LOC"),
        ("boundary", "PER", "PER"),
        ("missed", "PER", ""),
        ("spurious", "PER", "PER"),
        ("type", "LOC", "ORG"),
    ]


def test_answers(generator, tmp_path) -> None:
    words = ["the", "old", "bridge", "of", "Lisbon", "1755", "a"]
    lines = []
    for number in range(70):

        def text() -> str:
            return " ".join(map(str, generator.choice(words, int(generator.integers(1, 4)))))

        best, impossible = text(), number % 4 == 0
        diff = float(generator.normal(1.0 if impossible else -1.0))
        lines.append(
            {"question": f"{['Who', 'How many', 'Name'][number % 3]} was it?", "context": "a b",
             "gold": [] if impossible else [text(), best][: int(generator.integers(1, 3))],
             "prediction": "" if diff > 0 else best, "best_answer": best, "null_score_diff": diff,
             "windows": 1 + number % 2, "start": 0, "end": 0}
        )  # fmt: skip
    made = report_lines(tmp_path, "question_answering", lines)
    scores = []
    for line in lines:
        known = [each for each in line["gold"] if squad.normalize_answer(each)] or [""]
        scores.append(
            (
                max(squad.compute_exact(gold, line["prediction"]) for gold in known),
                max(squad.compute_f1(gold, line["prediction"]) for gold in known),
            )
        )
    has = numpy.array([bool(line["gold"]) for line in lines])
    em, f1 = 100 * numpy.array(scores).T
    for name, part in (("", has | ~has), ("has_answer_", has), ("no_answer_", ~has)):
        assert equal(made.score(f"{name}em"), em[part].mean())
        assert equal(made.score(f"{name}f1"), f1[part].mean())
    for part in made.report["question_word"]:
        word = {"who": "Who", "how many": "How many", "other": "Name"}[part["value"]]
        asks = numpy.array([line["question"].startswith(word) for line in lines])
        assert part["records"] == asks.sum() and equal(part["scores"]["em"], em[asks].mean())


def test_choices(generator, tmp_path) -> None:
    lines = []
    for _ in range(50):
        probs = generator.dirichlet(numpy.ones(int(generator.integers(2, 5)))).tolist()
        gold, given = int(generator.integers(len(probs))), int(numpy.argmax(probs))
        told = {"gold": gold, "prediction": given, "confidence": probs[given], "probs": probs}
        lines.append({"prompt": "a", "choices": ["b"] * len(probs), **told})
    made = report_lines(tmp_path, "multiple_choice", lines)
    gold, given = columns(lines)
    assert equal(made.score("accuracy"), sklearn.accuracy_score(gold, given))
    ranks = [sklearn.label_ranking_average_precision_score(
        [[place == line["gold"] for place in range(len(line["probs"]))]], [line["probs"]]
    ) for line in lines]  # fmt: skip
    assert equal(made.score("mrr"), numpy.mean(ranks))
    for part in made.report["position"]:
        own = [one == other for one, other in zip(gold, given) if one == part["value"]]
        assert equal(part["accuracy"], numpy.mean(own)) and part["chosen"] == given.count(
            part["value"]
        )


def test_pieces(generator, tmp_path) -> None:
    lines = []
    for _ in range(30):
        size = int(generator.integers(1, 20))
        gold = [f"p{int(each)}" for each in generator.zipf(1.6, size) % 30]
        given = [piece if generator.random() < 0.5 else "p0" for piece in gold]
        losses = generator.exponential(2.0, size).tolist()
        places = sorted(generator.choice(40, size, replace=False).tolist())
        told = {"gold": gold, "prediction": given, "losses": losses, "positions": places}
        lines.append({"text": "a", **told, "loss": float(numpy.mean(losses))})
    made = report_lines(tmp_path, "masked_lm", lines)
    pieces = [piece for line in lines for piece in line["gold"]]
    given = [piece for line in lines for piece in line["prediction"]]
    losses = numpy.array([loss for line in lines for loss in line["losses"]])
    assert equal(made.score("perplexity"), math.exp(losses.mean()))
    assert equal(made.score("accuracy"), sklearn.accuracy_score(pieces, given))
    counts = numpy.array([pieces.count(piece) for piece in pieces])
    for part in made.report["frequency"]:
        low, _, high = part["value"].partition(" to ")
        inside = (counts >= int(low)) & (counts <= int(high or low))
        assert part["pieces"] == inside.sum()
        assert equal(part["perplexity"], math.exp(losses[inside].mean()))
    places = numpy.array([place for line in lines for place in line["positions"]])
    for part in made.report["position"]:
        low, high = map(int, part["value"].split(" to "))
        inside = (places >= low) & (places <= high)
        assert part["pieces"] == inside.sum()
        assert equal(part["perplexity"], math.exp(losses[inside].mean()))


def test_ranks(generator, tmp_path) -> None:
    ranks = (generator.zipf(1.5, 60) % 300 + 1).tolist()
    both = {"gold": 0.5, "prediction": 0.6}
    told = {"text": "a", "gold": "b", "prediction": "c", "similarity": both}
    made = report_lines(tmp_path, "embedding", [{**told, "rank": rank} for rank in ranks])
    scores = numpy.array([[-place for place in range(300)]] * 60)
    right = numpy.zeros((60, 300), int)
    right[range(60), numpy.array(ranks) - 1] = 1
    assert equal(made.score("ndcg@10"), sklearn.ndcg_score(right, scores, k=10))
    for count in (1, 5, 10):
        expected = sklearn.top_k_accuracy_score(
            numpy.array(ranks) - 1, scores, k=count, labels=range(300)
        )
        assert equal(made.score(f"recall@{count}"), expected)
    assert equal(
        made.score("mrr@10"), numpy.mean([1 / rank if rank <= 10 else 0 for rank in ranks])
    )


def test_written(generator, tmp_path) -> None:
    words = "the ferry left island at seven in winter morning".split()
    lines = []
    for _ in range(40):
        gold = [str(each) for each in generator.choice(words, int(generator.integers(4, 12)))]
        given = [word for word in gold if generator.random() < 0.8] or ["the"]
        told = {"gold": " ".join(gold), "prediction": " ".join(given)}
        lines.append(
            {"source": "a b", **told, "pieces": len(gold), "loss": float(generator.random())}
        )
    made = report_lines(tmp_path, "sequence_to_sequence", lines)
    gold, given = columns(lines)
    assert equal(made.score("bleu"), BLEU().corpus_score(given, [gold]).score)
    rouge = RougeScorer(["rougeL"], use_stemmer=True)
    each = [rouge.score(*pair)["rougeL"].fmeasure for pair in zip(gold, given)]
    assert equal(made.score("rouge_l"), numpy.mean(each))
    assert equal(made.score("exact_match"), sklearn.accuracy_score(gold, given))
    pieces = [line["pieces"] for line in lines]
    loss = numpy.average([line["loss"] for line in lines], weights=pieces)
    assert equal(made.score("perplexity"), math.exp(loss))
    ratio = sum(len(each.split()) for each in given) / sum(len(each.split()) for each in gold)
    assert equal(made.score("length_ratio"), ratio)
