"""
Looks up what AllenNLP and allennlp-models name of other libraries, and how they call it, in what is
installed, and lists what is gone: imports, attributes of modules and classes, keywords.

    python -m tests.allennlp_own.removals [PACKAGE ...]

The class of an instance is known where it is made or annotated in the same file, and not elsewhere.
"""

import ast
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator

PACKAGES = ("allennlp", "allennlp_models")
LIBRARIES = {
    *("torch", "transformers", "tokenizers", "huggingface_hub", "numpy", "scipy", "sklearn"),
    *("spacy", "nltk", "h5py", "lmdb", "cached_path", "filelock", "dill", "more_itertools"),
    *("tensorboardX", "termcolor", "tqdm", "base58", "requests", "matplotlib"),
}
EXTRAS = {"checklist"}
"""What AllenNLP itself does without where it is not installed."""
UNKNOWN = object()


def main() -> None:
    importlib.import_module("allennlp.commands")
    found = 0
    for package in sys.argv[1:] or PACKAGES:
        for name, path in modules_of(package):
            for line, problem in problems_of(name, path):
                print(f"{name}:{line}: {problem}")
                found += 1
    print(f"{found} found")
    sys.exit(1 if found else 0)


def modules_of(package: str) -> Iterator[tuple[str, Path]]:
    spec = importlib.util.find_spec(package)
    root = Path(spec.origin).parent if spec and spec.origin else Path()
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join([package, *(part for part in parts if part != "__init__")]), path


def problems_of(name: str, path: Path) -> Iterator[tuple[int, str]]:
    try:
        module = importlib.import_module(name)
    except Exception as error:
        if getattr(error, "name", None) in EXTRAS:
            return
        yield 0, f"cannot be imported: {type(error).__name__}: {error}"
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from problems_of_import(node, module, names)
    yield from problems_of_uses(tree, names)
    yield from problems_of_instances(tree, names)
    yield from problems_of_classes(tree, module)


def problems_of_import(
    node: ast.Import | ast.ImportFrom, module: ModuleType, names: dict[str, Any]
) -> Iterator[tuple[int, str]]:
    """Fills in what the names stand for: in the module, as repaired, or in the library."""
    for alias in node.names:
        source = alias.name if isinstance(node, ast.Import) else node.module or ""
        if source.partition(".")[0] not in LIBRARIES:
            continue
        bound = alias.asname or alias.name.partition(".")[0]
        value = vars(module).get(bound, UNKNOWN)
        names[bound] = value if value is not UNKNOWN else import_name(node, alias)
        if names[bound] is UNKNOWN:
            yield node.lineno, f"{source} has no {alias.name}"


def import_name(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> Any:
    try:
        if isinstance(node, ast.ImportFrom):
            return getattr(importlib.import_module(node.module or ""), alias.name)
        importlib.import_module(alias.name)
        return sys.modules[alias.name if alias.asname else alias.name.partition(".")[0]]
    except (ImportError, AttributeError):
        return UNKNOWN


def problems_of_uses(tree: ast.Module, names: dict[str, Any]) -> Iterator[tuple[int, str]]:
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            missing = missing_attribute(node, names)
            if missing:
                yield node.lineno, f"{missing} is gone"
        elif isinstance(node, ast.Call):
            problem = problem_of_call(node, resolve(node.func, names))
            if problem:
                yield node.lineno, f"{ast.unparse(node.func)}(): {problem}"


def resolve(node: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.Attribute):
        owner = resolve(node.value, names)
        return UNKNOWN if owner is UNKNOWN else look_up(owner, node.attr)
    return UNKNOWN


def look_up(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name, UNKNOWN)
    except ModuleNotFoundError:
        # A stand-in, which says so itself.
        return UNKNOWN


def missing_attribute(node: ast.expr, names: dict[str, Any]) -> str | None:
    """Gives the first part of a chain of attributes that is not there."""
    if not isinstance(node, ast.Attribute):
        return None
    missing = missing_attribute(node.value, names)
    owner = resolve(node.value, names)
    if missing or owner is UNKNOWN or look_up(owner, node.attr) is not UNKNOWN:
        return missing
    return ast.unparse(node) if "_stand_in" not in vars(type(owner)) | vars(owner) else None


def problems_of_instances(tree: ast.Module, names: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Looks at methods of what was made of a class, or annotated with one, under its name."""
    classes = dict(classes_of_names(tree, names))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = classes.get(ast.unparse(node.func.value), UNKNOWN)
            method = UNKNOWN if owner is UNKNOWN else look_up(owner, node.func.attr)
            if owner is not UNKNOWN and method is UNKNOWN:
                yield node.lineno, f"{owner.__name__}.{node.func.attr} is gone"
            elif inspect.isfunction(method):
                problem = problem_of_call(node, method, owner)
                if problem:
                    yield node.lineno, f"{owner.__name__}.{node.func.attr}(): {problem}"


def classes_of_names(tree: ast.Module, names: dict[str, Any]) -> Iterator[tuple[str, type]]:
    """Gives the names that stand for instances of one class wherever they are in the file."""
    values: dict[str, list[Any]] = {}
    for node in ast.walk(tree):
        for target in targets_of(node):
            name = target.arg if isinstance(target, ast.arg) else ast.unparse(target)
            values.setdefault(name, []).append(made_by(node, names))
    for name, made in values.items():
        owner = made[0]
        if isinstance(owner, type) and all(each is owner for each in made):
            if "_stand_in" not in vars(owner) and not owner.__name__.startswith("Auto"):
                yield name, owner


def targets_of(node: Any) -> list[ast.AST]:
    """Gives what a node gives a value to, or takes for something else."""
    if isinstance(node, ast.Assign):
        return [*node.targets]
    if isinstance(node, ast.arg):
        return [node]
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
        return node.args[:1]
    return [node.target] if hasattr(node, "target") else []


def made_by(node: ast.AST, names: dict[str, Any]) -> Any:
    if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
        return resolve(node.annotation, names)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        function = node.value.func
        if isinstance(function, ast.Attribute) and function.attr == "from_pretrained":
            function = function.value
        return resolve(function, names)
    return UNKNOWN


def problem_of_call(node: ast.Call, function: Any, *first: Any) -> str | None:
    if function is UNKNOWN or not callable(function):
        return None
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return None
    starred = any(isinstance(argument, ast.Starred) for argument in node.args)
    keywords = {keyword.arg: None for keyword in node.keywords if keyword.arg}
    partial = starred or len(keywords) < len(node.keywords)
    positional = [] if starred else [*first, *node.args]
    try:
        (signature.bind_partial if partial else signature.bind)(*positional, **keywords)
    except TypeError as error:
        return str(error)
    return None


def problems_of_classes(tree: ast.Module, module: ModuleType) -> Iterator[tuple[int, str]]:
    """Looks at `super().method(...)` where the method is one of a library's class."""
    for definition in tree.body:
        owner = vars(module).get(getattr(definition, "name", ""))
        if not isinstance(definition, ast.ClassDef) or not isinstance(owner, type):
            continue
        for node in ast.walk(definition):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("super()."):
                method = getattr(node.func, "attr", "")
                function = getattr(super(owner, owner), method, UNKNOWN)
                home = str(getattr(function, "__module__", "")).partition(".")[0]
                problem = problem_of_call(node, function, owner) if home in LIBRARIES else None
                if problem:
                    yield node.lineno, f"super().{method}() of {owner.__name__}: {problem}"


if __name__ == "__main__":
    main()
