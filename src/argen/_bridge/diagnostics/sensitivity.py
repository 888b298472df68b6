"""Tables of the sensitivity of a network to choices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from argen._bridge.validate import name_some
from argen._core.results import Dag

__all__ = ["BASE", "LOOP", "Variation", "found_in_each", "sensitivity_tables"]

BASE, LOOP = "none", "loop reversed"
_NAMED = 3  # variations of one kind that the columns lost_in and found_in name


@dataclass(frozen=True, slots=True)
class Variation:
    """One changed choice and what it leads to.

    Attributes
    ----------
    choice
        What was changed, :data:`BASE` for the network as it is.
    detail
        To what, or which; empty where the choice says it all.
    alpha
        The level that was changed; NaN for the others.
    n_cells
        Cells of the analysis.
    genes
        Genes of the network.
    dag
        The search's result.
    """

    choice: str
    detail: str
    alpha: float
    n_cells: int
    genes: Sequence[str]
    dag: Dag

    @property
    def name(self) -> str:
        """What its column is called."""
        return f"{self.choice} {self.detail}".rstrip()

    def edges(self) -> set[tuple[str, str]]:
        """Ends of the selected edges."""
        return {ends for ends, chosen in zip(self._ends(), self.dag.selected.tolist(), strict=True) if chosen}

    def coefs(self) -> dict[tuple[str, str], float]:
        """Direct effects of all candidate edges with an estimate."""
        return {ends: b for ends, b in zip(self._ends(), self.dag.coef.tolist(), strict=True) if np.isfinite(b)}

    def _ends(self) -> list[tuple[str, str]]:
        source, target = self.dag.source.tolist(), self.dag.target.tolist()
        return [(self.genes[s], self.genes[t]) for s, t in zip(source, target, strict=True)]


def sensitivity_tables(found: Sequence[Variation]) -> dict[str, pd.DataFrame]:
    """Tables ``variations``, ``edges`` and ``searches``; the first variation is the network as it is."""
    selected = [variation.edges() for variation in found]
    base, genes = selected[0], found[0].genes
    every = sorted(set().union(*selected))
    coef = _coefficients(found, every)
    has = np.array([[edge in edges for edge in every] for edges in selected], dtype=bool).reshape(
        len(found), len(every)
    )
    order = np.lexsort((np.arange(len(every)), -_share(has), ~has[0]))
    every, has, coef = [every[i] for i in order], has[:, order], coef[:, order]
    return {
        "variations": _variations(found, selected, base),
        "edges": _edges(found, every, has, coef),
        "searches": _searches(found, genes, every, has, coef),
    }


def found_in_each(searches: pd.DataFrame, n_edges: int) -> pd.DataFrame:
    """Which variation has which edge, a row per edge and a column per variation, from the table ``searches``."""
    names = searches["variation"].cat.categories.astype(str)
    found = searches["selected"].to_numpy(bool).reshape(len(names), n_edges)
    return pd.DataFrame(dict(zip(names, found, strict=True)))


def _share(has: np.ndarray) -> np.ndarray:
    return has[1:].mean(axis=0) if len(has) > 1 else np.full(has.shape[1], np.nan)


def _coefficients(found: Sequence[Variation], every: Sequence[tuple[str, str]]) -> np.ndarray:
    """[variation, edge] direct effect, NaN where the edge is no candidate."""
    known = [variation.coefs() for variation in found]
    return np.array([[coefs.get(edge, np.nan) for edge in every] for coefs in known]).reshape(len(found), len(every))


def _variations(
    found: Sequence[Variation], selected: Sequence[set[tuple[str, str]]], base: set[tuple[str, str]]
) -> pd.DataFrame:
    whole = set(found[0].genes)
    rows = [
        {
            "name": variation.name,
            "choice": variation.choice,
            "alpha": variation.alpha,
            "n_cells": variation.n_cells,
            "n_candidates": len(variation.dag.selected),
            "n_edges": len(edges),
            "n_added": len(edges - base),
            "n_lost": len(base - edges),
            "jaccard": len(edges & base) / max(len(edges | base), 1),
            "without": ", ".join(sorted(whole - set(variation.genes))),
        }
        for variation, edges in zip(found, selected, strict=True)
    ]
    return pd.DataFrame(rows)


def _edges(
    found: Sequence[Variation], every: Sequence[tuple[str, str]], has: np.ndarray, coef: np.ndarray
) -> pd.DataFrame:
    others = found[1:]
    ways = [variation.edges() for variation in others]
    turned = np.array([[edge[::-1] in edges for edge in every] for edges in ways], dtype=bool).reshape(
        len(ways), len(every)
    )
    own_loop = turned & np.array([variation.choice == LOOP for variation in others], dtype=bool)[:, None]
    known = np.isfinite(coef).any(axis=0)
    low, high = np.full((2, len(every)), np.nan)
    low[known], high[known] = np.nanmin(coef[:, known], axis=0), np.nanmax(coef[:, known], axis=0)
    lost = [_in_words(others, ~has[1:, i], turned[:, i]) if has[0, i] else "" for i in range(len(every))]
    gained = ["" if has[0, i] else _in_words(others, has[1:, i]) for i in range(len(every))]
    return pd.DataFrame(
        {
            "source": np.array([edge[0] for edge in every], dtype=object),
            "target": np.array([edge[1] for edge in every], dtype=object),
            "selected": has[0],
            "share": _share(has),
            "stable": has[0] & (has[1:] | own_loop).all(axis=0) & (len(others) > 0),
            "coef": coef[0],
            "coef_low": low,
            "coef_high": high,
            "lost_in": np.array(lost, dtype=object),
            "found_in": np.array(gained, dtype=object),
        }
    )


def _in_words(others: Sequence[Variation], which: np.ndarray, turned: np.ndarray | None = None) -> str:
    """The variations of a mask by kind, with what each was about; `turned`: those that have the reverse edge."""
    parts = []
    for choice in dict.fromkeys(variation.choice for variation in others):
        at = [i for i, variation in enumerate(others) if variation.choice == choice and which[i]]
        if not at:
            continue
        details = name_some((others[i].detail for i in at if others[i].detail), _NAMED)
        is_turned = turned is not None and turned[at].all()
        parts.append(f"{choice} {details}".rstrip() + (" (found the other way round)" if is_turned else ""))
    return "; ".join(parts)


def _searches(
    found: Sequence[Variation],
    genes: Sequence[str],
    every: Sequence[tuple[str, str]],
    has: np.ndarray,
    coef: np.ndarray,
) -> pd.DataFrame:
    """One row per variation and edge, variations in their order."""
    position = {gene: j for j, gene in enumerate(genes)}
    ends = [np.array([position[edge[i]] for edge in every], dtype=np.int64) for i in range(2)]
    n = len(found)
    return pd.DataFrame(
        {
            "variation": pd.Categorical.from_codes(np.repeat(np.arange(n), len(every)), [v.name for v in found]),
            "source": pd.Categorical.from_codes(np.tile(ends[0], n), list(genes)),
            "target": pd.Categorical.from_codes(np.tile(ends[1], n), list(genes)),
            "selected": has.ravel(),
            "coef": coef.ravel(),
        }
    )
