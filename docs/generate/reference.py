"""The pages of the reference: each registered name of ours, with the keys of a config."""

import inspect
import json
import re
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import _jsonnet
from allennlp.commands.subcommand import Subcommand
from allennlp.common import Registrable

from bert_classification.data.from_scratch import BertFromScratch
from bert_classification.evaluation.task_lines import TaskLines
from docs.generate.parameters import GIVEN, Key, keys_of

ROOT = Path(__file__).parent.parent.parent
TASKS = sorted(path.parent.name for path in ROOT.glob("bert_classification/*/dataset_reader.py"))
IN_CONFIGS = {"DatasetReader": "dataset_reader", "Model": "model", "Predictor": "predictor"}
NOT_IN_CONFIGS = GIVEN | {
    "serialization_dir",
    "manual_distributed_sharding",
    "manual_multiprocess_sharding",
    "data_loader",
    "validation_data_loader",
    "reader",
    "data_path",
    "local_rank",
    "world_size",
    "distributed",
    "ddp_wrapped_model",
}
"""What AllenNLP, or our constructor, fills in."""

EXAMPLES = {
    "bert-basic": {"tokenizer": {"type": "bert-basic"}},
    "bert-pretrained": {
        "token_indexers": {
            "bert": {"type": "bert-pretrained", "pretrained_model": "bert-base-uncased"}
        }
    },
    "token_budget": {
        "data_loader": {"batch_sampler": {"type": "token_budget", "token_budget": 2048}}
    },
    "multiprocess": {"data_loader": {"batch_size": 32, "shuffle": True, "num_workers": 2}},
    "bfloat16": {
        "trainer": {"type": "bfloat16", "num_epochs": 3, "optimizer": "huggingface_adamw"}
    },
    "bert_nearest_examples": {
        "trainer": {"callbacks": [{"type": "bert_nearest_examples", "max_examples": 1000}]}
    },
}
"""How a config names what is of no task."""


class Registered(NamedTuple):
    """
    registry : `str`
        The name of AllenNLP's class.
    name : `str`
    kind : `type`
        Ours.
    constructor : `Any`
        What AllenNLP calls; `None` for the class itself.
    """

    registry: str
    name: str
    kind: Any
    constructor: Any

    @property
    def task(self) -> str:
        """Gives the task's folder; empty for what is of no task."""
        room = self.kind.__module__.split(".")[1]
        return room if room in TASKS else ""


def registered() -> list[Registered]:
    """Gives all that a config can name of ours, commands left out."""
    return [
        Registered(registry.__name__, name, kind, getattr(kind, constructor or "", None))
        for registry, names in Registrable._registry.items()
        for name, (kind, constructor) in names.items()
        if kind.__module__.startswith("bert_classification.")
        and registry not in (Subcommand, TaskLines)
    ]


def _base_of(each: Registered) -> Any:
    """Gives what has a name of its own in the same registry, and all keys of the class."""
    bases = [other for other in registered() if other.registry == each.registry]
    return next((other for other in bases if other.kind in each.kind.__mro__[1:]), None)


def _indented(text: str) -> str:
    return re.sub(r"^(?=.)", "    ", text, flags=re.MULTILINE)


def _without_links(text: str) -> str:
    """Takes out links to sections of AllenNLP's documentation, which are none of this site."""
    text = re.sub(r"\[([^\]]+)\](\((?!https?:)[^)]*\)|\[\d+\])", r"\1", text)
    return re.sub(r"^\[\d+\]: .*$", "", text, flags=re.MULTILINE)


def _default(key: Key) -> str:
    if key.default is None:
        return "required"
    return f"default `{key.default}`" if key.default not in ("", "null") else "optional"


def _entry(key: Key) -> str:
    type_ = f"`{key.type}`, " if key.type else ""
    words = _without_links(key.description) or "Not described by AllenNLP."
    term = f"`{key.name}` <span class=type markdown>{type_}{_default(key)}</span>"
    return f"{term}\n:{_indented(words)[1:]}\n"


def _summary(kind: Any) -> str:
    """Gives a docstring up to its sections."""
    return _without_links(re.split(r"^# ", inspect.getdoc(kind) or "", flags=re.MULTILINE)[0])


def _keys(keys: list[Key]) -> Iterator[str]:
    written = [key for key in keys if key.name not in NOT_IN_CONFIGS]
    if written:
        yield from (_entry(key) for key in written)
    else:
        yield "It has no keys.\n"
    given = [f"`{key.name}`" for key in keys if key.name in NOT_IN_CONFIGS]
    if given:
        yield f"Filled in, and not written in a config: {', '.join(given)}.\n"


