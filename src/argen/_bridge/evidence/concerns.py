"""Which findings of the checks concern which edges."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

__all__ = ["check_concerns", "concerns_of"]

# Checks whose finding is about the source, about the target, or about both ends of an edge. The others (batch, depth
# scale) concern every edge alike, and rank none below another.
_OF_SOURCE = ("composition", "survivors", "guides", "covariates", "controls")
_OF_TARGET = ("composition", "common response", "controls")
_OF_BOTH = ("shared programme",)


def check_concerns() -> tuple[str, ...]:
    """What an edge can be told, such as ``"composition of the source"``, in the order of the checks."""
    of_source = (f"{check} of the source" for check in _OF_SOURCE)
    of_target = (f"{check} of the target" for check in _OF_TARGET)
    return (*of_source, *of_target, *_OF_BOTH, "neighbours")


def concerns_of(
    source: np.ndarray, target: np.ndarray, findings: pd.DataFrame, neighbours: pd.DataFrame | None
) -> pd.DataFrame:
    """One boolean column per concern of :func:`check_concerns`, one row per edge.

    Parameters
    ----------
    source, target
        Names of the genes, shape (E,).
    findings
        As :func:`argen.get.check` has them.
    neighbours
        Pairs of ``perturbation`` and ``gene`` that are close to each other; None where positions are not known.
    """
    table = pd.DataFrame(dict.fromkeys(check_concerns(), np.zeros(len(source), dtype=bool)))
    for row in findings.itertuples():
        for name, concerned in _concerned(str(row.check), source, target, _names(row.perturbations), _names(row.genes)):
            table[name] |= concerned
    if neighbours is not None and len(neighbours):
        close = set(zip(neighbours["perturbation"].astype(str), neighbours["gene"].astype(str), strict=True))
        table["neighbours"] = [pair in close or pair[::-1] in close for pair in zip(source, target, strict=True)]
    return table


def _concerned(
    check: str, source: np.ndarray, target: np.ndarray, perturbations: list[str], genes: list[str]
) -> Iterator[tuple[str, np.ndarray]]:
    if check in _OF_BOTH:
        inside = np.isin(source, perturbations)
        # A programme's members move each other's genes, and the genes that it is made of.
        yield check, inside & (np.isin(target, perturbations) | np.isin(target, genes))
        return
    if check in _OF_SOURCE:
        yield f"{check} of the source", np.isin(source, perturbations)
    if check in _OF_TARGET:
        yield f"{check} of the target", np.isin(target, genes)


def _names(text: str) -> list[str]:
    return [name for name in str(text).split(", ") if name]
