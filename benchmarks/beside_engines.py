"""
A classifier with a trained head of three labels, on comments in file order and on long texts,
beside OpenVINO, CTranslate2, ONNX Runtime and the pipeline, in fp32 and in int8.
"""

from functools import partial
from typing import Sequence

import torch
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from benchmarks import engines
from benchmarks.checkpoints import Setting, archive
from benchmarks.comparison import Contest, Row, per_second, seconds
from benchmarks.engines import Predict
from benchmarks.matrix_limit import limit
from benchmarks.predict import BATCH_SIZE, OURS, OURS_INT8, PIPELINE, hugging_face, ours
from benchmarks.texts import comments, questions
from bert_classification.commands.demo import embedded_bert

COMMENTS, CONTEXTS = 2000, 400
TRAINED_ON, CALIBRATED_ON = 1600, 300
SAMPLE = 128
LEARNING_RATE = 1e-4
LABELS = ["asks", "of you", "neither"]

OPENVINO, OPENVINO_INT8 = "OpenVINO, a stream a thread", "OpenVINO int8 (NNCF), a stream a thread"
CTRANSLATE, CTRANSLATE_INT8 = "CTranslate2", "CTranslate2 int8"
ONNX_INT8 = "ONNX Runtime int8, a scale a row"


def contests(setting: Setting) -> list[Contest]:
    bert = trained_checkpoint(setting)
    labelled = [{"text": text, "label": label(text)} for text in comments(8, setting.data)]
    archived = archive(
        "classification", bert, labelled, setting, dataset_reader__label_names=LABELS
    )
    short = comments(setting.amount(COMMENTS), setting.data)
    long = [each.context for each in questions(setting.amount(CONTEXTS), setting.squad)]
    targets = {OPENVINO: 1.1, CTRANSLATE: 1.1, PIPELINE: 2.6}
    targets_long = {OPENVINO: 1.05, CTRANSLATE: 1.1, PIPELINE: 3.0}
    return [
        _contest("comments in file order", short, bert, archived, setting, targets),
        _contest("contexts in file order", long, bert, archived, setting, targets_long),
    ]


def _contest(
    work: str,
    texts: list[str],
    bert: str,
    archived: str,
    setting: Setting,
    targets: dict[str, float],
) -> Contest:
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    calibration = comments(CALIBRATED_ON + TRAINED_ON, setting.data)[TRAINED_ON:]
    engine = partial(engines.fastest, bert, sample=sample)
    threads = setting.threads
    predict: dict[str, Predict] = {
        OURS: ours(archived, LABELS),
        OURS_INT8: ours(archived, LABELS, precision="int8"),
        OPENVINO: engine(engines.openvino_streams(bert, threads)),
        OPENVINO_INT8: engine(engines.openvino_streams(bert, threads, calibration)),
        CTRANSLATE: engine(engines.ctranslate(bert, threads, "float32")),
        CTRANSLATE_INT8: engine(engines.ctranslate(bert, threads, "int8")),
        ONNX_INT8: engine(engines.onnx_int8(bert, threads)),
        PIPELINE: hugging_face(bert, LABELS),
    }
    int8_targets = {OPENVINO_INT8: 1.05, CTRANSLATE_INT8: 1.3, ONNX_INT8: 1.4}
    rows = [Row(OURS, peer, least) for peer, least in targets.items()]
    rows += [Row(OURS_INT8, peer, least) for peer, least in int8_targets.items()]
    return Contest(
        f"predict {len(texts):,} {work}, three labels",
        {name: partial(partial, side, texts) for name, side in predict.items()},
        rows,
        partial(check, bert, texts, predict),
        per_second(len(texts), "texts"),
    )


def check(bert: str, texts: Sequence[str], sides: dict[str, Predict]) -> None:
    """Prints the share of labels that are the pipeline's, and our share of the matrix limit."""
    labels = [own for own, _ in sides[PIPELINE](texts)]
    for name, side in sides.items():
        same = sum(own == each for (own, _), each in zip(side(texts), labels)) / len(labels)
        print(f"  {name}: {same:.2%} of the labels")
        if same < (0.9 if "int8" in name else 1.0):
            raise ValueError(f"{name}: {same:.2%} of the labels; they do not do the same work.")
    pieces = sum(map(len, AutoTokenizer.from_pretrained(bert)(list(texts)).input_ids))
    for name, int8 in ((OURS, False), (OURS_INT8, True)):
        least = limit(BertConfig.from_pretrained(bert), pieces, int8)
        share = least / seconds(partial(sides[name], texts))
        print(f"  {name}: {share:.2f} of what matrix products of all layers would take")


def label(text: str) -> str:
    """Something that can be seen in any text, and learned in a minute."""
    words = text.lower()
    if "?" in words or any(each in words for each in ("what", "who", "how", "why")):
        return "asks"
    return "of you" if "you" in words else "neither"


def trained_checkpoint(setting: Setting) -> str:
    """Fine-tunes MiniLM on the first comments, and gives its directory."""
    directory = setting.directory / "trained"
    if directory.exists():
        return str(directory)
    torch.manual_seed(0)
    bert = embedded_bert()
    tokenizer = AutoTokenizer.from_pretrained(bert, model_max_length=512)
    config = BertConfig.from_pretrained(bert, id2label=dict(enumerate(LABELS)))
    model = BertForSequenceClassification.from_pretrained(bert, config=config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    texts = comments(TRAINED_ON, setting.data)
    for start in range(0, len(texts), BATCH_SIZE):
        batch = texts[start : start + BATCH_SIZE]
        targets = torch.tensor([LABELS.index(label(text)) for text in batch])
        tensors = tokenizer(batch, padding=True, truncation=True, return_tensors="pt")
        model(**tensors, labels=targets).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval().save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return str(directory)
