"""
The form of a Label Studio ML backend: what people label is shown with the model's predictions.
`/health`, `/setup` and `/predict` are what Label Studio's `label_studio_ml` answers.
"""

import hashlib
import importlib
import importlib.util
import logging
from typing import Any, NamedTuple, Optional
from xml.etree import ElementTree

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException

from bert_classification.data.json_values import describe
from bert_classification.predictor import BertPredictor
from bert_classification.serving.description import REFUSALS
from bert_classification.serving.predictions import Predictions, one_record
from bert_classification.serving.responses import StrictJSONResponse

logger = logging.getLogger(__name__)


class Control(NamedTuple):
    """
    A control tag of a labelling interface, with what it labels.

    name, to_name : `str`
        Of the tag, and of the text that it is for.
    kind : `str`
        Such as `Choices`.
    names : `Dict[str, str]`
        The names of its labels, by the same in lower case.
    key : `str`
        Of the text in the data of a task.
    others : `List[str]`
        The keys of the other texts.
    """

    name: str
    to_name: str
    kind: str
    names: dict[str, str]
    key: str
    others: list[str]


class LabelStudio:
    """
    # Parameters

    predictor : `Predictor`
    predictions : `Predictions`

    # Raises

    `ConfigurationError` for a model whose task has no `label_studio.py`.
    """

    def __init__(self, predictor: Predictor, predictions: Predictions) -> None:
        self._task = find_form(predictor)
        self._predictor: Any = predictor
        self._predictions = predictions
        self.version = version_of(predictor)

    async def health(self) -> StrictJSONResponse:
        name = type(self._predictor._model).__name__
        return StrictJSONResponse({"status": "UP", "model_class": name})

    async def setup(self, request: Request) -> StrictJSONResponse:
        """Takes a project's labelling interface, and refuses one that fits the model nowhere."""
        project = await self._predictions.read_record(request)
        self._control(project.get("schema"))
        return StrictJSONResponse({"model_version": self.version})

    async def predict(self, request: Request) -> StrictJSONResponse:
        """Answers Label Studio's tasks; and a single record as ever."""
        asked: list[tuple[Control, JsonDict]] = []
        of_tasks = False

        def check(value: Any) -> list[Any]:
            nonlocal of_tasks
            if not isinstance(value, dict) or "tasks" not in value:
                return one_record(value)
            of_tasks = True
            control = self._control(value.get("label_config"))
            tasks = self._predictions.several_records(value["tasks"])
            asked.extend((control, task) for task in tasks)
            return [self._record(control, task) for task in tasks]

        outcomes = await self._predictions.outcomes(request, check)
        if not of_tasks:
            return self._predictions.answer_one(*outcomes[0])
        outputs = [self._predictions.output(*each) for each in outcomes]
        results = [
            self._prediction(control, output) for (control, _), output in zip(asked, outputs)
        ]
        return StrictJSONResponse({"results": results, "model_version": self.version})

    def _control(self, schema: Any) -> Control:
        return find_control(schema, self._task.CONTROLS, list(self._predictor.labels))

    def _record(self, control: Control, task: Any) -> Any:
        """Makes a record of a task's data: keys of ours as they are, the text that is labelled."""
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict):
            return data
        record = {key: data[key] for key in self._predictor.input_keys if key in data}
        if control.key in data:
            record[self._task.TEXT_KEY] = data[control.key]
        missing = [key for key in self._predictor.example if key not in record]
        others = [data[key] for key in control.others if key in data]
        return {**record, **dict(zip(missing, others))}

    def _prediction(self, control: Control, output: JsonDict) -> JsonDict:
        if "error" in output:
            logger.warning("A task of Label Studio has no prediction: %s", output["error"])
            return {"result": [], "score": 0.0, "model_version": self.version}
        found = [
            _region(control, value, number)
            for number, value in enumerate(self._task.values(output, control))
        ]
        result = [region for region in found if region is not None]
        return {
            "result": result,
            "score": self._task.score(output),
            "model_version": self.version,
        }


