"""Stubs of the functions with `copy`, which decides what they return: ``python tests/stubs.py`` writes them anew
(then ``ruff check --fix --select I src; ruff format src`` gives them their form).

Overloads are in stubs, since in the modules they would take the place of the one signature in the documentation.
"""

import ast
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "argen"
RETURNS = {"False": "None", "True": "{data}", "bool": "{data} | None"}


def modules_with_copy():
    """Modules of their own from which `pp`, `tl` and `baselines` import their functions."""
    for package in ("pp", "tl", "baselines"):
        for node in ast.parse((SOURCE / package / "__init__.py").read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.level:
                yield SOURCE.joinpath(package, *node.module.split(".")).with_suffix(".py")


def public_functions(tree):
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if not function.name.startswith("_") and "copy" in names_of(function)]


def names_of(function):
    return [argument.arg for argument in [*function.args.args, *function.args.kwonlyargs]]


def stub_of(path):
    """Text of the stub of a module: imports that its signatures need, and three overloads per function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    overloads = [overload for function in public_functions(tree) for overload in overloads_of(function)]
    is_generic = any("_Data" in text for text in overloads)
    variable = ['_Data = TypeVar("_Data", AnnData, MuData)'] if is_generic else []
    body = "\n".join([*variable, *overloads])
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    return "\n".join([*imports_of(tree, used), "", body, ""])


def imports_of(tree, used):
    wanted = {("typing", name) for name in used & {"Literal", "TypeVar", "Unpack", "overload", "Any"}}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module != "typing":
            wanted |= {(node.module, alias.name) for alias in node.names if alias.name in used}
        elif isinstance(node, ast.Import):
            wanted |= {("", ast.unparse(alias)) for alias in node.names if (alias.asname or alias.name) in used}
    for module, name in sorted(wanted):
        yield f"from {module} import {name}" if module else f"import {name}"


def overloads_of(function):
    """Signatures for `copy` as False, True and unknown; annotations that were texts are plain here."""
    arguments = function.args
    data = ast.unparse(plain(arguments.args[0].annotation))
    if "|" in data:
        arguments.args[0].annotation, data = ast.Name("_Data"), "_Data"
    for argument in [*arguments.args, *arguments.kwonlyargs]:
        argument.annotation = plain(argument.annotation)
    arguments.kw_defaults = [shown(default) for default in arguments.kw_defaults]
    position = names_of(function).index("copy") - len(arguments.args)
    for copy, returned in RETURNS.items():
        arguments.kwonlyargs[position].annotation = ast.parse(
            copy if copy == "bool" else f"Literal[{copy}]", mode="eval"
        ).body
        arguments.kw_defaults[position] = ast.Constant(value=False) if copy == "False" else None
        head = f"def {function.name}({ast.unparse(arguments)}) -> {returned.format(data=data)}: ..."
        yield f"@overload\n{head}"


def plain(annotation):
    is_text = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    return ast.parse(annotation.value, mode="eval").body if is_text else annotation


def shown(default):
    """Defaults that are literals; others as an ellipsis."""
    return default if default is None or isinstance(default, ast.Constant) else ast.Constant(value=...)


if __name__ == "__main__":
    for path in modules_with_copy():
        path.with_suffix(".pyi").write_text(stub_of(path), encoding="utf-8")
