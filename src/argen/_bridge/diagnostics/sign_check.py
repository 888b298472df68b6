"""Signs of the edges of a network beside the signs of the intervention effects, and how many of them match."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from argen._bridge.intervals import wilson_95

__all__ = ["Agreement", "agreement", "sign_table", "summary_table"]

_MEASURES = {"effect": "effect", "se": "effect_se", "p": "effect_p", "significant": "significant", "flags": "flags"}
DIRECTIONS = {"forward": False, "reverse": True}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many signs match.

    Attributes
    ----------
    n_edges, n_tested, n_agree
        Edges, those with an effect (and a sign on both sides), and those whose signs match.
    n_significant, n_significant_agree
        The same of the edges whose effect is significant.
    share, ci_low, ci_high
        ``n_agree / n_tested`` with its 95 % Wilson interval; NaN if nothing was tested.
    """

    n_edges: int
    n_tested: int
    n_agree: int
    share: float
    ci_low: float
    ci_high: float
    n_significant: int
    n_significant_agree: int


def sign_table(edges: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Edges with the effect of perturbing the source on the target, and of the target on the source."""
    table = edges[["source", "target", "coef", "se"]].reset_index(drop=True)
    for prefix, ends in (("", ("source", "target")), ("reverse_", ("target", "source"))):
        names = {column: prefix + name for column, name in _MEASURES.items()}
        found = pairs[["source", "target", *names]].rename(columns={"source": ends[0], "target": ends[1], **names})
        table = table.merge(found, on=["source", "target"], how="left", validate="many_to_one")
        table[f"{prefix}significant"] = table[f"{prefix}significant"].eq(True)  # noqa: FBT003
        table[f"{prefix}flags"] = (
            table[f"{prefix}flags"].astype(object).fillna("not in the descendant step").astype(str)
        )
        # Perturbing the source lowers it: an activating edge then lowers the target.
        table[f"{prefix}agrees"] = _matches(table["coef"], -table[f"{prefix}effect"])
    first = ["agrees", "reverse_agrees"]
    return table[[*(c for c in table if c not in first), *first]]


def _matches(coef: pd.Series, other: pd.Series) -> pd.Series:
    """Whether the signs match; missing where one has none."""
    product = np.sign(coef.to_numpy(np.float64)) * np.sign(other.to_numpy(np.float64))
    return pd.Series(pd.array(product > 0, dtype="boolean")).mask(~(np.abs(product) > 0))


def agreement(table: pd.DataFrame, *, reverse: bool) -> Agreement:
    """Count the matching signs of a :func:`sign_table`."""
    prefix = "reverse_" if reverse else ""
    agrees = table[f"{prefix}agrees"]
    significant = agrees[table[f"{prefix}significant"] & agrees.notna()]
    n, k = int(agrees.notna().sum()), int(agrees.sum())
    low, high = wilson_95(k, n)
    share = k / n if n else np.nan
    return Agreement(len(table), n, k, share, low, high, len(significant), int(significant.sum()))


def summary_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each direction."""
    rows = [agreement(table, reverse=reverse) for reverse in DIRECTIONS.values()]
    columns = {name: [getattr(row, name) for row in rows] for name in Agreement.__slots__}
    return pd.DataFrame({"direction": list(DIRECTIONS), **columns})