def _section(title: str, each: Registered) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"Class `{each.kind.__module__}.{each.kind.__name__}`.\n"
    yield _summary(each.kind)
    if not each.task and each.name in EXAMPLES:
        yield f"```json\n{json.dumps(EXAMPLES[each.name], indent=2)}\n```\n"
    keys, base = keys_of(each.kind, each.constructor), _base_of(each)
    if base:
        yield f"All keys of [`{base.name}`](#{_anchor(base)}), and of its own:\n"
        theirs = {key.name: key for key in keys_of(base.kind, base.constructor)}
        keys = [key for key in keys if theirs.get(key.name) != key]
    yield from _keys(keys)


def _anchor(each: Registered) -> str:
    return f"{each.registry}-{each.name}".lower()


def _task_page(task: str, ours: list[Registered]) -> str:
    config = ROOT / "training_config" / f"{task}.jsonnet"
    lines = [
        f"# Keys: {task}\n",
        f"What a config of the task `{task}` may say of its reader, model and predictor.\n",
    ]
    for each in ours:
        title = f"`{IN_CONFIGS[each.registry]}`: `{each.name}` {{ #{_anchor(each)} }}"
        lines += _section(title, each)
    evaluated = json.loads(_jsonnet.evaluate_file(str(config)))
    lines += [
        "## A whole config\n",
        f"`training_config/{task}.jsonnet` comes to this:\n",
        f"```json\n{json.dumps(evaluated, indent=2)}\n```\n",
    ]
    return "\n".join(lines)


def _shared_page(ours: list[Registered]) -> str:
    lines = [
        "# Keys: all tasks\n",
        "What a config of any task may name: the token indexer, batches, the trainer.\n",
    ]
    for each in ours:
        lines += _section(f"{each.registry}: `{each.name}` {{ #{_anchor(each)} }}", each)
    lines += [
        "## `from_scratch` of the token indexer { #from_scratch }\n",
        _summary(BertFromScratch),
    ]
    return "\n".join([*lines, *_keys(keys_of(BertFromScratch))])


def _members(module: str, *names: str) -> str:
    listed = f"      members: [{', '.join(names)}]\n" if names else "      members: false\n"
    return f"::: {module}\n    options:\n{listed}"


def _python_page(ours: list[Registered]) -> str:
    lines = [
        "# From Python\n",
        "What may be called from Python: predictors, models, the encoder.\n",
        "## Predictors\n",
        "`Predictor.from_path(archive)` gives the predictor of the archive's task.\n",
        _members(
            "bert_classification.predictor.BertPredictor",
            *("predict_json", "predict_batch_json", "predict_instance", "predict_batch_instance"),
            *("labels", "instances_or_errors", "outputs_or_errors"),
        ),
        "## Models\n",
    ]
    models = [each.kind for each in ours if each.registry == "Model"]
    names = ("forward", "make_output_human_readable", "get_metrics")
    lines += [_members(f"{each.__module__}.{each.__name__}", *names) for each in models]
    lines += ["## Dataset readers\n", _members("bert_classification.reader.BertReader", "parse")]
    lines += ["## The encoder\n"]
    encoder = ("encode", "encode_field", "Encoded", "TextInput")
    lines += [_members(f"bert_classification.bert.encoder.{each}") for each in encoder]
    return "\n".join(lines)


def _index_page() -> str:
    tasks = "\n".join(f"- [{task}]({task}.md)" for task in TASKS)
    return f"""# Reference

What a config may say, made of the code: every key with its type, its default and its meaning.

- [Keys of all tasks](shared.md): token indexer, batches, trainer
{tasks}

And [what may be called from Python](python.md).
"""


def pages() -> Iterator[tuple[str, str]]:
    """Yields the path below `docs/` and the Markdown of each page."""
    order = [*IN_CONFIGS, "TokenIndexer", "Tokenizer", "BatchSampler", "DataLoader", "Trainer"]
    ours = sorted(registered(), key=lambda each: (*order, each.registry).index(each.registry))
    for task in TASKS:
        yield f"reference/{task}.md", _task_page(task, [each for each in ours if each.task == task])
    yield "reference/index.md", _index_page()
    yield "reference/shared.md", _shared_page([each for each in ours if not each.task])
    yield "reference/python.md", _python_page(ours)
