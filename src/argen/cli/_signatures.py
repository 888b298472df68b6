"""Arguments of public functions, read from their source: importing them takes seconds, and a help text should not."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["DAG", "GUIDES", "SENSITIVITY", "STEP", "Argument", "arguments_of"]

# Modules of argen_guides, argen_descendants, argen_dag and argen_sensitivity.
GUIDES, STEP, DAG, SENSITIVITY = "pp/_guides.py", "tl/_descendants.py", "tl/_dag.py", "tl/_sensitivity.py"


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument: its default, what a ``Literal`` allows, the type of one value and whether it takes several."""

    default: object
    choices: tuple[object, ...]
    type: type
    several: bool


@cache
def arguments_of(module: str) -> dict[str, Argument]:
    """Those by name only of the one function of a module of argen."""
    tree = ast.parse((Path(__file__).parents[1] / module).read_text(encoding="utf-8"))
    public = ast.literal_eval(next(n for n in tree.body if isinstance(n, ast.Assign)).value)
    (function,) = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in public]
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    return {argument.arg: _read(argument.annotation, default) for argument, default in pairs}


def _read(annotation: ast.expr, default: ast.expr) -> Argument:
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    kind = next((kind for kind in (int, float) if kind.__name__ in names), str)
    several = not names.isdisjoint({"Sequence", "Iterable"})
    value, choices = ast.literal_eval(default), tuple(_choices(annotation))
    # None is a choice of its own where it is not what happens anyway.
    takes_none = any(isinstance(node, ast.Constant) and node.value is None for node in ast.walk(annotation))
    if choices and takes_none and value is not None:
        choices = (*choices, None)
    return Argument(value, choices, kind, several)


def _choices(annotation: ast.expr) -> Iterator[object]:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            yield from ast.literal_eval(node.slice)
