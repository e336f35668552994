"""
The floor plan: which room may import which, who may change AllenNLP, and that what one writes in a
config is documented.
"""

import ast
import re
from pathlib import Path
from typing import Iterator

import pytest

from tests.support import PACKAGE, TASKS

# The lowest first; rooms of one floor do not know each other.
FLOORS = [
    ["archives"],
    ["bert"],
    ["data"],
    ["objectives", "training", "reader"],
    ["predictor"],
    ["interpret"],
    ["evaluation"],
    [*TASKS, "serving"],
    ["commands"],
    ["replacements"],
    ["__init__"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
SOURCES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in SOURCES]


def room_of(path: Path) -> str:
    """Gives the folder of a module, or its own name where it stands at the top."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_modules(source: str, package: str) -> Iterator[str]:
    """Yields the full names of what a module of a package imports, wherever in it that stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - node.level]
            module = ".".join([*parents, *filter(None, [node.module])]) if node.level else ""
            yield from (f"{module or node.module}.{alias.name}" for alias in node.names)


def imported_rooms(source: str, package: str) -> set[str]:
    names = [name.split(".") for name in imported_modules(source, package)]
    inner = [name[1:] for name in names if name[0] == "bert_classification"]
    return {name[0] if name and name[0] in FLOOR_OF else "__init__" for name in inner}


def forbidden_rooms(source: str, room: str) -> set[str]:
    """Gives the rooms that a module imports and that do not lie below it."""
    package = "bert_classification" if (PACKAGE / f"{room}.py").exists() else ""
    rooms = imported_rooms(source, package or f"bert_classification.{room}")
    return {other for other in rooms - {room} if FLOOR_OF[other] >= FLOOR_OF[room]}


class TestRooms:
    def test_each_has_its_floor(self) -> None:
        assert {room_of(path) for path in SOURCES} == set(FLOOR_OF)

    @pytest.mark.parametrize("path", SOURCES, ids=IDS)
    def test_imports_go_down(self, path) -> None:
        assert forbidden_rooms(path.read_text(encoding="utf-8"), room_of(path)) == set()

    @pytest.mark.parametrize(
        "room, line, found",
        [
            ("archives", "from bert_classification.bert.encoder import encode", {"bert"}),
            ("archives", "def f():\n    import bert_classification.data.files", {"data"}),
            ("data", "from bert_classification import reader", {"reader"}),
            ("data", "from ..predictor import BertPredictor", {"predictor"}),
            ("data", "from . import files", set()),
            ("reader", "from .predictor import BertPredictor", {"predictor"}),
            ("reader", "from .data import files", set()),
            ("causal_lm", "from bert_classification.masked_lm import model", {"masked_lm"}),
            ("causal_lm", "from bert_classification.serving import app", {"serving"}),
            ("serving", "from bert_classification.causal_lm import model", {"causal_lm"}),
            ("commands", "from bert_classification import BertForCausalLM", {"__init__"}),
            ("commands", "import bert_classification", {"__init__"}),
            ("commands", "from bert_classification.serving.app import make_app", set()),
        ],
    )
    def test_a_forbidden_import_is_found(self, room, line, found) -> None:
        assert forbidden_rooms(line, room) == found

    def test_the_package_opens_on_one_page(self) -> None:
        entries = [path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"]
        assert len(entries) - max(0, len(TASKS) - 8) <= 22, sorted(entries)


def root_of(node: ast.AST) -> str:
    """Gives the name with which an expression of attributes and items begins."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def names_of_allennlp(tree: ast.AST) -> set[str]:
    """Gives the names that stand for something of AllenNLP, by an import or another such name."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias for alias in node.names if alias.name.startswith("allennlp")]
            names |= {alias.asname or alias.name.split(".")[0] for alias in found}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("allennlp"):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign) and root_of(node.value) in names:
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names - {"allennlp_compat"}


def targets_of(node: ast.AST) -> list[ast.AST]:
    """Gives the attributes and items that a statement or call sets or deletes."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        return [node.value]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.args[:1] if node.func.id in ("setattr", "delattr") else []
    return []


def replaces_a_name(node: ast.AST) -> bool:
    """Tells whether a call registers something under a name that another may have."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "register"
        and any(
            keyword.arg == "exist_ok" and ast.unparse(keyword.value) != "False"
            for keyword in node.keywords
        )
    )


def changes_to_allennlp(source: str) -> list[str]:
    """Gives the lines in which a module puts something of its own in the place of AllenNLP's."""
    tree = ast.parse(source)
    names = names_of_allennlp(tree)
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if replaces_a_name(node) or any(root_of(target) in names for target in targets_of(node))
    ]


class TestReplacements:
    @pytest.mark.parametrize("path", SOURCES, ids=IDS)
    def test_stand_on_one_page(self, path) -> None:
        if path != PACKAGE / "replacements.py":
            assert changes_to_allennlp(path.read_text(encoding="utf-8")) == []

    def test_that_page_is_found(self) -> None:
        source = (PACKAGE / "replacements.py").read_text(encoding="utf-8")
        assert changes_to_allennlp(source) != []

    @pytest.mark.parametrize(
        "line",
        [
            "from allennlp.commands import train\ntrain.train_model = print",
            "from allennlp.models import Model as Theirs\nTheirs.from_archive = classmethod(print)",
            "import allennlp.models.archival\nallennlp.models.archival.load_archive = print",
            "import allennlp.models.archival as archival\ndef f():\n    archival.x, y = 1, 2",
            "from allennlp.models import archival\nsetattr(archival, 'load_archive', print)",
            "from allennlp.commands import train\ndel train.train_model",
            "from allennlp.common import Registrable\nRegistrable._registry[int]['a'] = 1, None",
            "from allennlp import commands\ntheirs = commands.train\ntheirs.train_model = print",
            "from allennlp_models.rc import BidafReader\nBidafReader.read += 1",
            "from allennlp.data import DataLoader\n"
            "@DataLoader.register('multiprocess', exist_ok=True)\nclass Ours(DataLoader): pass",
        ],
    )
    def test_a_change_elsewhere_is_found(self, line) -> None:
        assert len(changes_to_allennlp(line)) == 1

    def test_what_is_no_change(self) -> None:
        source = (
            "from allennlp.models import Model\nfrom allennlp.data import DataLoader\n"
            "class Ours(Model):\n    limit = 3\n    def f(self):\n        self.x = Model.y\n"
            "@DataLoader.register('ours')\nclass Loader(DataLoader): pass\nOurs.limit = 4"
        )
        assert changes_to_allennlp(source) == []


@pytest.mark.parametrize("task", TASKS)
def test_a_page_imports_what_all_pages_share(task) -> None:
    script = (PACKAGE / task / "page.js").read_text(encoding="utf-8")
    imported = re.findall(r'from "([^"]*)"', script)
    shared = PACKAGE / "serving" / "static"
    assert imported and all((shared / "tasks" / name).resolve().is_file() for name in imported)
