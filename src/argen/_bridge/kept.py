"""What was read from an object, kept for the next step as long as the object is the same.

Within one call of a user nothing changes the object, and what was read is taken as it is. Between calls it is taken if
a checksum of what it was read from has stayed the same; it goes when the object goes.
"""

import weakref
from collections.abc import Callable, Hashable
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["keep", "one_reading"]

Value = TypeVar("Value")

# By object and key: the object, the checksum and what was read.
_kept: dict[tuple[int, Hashable], tuple[weakref.ref, Hashable, Any]] = {}
# What has been compared in the call of the user; None outside of one.
_seen: ContextVar[set[tuple[int, Hashable]] | None] = ContextVar("argen_seen", default=None)


class one_reading:
    """A call of a user with all that it calls: an object is compared once."""

    def __enter__(self) -> None:
        self._token = _seen.set(set()) if _seen.get() is None else None

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _seen.reset(self._token)


def keep(
    owner: object,
    key: Hashable,
    checksum: Callable[[], Hashable],
    read: Callable[[], Value],
    is_good: Callable[[Value], bool] = lambda _: True,
) -> Value:
    """What `read` gives, or gave before for the same `owner`, `key` and `checksum`, if that `is_good` still."""
    place, seen = (id(owner), key), _seen.get()
    found = _kept.get(place)
    if found is not None and (found[0]() is not owner or not is_good(found[2])):
        found = None
    if found is not None and seen is not None and place in seen:
        return found[2]
    now = checksum()
    if found is None or found[1] != now:
        found = (weakref.ref(owner, lambda _, place=place: _forget(place)), now, read())
        _kept[place] = found
    if seen is not None:
        seen.add(place)
    return found[2]


def _forget(place: tuple[int, Hashable]) -> None:
    """Drop what an object that is gone was read to."""
    found = _kept.get(place)
    if found is not None and found[0]() is None:
        _kept.pop(place, None)
