"""Records of arrays as bytes and back, without pickle, and the digest of what such a record holds.

A value is a tree: tuples, lists, mappings, named tuples and dataclasses of argen, with arrays, numbers, texts and None
as leaves. The tree is JSON that names the arrays by their position.
"""

import hashlib
import importlib
import io
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

__all__ = ["decoded", "digest_of", "encoded"]

_PLAIN = (bool, int, str, type(None))
_TREE = "tree"


def encoded(value: Any) -> bytes:
    """The bytes of a value: an archive of arrays, of which one is the text of the tree."""
    arrays: list[np.ndarray] = []
    tree = json.dumps(_tree(value, arrays))
    out = io.BytesIO()
    named = {f"a{i}": array for i, array in enumerate(arrays)}
    np.savez(out, allow_pickle=False, **{_TREE: np.frombuffer(tree.encode(), dtype=np.uint8)}, **named)
    return out.getvalue()


def decoded(content: bytes) -> Any:
    """The value of such bytes, types included."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = [archive[f"a{i}"] for i in range(len(archive.files) - 1)]
        return _value(json.loads(archive[_TREE].tobytes()), arrays)


def digest_of(value: Any) -> str:
    """Digest of the content of a value, 64 hexadecimal digits; where it lies in memory or on disk does not count.

    An object with counts in files has a method ``content_digest()``, whose text stands for it; one that is derived from
    others ``made_from()``, which returns these.
    """
    arrays: list[np.ndarray] = []
    digest = hashlib.sha256(json.dumps(_tree(value, arrays)).encode())
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(memoryview(np.ascontiguousarray(array).reshape(-1)).cast("B") if array.size else b"")
    return digest.hexdigest()


def _tree(value: Any, arrays: list[np.ndarray]) -> list:
    if type(value) in _PLAIN:
        return ["plain", value]
    if type(value) is float:
        return ["float", value.hex()]
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.hasobject:
            msg = f"arrays of objects cannot be kept: {value!r}"
            raise TypeError(msg)
        arrays.append(np.asarray(value))
        return ["array" if isinstance(value, np.ndarray) else "scalar", len(arrays) - 1]
    if callable(getattr(value, "content_digest", None)):
        return ["digest", value.content_digest()]
    if callable(getattr(value, "made_from", None)):
        return ["derived", type(value).__qualname__, _tree(value.made_from(), arrays)]
    if isinstance(value, np.random.SeedSequence):
        return ["seed", _tree([value.entropy, list(value.spawn_key), value.pool_size], arrays)]
    if isinstance(value, Mapping):
        return ["mapping", [[str(name), _tree(value[name], arrays)] for name in sorted(value)]]
    if type(value) in (tuple, list):
        return [type(value).__name__, [_tree(part, arrays) for part in value]]
    if names := _names_of(type(value)):
        parts = [[name, _tree(getattr(value, name), arrays)] for name in names]
        return ["record", type(value).__module__, type(value).__qualname__, parts]
    msg = f"{type(value).__module__}.{type(value).__qualname__} is no record of arrays and numbers"
    raise TypeError(msg)


def _value(tree: list, arrays: list[np.ndarray]) -> Any:
    kind, *rest = tree
    if kind == "plain":
        return rest[0]
    if kind == "float":
        return float.fromhex(rest[0])
    if kind == "array":
        return arrays[rest[0]]
    if kind == "scalar":
        return arrays[rest[0]][()]
    if kind in ("tuple", "list"):
        parts = [_value(part, arrays) for part in rest[0]]
        return tuple(parts) if kind == "tuple" else parts
    if kind == "mapping":
        return {name: _value(part, arrays) for name, part in rest[0]}
    if kind == "record":
        return _record_type(*rest[:2])(**{name: _value(part, arrays) for name, part in rest[2]})
    msg = f"a {kind} cannot be read back"
    raise ValueError(msg)


def _names_of(cls: type) -> tuple[str, ...]:
    """Fields of a dataclass or named tuple of argen; nothing for other types."""
    if cls.__module__.partition(".")[0] != "argen":
        return ()
    return tuple(field.name for field in fields(cls)) if is_dataclass(cls) else getattr(cls, "_fields", ())


def _record_type(module: str, name: str) -> type:
    # Only records of argen are made: a file cannot call anything else.
    found = getattr(importlib.import_module(module), name, None) if module.partition(".")[0] == "argen" else None
    if not isinstance(found, type) or not _names_of(found):
        msg = f"{module}.{name} is no record of argen"
        raise ValueError(msg)
    return found
