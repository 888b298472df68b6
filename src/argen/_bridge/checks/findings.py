"""A finding: what a check saw, where, how strong, and what to do; and the table of them."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

__all__ = ["CHECKS", "Finding", "findings_table", "headline"]

# The checks in the order of the table, with what each looks for.
CHECKS = {
    "composition": "effects of a perturbation shifted as a whole; a depth that few genes carry",
    "depth scale": "a depth that does not follow the counts",
    "common response": "genes that most perturbations move alike",
    "shared programme": "perturbations with one and the same response",
    "batch": "a column over which perturbations are unbalanced and that is no covariate",
    "covariates": "covariates that take in the perturbation",
    "controls": "controls that are few, active, unguided or in other batches",
    "survivors": "perturbations with few cells left",
    "guides": "guides of one target with unequal strength",
    "neighbours": "effects on genes next to the perturbed one",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    Attributes
    ----------
    check
        One of :data:`CHECKS`.
    what
        A sentence.
    strength, measure
        A number that says how strong it is, and what it is.
    advice
        What to do.
    perturbations, genes
        Those that it concerns, the most concerned first.
    """

    check: str
    what: str
    strength: float
    measure: str
    advice: str
    perturbations: tuple[str, ...] = ()
    genes: tuple[str, ...] = ()


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """One row per finding, in the order of the checks."""
    order = list(CHECKS)
    rows = sorted(findings, key=lambda finding: order.index(finding.check))
    return pd.DataFrame(
        {
            "check": pd.Categorical([row.check for row in rows], order),
            "what": _texts(row.what for row in rows),
            "strength": np.array([row.strength for row in rows], dtype=float),
            "measure": _texts(row.measure for row in rows),
            "perturbations": _texts(", ".join(row.perturbations) for row in rows),
            "genes": _texts(", ".join(row.genes) for row in rows),
            "advice": _texts(row.advice for row in rows),
        }
    )


def _texts(values: Iterable[str]) -> np.ndarray:
    """Texts as pandas takes them for its own kind of strings."""
    return np.array(list(values), dtype=object)


def headline(findings: pd.DataFrame) -> str:
    """The checks that found something, in one line; empty if none did."""
    counts = findings["check"].value_counts(sort=False)
    return ", ".join(f"{check} ({n})" if n > 1 else str(check) for check, n in counts.items() if n)
