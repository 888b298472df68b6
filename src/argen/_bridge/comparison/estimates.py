"""What the units say of candidate edges and of pairs, as arrays [unit, item]; what cannot be compared is missing."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from argen._bridge.comparison.refits import Refits
from argen._bridge.results.tables import EDGE_FLAGS, PAIR_FLAGS
from argen._core.compare.contrasts import Estimates
from argen._core.compare.meta import random_mean
from argen._core.compare.refit import Refit
from argen._core.glm.sandwich import HC
from argen._core.results import Dag, EdgeStatus, PairStatus

__all__ = ["Items", "edges_of", "in_levels", "knockdowns_of", "pairs_of", "responders_of"]


@dataclass(frozen=True, slots=True)
class Items:
    """The same numbers in every unit, and in all of them together.

    Attributes
    ----------
    names
        Columns that name each item, such as ``source`` and ``target``; m rows.
    coef, se
        Shape (units, m), NaN where nothing was estimated.
    flags
        What is wrong with an estimate, '' if nothing is; shape (units, m). A flagged one is shown, not compared.
    n_cells
        Cells of the source's perturbation, shape (units, m).
    strength
        F of the instruments, shape (units, m); None for total effects.
    pooled
        All cells in one regression.
    df
        Degrees of freedom of the errors, shape (units, m); None where they are taken to be known.
    """

    names: pd.DataFrame
    coef: np.ndarray
    se: np.ndarray
    flags: np.ndarray
    n_cells: np.ndarray
    strength: np.ndarray | None
    pooled: Estimates
    df: np.ndarray | None = None

    @property
    def usable(self) -> np.ndarray:
        """Estimates that can be compared, shape (units, m)."""
        return (self.flags == "") & np.isfinite(self.coef) & np.isfinite(self.se)


def edges_of(refits: Refits, edges: pd.DataFrame) -> Items:
    """Candidate edges, those among the genes that are compared."""
    kept = edges[edges["source"].isin(refits.genes) & edges["target"].isin(refits.genes)].reset_index(drop=True)
    position = {gene: j for j, gene in enumerate(refits.genes)}
    source, target = (kept[end].map(position).to_numpy(dtype=np.int64) for end in ("source", "target"))
    of_unit = [_of_dag(one.edges, len(refits.genes), source, target) for one in refits.of_unit]
    coef, se, flags, strength = (np.stack(part) for part in zip(*of_unit, strict=True))
    pooled = _of_dag(refits.pooled.edges, len(refits.genes), source, target)
    return Items(kept, coef, se, flags, _n_cells(refits, source), strength, _known(*pooled[:2]))


def _of_dag(dag: Dag, p: int, source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """Coefficient, error, flag and strength of these edges."""
    at = np.full((p, p), -1)
    at[dag.source, dag.target] = np.arange(len(dag.source))
    row = at[source, target]
    is_there = row >= 0
    numbers = [np.where(is_there, values[row], np.nan) for values in (dag.coef, dag.se, dag.instruments.strength)]
    words = np.array([EDGE_FLAGS[EdgeStatus(code)] for code in dag.status.tolist()], dtype=object)
    flags = np.where(is_there, words[row], "no candidate") if len(words) else np.full(len(row), "no candidate", object)
    return numbers[0], numbers[1], flags, numbers[2]


def responders_of(refits: Refits, edges: pd.DataFrame) -> Items:
    """Tested edges to responders from the genes that are compared, `edges`."""
    *units, pooled = refits.responders
    coef, se, flags, strength = (
        np.stack([getattr(one, name) for one in units]) for name in ("coef", "se", "flags", "strength")
    )
    source = pd.Index(refits.genes).get_indexer(edges["source"])
    names = edges[["source", "target", "selected"]]
    return Items(names, coef, se, flags, _n_cells(refits, source), strength, _known(pooled.coef, pooled.se))


def pairs_of(refits: Refits, *, all_pairs: bool, relation: np.ndarray, hc: str) -> Items:
    """Total effects of all ordered pairs, or of those of the descendant relation alone; `hc` is their covariance."""
    p = len(refits.genes)
    wanted = ~np.eye(p, dtype=bool) & (all_pairs | relation)
    return _of_pairs(refits, *np.nonzero(wanted), hc)


def knockdowns_of(refits: Refits, hc: str) -> Items:
    """Total effects of the perturbations on their own genes."""
    own = np.arange(len(refits.genes))
    items = _of_pairs(refits, own, own, hc)
    names = items.names.rename(columns={"source": "perturbation"}).drop(columns="target")
    return replace(items, names=names)


def _of_pairs(refits: Refits, source: np.ndarray, target: np.ndarray, hc: str) -> Items:
    names = np.array(refits.genes, dtype=object)
    table = pd.DataFrame({"source": names[source], "target": names[target]})
    words = np.array([PAIR_FLAGS[status] for status in PairStatus], dtype=object)
    at = (source, target)
    coef, se, flags = (
        np.stack([part(one) for one in refits.of_unit])
        for part in (
            lambda one: one.tests.effect[at],
            lambda one: one.tests.se[at],
            lambda one: words[one.tests.status[at]],
        )
    )
    tests, n_cells = refits.pooled.tests, _n_cells(refits, source)
    if HC[hc].normal:
        return Items(table, coef, se, flags, n_cells, None, _known(tests.effect[at], tests.se[at]))
    # As in the descendant step: the error is that of the cells of the perturbation, which are few.
    pooled = Estimates(tests.effect[at], tests.se[at], refits.pooled.screen.n_per_group[source] - 1.0)
    return Items(table, coef, se, flags, n_cells, None, pooled, n_cells - 1.0)


def _n_cells(refits: Refits, source: np.ndarray) -> np.ndarray:
    def of(one: Refit) -> np.ndarray:
        return one.screen.n_per_group[source]

    return np.stack([of(one) for one in refits.of_unit])


def _known(coef: np.ndarray, se: np.ndarray) -> Estimates:
    return Estimates(coef, se, np.full(coef.shape, np.inf))


def in_levels(items: Items, refits: Refits, *, has_replicates: bool) -> tuple[list[Estimates], list[dict]]:
    """Estimates of every level, and what goes with them: cells, strength, replicates, variance between these.

    Without replicates a level is its unit; with them it is their mean, and its error is taken from how they differ.
    """
    estimates, beside = [], []
    coef, se = (np.where(items.usable, values, np.nan) for values in (items.coef, items.se))
    for level in refits.levels.names:
        units = np.array([unit.level == level for unit in refits.levels.units], dtype=bool)
        more = {"n_cells": items.n_cells[units].sum(axis=0)}
        if has_replicates:
            mean = random_mean(coef[units], se[units])
            estimates.append(Estimates(mean.mean, mean.se, mean.df))
            n = items.usable[units].sum(axis=0)
            more |= {"n_replicates": n, "tau": mean.tau, "flags": np.where(n < 2, "fewer than 2 replicates", "")}
        else:
            df = np.full(items.coef.shape[1], np.inf) if items.df is None else items.df[units][0]
            estimates.append(Estimates(items.coef[units][0], items.se[units][0], df))
            more["flags"] = items.flags[units][0]
        if items.strength is not None:
            more["F"] = np.min(items.strength[units], axis=0)
        beside.append(more)
    return estimates, beside