def add_label_studio(app: FastAPI, predictor: Predictor, predictions: Predictions) -> None:
    """Adds the routes that Label Studio asks; they stand before those of the same paths."""
    backend = LabelStudio(predictor, predictions)
    app.get("/health", summary="The server is alive.")(backend.health)
    app.post("/setup", responses=REFUSALS, summary="A project of Label Studio.")(backend.setup)
    app.post("/predict", responses=REFUSALS, summary="Tasks of Label Studio, or a record.")(
        backend.predict
    )

    @app.post("/webhook", summary="What happened in Label Studio; nothing follows from it.")
    async def webhook() -> StrictJSONResponse:
        return StrictJSONResponse({"status": "ignored"})


def find_form(predictor: Predictor) -> Any:
    """Finds how a task answers Label Studio: `label_studio.py` beside its predictor."""
    name = f"{type(predictor).__module__.rpartition('.')[0]}.label_studio"
    if not isinstance(predictor, BertPredictor) or importlib.util.find_spec(name) is None:
        raise ConfigurationError(
            f"`--label-studio`: {type(predictor).__name__} has no predictions that Label Studio "
            "shows; it takes models of classification, token classification and question "
            "answering."
        )
    return importlib.import_module(name)


def version_of(predictor: Predictor) -> str:
    """Names the model by its task and by its last weights."""
    model: Any = predictor._model
    last = list(model.state_dict().values())[-2:]
    data = b"".join(each.cpu().contiguous().numpy().tobytes() for each in last)
    return f"{model.default_predictor}-{hashlib.blake2b(data, digest_size=4).hexdigest()}"


def find_control(schema: Any, kinds: tuple[str, ...], labels: list[str]) -> Control:
    """
    Finds the first control tag, in a labelling interface, that predictions can fill.

    # Raises

    `HTTPException` (422) where there is none, or where its labels are none of the model's.
    """
    if not isinstance(schema, str) or "<!" in schema.replace("<!--", ""):
        raise HTTPException(
            422,
            f"expected a labelling interface in XML, `<View>...</View>`, got {describe(schema)}.",
        )
    try:
        root = ElementTree.fromstring(schema)
    except ElementTree.ParseError as error:
        raise HTTPException(422, f"the labelling interface is not valid XML ({error}).") from None
    texts = {
        each.get("name"): each.get("value", "").removeprefix("$")
        for each in root.iter()
        if each.tag in ("Text", "HyperText", "Paragraphs")
    }
    for each in root.iter():
        if each.tag in kinds and each.get("toName") in texts:
            names = [
                str(child.get("alias") or child.get("value"))
                for child in each.iter()
                if child.tag in ("Choice", "Label")
            ]
            key = texts[each.get("toName")]
            others = [other for other in texts.values() if other != key]
            found = Control(
                str(each.get("name")),
                str(each.get("toName")),
                each.tag,
                {name.lower(): name for name in names},
                key,
                others,
            )
            check_names(found, labels)
            return found
    raise HTTPException(
        422,
        f"the labelling interface has no {' or '.join(kinds)} for a Text; a model of this task "
        "fills nothing else.",
    )


def check_names(control: Control, labels: list[str]) -> None:
    """Raises `HTTPException` (422) where the model gives no label that the interface has."""
    if not labels or not control.names:
        return
    missing = [label for label in labels if label.lower() not in control.names]
    if len(missing) == len(labels):
        raise HTTPException(
            422,
            f"`{control.name}` has the labels {', '.join(control.names.values())}, and the model "
            f"gives {', '.join(labels)}; expected the same ones.",
        )
    if missing:
        logger.warning(
            "the labelling interface has no %s; predictions of it are left out.",
            ", ".join(missing),
        )


def _region(control: Control, value: JsonDict, number: int) -> Optional[JsonDict]:
    """Makes a region of a value; `None` where the interface has not its label."""
    value = dict(value)
    score = value.pop("score", None)
    for key in {"choices", "labels"} & value.keys():
        value[key] = [
            control.names[name.lower()] for name in value[key] if name.lower() in control.names
        ]
        if not value[key]:
            return None
    kind = control.kind.lower()
    region: JsonDict = {"id": f"r{number}", "from_name": control.name, "to_name": control.to_name}
    region |= {"type": kind, "value": value}
    return region if score is None else {**region, "score": score}
