"""Classification of comments in the order of their file, in fp32 and in int8."""

from functools import partial
from typing import Any, Callable, Sequence

from allennlp.predictors import Predictor
from transformers import BertForSequenceClassification, pipeline

from benchmarks import loops, stock_allennlp
from benchmarks.checkpoints import LABELS, Setting, archive, checkpoint
from benchmarks.comparison import Contest, Row, Work, per_second
from benchmarks.loops import Answers
from benchmarks.texts import comments

COMMENTS = 5000
BATCH_SIZE = 32
CHECKED = 200
TOLERANCE = 1e-4
INT8_TOLERANCE, INT8_AGREEMENT = 0.1, 0.5
"""In int8 the least share of equal labels, of the 28 of a head that has not learned."""

OURS, OURS_INT8 = "ours", "ours, int8"
PIPELINE = f"Hugging Face pipeline, batches of {BATCH_SIZE}"
LOOP = "PyTorch loop, tokenized and sorted before"
ONNX = "ONNX Runtime int8, tokenized before"
ONNX_SORTED = "ONNX Runtime int8, tokenized and sorted before"
STOCK = f"AllenNLP's basic_classifier, batches of {BATCH_SIZE}"

Predict = Callable[[Sequence[str]], Answers]


def contest(setting: Setting) -> Contest:
    texts = comments(setting.amount(COMMENTS), setting.data)
    bert = checkpoint(BertForSequenceClassification, setting)
    archived = classification_archive(bert, setting)
    torch_probs, onnx_probs = loops.pytorch(bert), loops.onnx_int8(bert, setting.threads)
    prepare: dict[str, Callable[[Sequence[str]], Work]] = {
        OURS: _unprepared(ours(archived)),
        OURS_INT8: _unprepared(ours(archived, precision="int8")),
        PIPELINE: _unprepared(hugging_face(bert)),
        LOOP: loops.by_length(bert, torch_probs, texts),
        ONNX: loops.in_file_order(bert, onnx_probs, BATCH_SIZE),
        ONNX_SORTED: loops.by_length(bert, onnx_probs, texts),
        STOCK: _unprepared(stock_allennlp.predict(bert, BATCH_SIZE)),
    }
    rows = [
        Row(OURS, PIPELINE, 1.75),
        Row(OURS, LOOP, 0.95),
        Row(OURS_INT8, PIPELINE, 2.5),
        Row(OURS_INT8, ONNX, 1.5),
        Row(OURS_INT8, ONNX_SORTED, 0.9),
        Row(OURS, STOCK),
    ]
    return Contest(
        f"predict {len(texts):,} comments in file order",
        {name: partial(side, texts) for name, side in prepare.items()},
        rows,
        lambda: check({name: side(texts[:CHECKED])() for name, side in prepare.items()}),
        per_second(len(texts), "texts"),
    )


def _unprepared(predict: Predict) -> Callable[[Sequence[str]], Work]:
    return lambda texts: partial(predict, texts)


def classification_archive(bert: str, setting: Setting) -> str:
    records = [{"text": text, "label": LABELS[0]} for text in comments(8)]
    return archive("classification", bert, records, setting, dataset_reader__label_names=LABELS)


def ours(archived: str, labels: Sequence[str] = LABELS, **settings: Any) -> Predict:
    predictor = Predictor.from_path(archived, **settings)

    def predict(texts: Sequence[str]) -> Answers:
        outputs = predictor.predict_batch_json([{"text": text} for text in texts])
        return [(labels.index(output["label"]), max(output["probs"])) for output in outputs]

    return predict


def hugging_face(bert: str, labels: Sequence[str] = LABELS) -> Predict:
    classify = pipeline("text-classification", bert, device="cpu", batch_size=BATCH_SIZE)

    def predict(texts: Sequence[str]) -> Answers:
        outputs = classify(list(texts), truncation=True)
        return [(labels.index(output["label"]), output["score"]) for output in outputs]

    return predict


def check(answers: dict[str, Answers]) -> None:
    """Raises when a side's answers are not the pipeline's, or in int8 not like them."""
    labels, probs = zip(*answers[PIPELINE])
    for name, given in answers.items():
        same = sum(own == label for (own, _), label in zip(given, labels)) / len(labels)
        apart = max(abs(own - prob) for (_, own), prob in zip(given, probs))
        least, most = (INT8_AGREEMENT, INT8_TOLERANCE) if "int8" in name else (1, TOLERANCE)
        if same < least or apart > most or len(given) != len(labels):
            raise ValueError(
                f"{name}: {same:.1%} of the pipeline's labels, probabilities up to {apart:.2g} "
                "apart; the two do not do the same work."
            )
