"""Which caller takes the guides, and which arguments it uses."""

from argen._bridge import log
from argen._bridge.validate import check_option
from argen._core.guides import CALLERS, Caller
from argen.errors import InputError

__all__ = ["caller_of", "take_calls", "used_by"]


def caller_of(method: str | None, labels: str | None) -> Caller:
    """The caller of that name, or the first that takes what there is."""
    check_option("method", method, (None, *CALLERS))
    if method is None:
        return next(caller for caller in CALLERS.values() if (caller.call is None) == (labels is not None))
    caller = CALLERS[method]
    if caller.call is None and labels is None:
        msg = f"method={method!r} needs labels=..., the obs column with one label per cell."
        raise InputError(msg)
    if caller.call is not None and labels is not None:
        msg = f"method={method!r} calls guides from counts, but labels={labels!r} is given: leave one of them out."
        raise InputError(msg)
    return caller


def take_calls(source: str, method: str | None, given: dict[str, object]) -> tuple[Caller, dict[str, object]]:
    """How a matrix of 0 and 1 is read, in which each 1 is a guide that was called already, and with which arguments."""
    words = f"guides={source!r} holds only 0 and 1: these are calls, not UMI counts."
    if method is not None and (method not in ("threshold", "max") or given["min_umi"] > 1):
        used = f"method={method!r}" + (f", min_umi={given['min_umi']}" if method in ("threshold", "max") else "")
        msg = f"{words} {used} makes nothing of them: method='threshold', min_umi=1 takes each 1 as a called guide."
        raise InputError(msg)
    if method is not None:
        return CALLERS[method], given
    if fitted := [name for name in ("batch", "guide_depth") if given[name] is not None]:
        msg = f"{words} Nothing is fitted to them: leave out {' and '.join(fitted)}."
        raise InputError(msg)
    log.warning(f"{words} Each 1 is taken as a called guide, as method='threshold', min_umi=1 does")
    return CALLERS["threshold"], {**given, "min_umi": 1}


def used_by(caller: Caller, given: dict[str, object]) -> dict[str, object]:
    """Arguments that have a part in it, as they are recorded; those that nobody gives by chance are refused."""
    for name in ("batch", "guide_depth"):
        if given[name] is not None and name not in caller.uses:
            others = " or ".join(f"method={other.name!r}" for other in CALLERS.values() if name in other.uses)
            msg = f"{name} is for {others}, not for {caller.name!r}: leave it out."
            raise InputError(msg)
    return {name: given[name] for name in caller.uses if given[name] is not None}
