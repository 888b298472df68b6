"""The log: scanpy's where scanpy is loaded, else lines of the same form, without the seconds that its import takes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

__all__ = ["info", "is_shown", "shown", "warning"]

WARNING, INFO, HINT = 1, 2, 3
_forced: int | None = None  # verbosity of a command, which overrides scanpy's


def info(message: str, *, time: datetime | None = None, deep: str | None = None) -> datetime:
    """Log a line, with the time that passed since `time` and, where hints are shown, `deep`; returns the time now."""
    return _log(INFO, message, time, deep)


def warning(message: str) -> datetime:
    """Log a warning, which is shown unless errors alone are."""
    return _log(WARNING, message, None, None)


def is_shown() -> bool:
    """Whether lines of :func:`info` are shown."""
    return _verbosity() >= INFO


@contextmanager
def shown(verbosity: int) -> Iterator[None]:
    """Log at this verbosity (1 warnings, 2 lines, 3 with details) to standard error, whatever scanpy's is."""
    global _forced
    before, _forced = _forced, verbosity
    try:
        yield
    finally:
        _forced = before


def _verbosity() -> int:
    if _forced is not None:
        return _forced
    scanpy = sys.modules.get("scanpy")
    return WARNING if scanpy is None else int(scanpy.settings.verbosity)


def _log(level: int, message: str, time: datetime | None, deep: str | None) -> datetime:
    scanpy = sys.modules.get("scanpy")
    if _forced is None and scanpy is not None:
        if level == WARNING:
            return scanpy.logging.warning(message)
        return scanpy.logging.info(message, time=time, deep=deep)
    now = datetime.now(UTC)
    if _verbosity() >= level:
        message = f"WARNING: {message}" if level == WARNING else message
        passed = "" if time is None else f" ({timedelta(seconds=int((now - time).total_seconds()))})"
        details = f": {deep}" if deep and _verbosity() > level else ""
        print(f"{message}{details}{passed}", file=sys.stderr)
    return now
