"""Columns of the tables that say how small an effect each test could have found."""

import numpy as np
import pandas as pd

from argen._bridge.results.entries import Entry
from argen._bridge.results.tables import TESTS_USED
from argen._core.diagnostics.power import (
    EdgeCounts,
    PairCounts,
    edge_levels,
    edge_mde,
    quantile_of,
    score_mde,
    wald_mde,
)
from argen._core.glm.sandwich import HC

__all__ = ["FOUND", "NOT_TESTABLE", "TESTED", "with_edge_mde", "with_pair_mde", "with_responder_mde"]

FOUND, TESTED, NOT_TESTABLE = "found", "tested", "not testable"
_VERDICTS = (FOUND, TESTED, NOT_TESTABLE)


def with_edge_mde(edges: pd.DataFrame, step: Entry | None, power: float) -> pd.DataFrame:
    """All stored edges with their smallest detectable effects; a network without p-values is left as it is.

    Parameters
    ----------
    edges
        The stored table.
    step
        The descendant step that the network was made from, if it is there.
    """
    if "threshold" not in edges:
        return edges
    columns = {name: edges[name].to_numpy() for name in ("batch", "alpha", "threshold", "coef", "se")}
    level = edge_levels(columns["batch"].astype(np.int64), columns["alpha"], columns["threshold"])
    counts = None if step is None else _edge_counts(edges, step)
    negative, positive = edge_mde(columns["coef"], columns["se"], level, power, counts)
    # Required edges have no level: nothing would have been rejected.
    negative, positive = (np.where(np.isfinite(level), values, np.nan) for values in (negative, positive))
    return edges.assign(
        mde=np.maximum(negative, positive),
        mde_negative=negative,
        mde_positive=positive,
        mde_level=level,
        verdict=_verdicts(edges["p"], edges["selected"]),
    )


def with_responder_mde(edges: pd.DataFrame, power: float) -> pd.DataFrame:
    """Candidate edges to responders with ``mde`` and ``verdict``; those of a joint network as they are."""
    if "threshold" not in edges:
        return edges
    mde, _ = edge_mde(edges["coef"].to_numpy(), edges["se"].to_numpy(), edges["threshold"].to_numpy(), power)
    return edges.assign(mde=mde, verdict=_verdicts(edges["p"].where(edges["tested"]), edges["selected"]))


def _edge_counts(edges: pd.DataFrame, step: Entry) -> EdgeCounts:
    source, target = (edges[end].astype(str).to_numpy() for end in ("source", "target"))
    perturbations, pairs = step.tables["perturbations"], step.tables["pairs"]
    own = perturbations.set_index(perturbations["perturbation"].astype(str)).loc[source]
    effect, se = own["effect"].to_numpy(float), own["se"].to_numpy(float)
    at = pd.MultiIndex.from_arrays([pairs["source"].astype(str), pairs["target"].astype(str)])
    # Pairs of a large step that prior knowledge alone relates are not in its table.
    pairs = pairs[["count", "se"]].set_index(at).reindex(list(zip(source, target, strict=True)))
    strength = edges["F"].to_numpy(float) if "F" in edges else (effect / se) ** 2
    return EdgeCounts(strength, effect, pairs["count"].to_numpy(float), pairs["se"].to_numpy(float))


def with_pair_mde(pairs: pd.DataFrame, genes: pd.DataFrame, *, level: float, hc: str, power: float) -> pd.DataFrame:
    """Stored pairs with ``mde``, ``mde_decrease``, ``mde_increase``, ``mde_level`` and ``verdict``.

    Pairs without counts, as most of a large step, get the last two alone.

    Parameters
    ----------
    pairs
        Of one family of tests.
    genes
        ``gene``, ``mean_control`` and ``dispersion`` of their targets.
    level, hc
        Level of the single test in the family (:func:`~argen._core.diagnostics.power.bh_level`), and variance of the
        effects.
    power
        Of the smallest detectable effects.
    """
    p = pairs["p"].to_numpy()
    known = np.isfinite(p) & np.isfinite(pairs["expected_count"].to_numpy(float))
    decrease, increase = np.full((2, len(pairs)), np.nan)
    if np.isfinite(level):
        test = pairs["test"].astype(str).to_numpy()
        wald, scored = ((test == name) & known for name in TESTS_USED[:2])
        decrease[wald], increase[wald] = _of_wald(pairs[wald], hc, level, power)
        decrease[scored], increase[scored] = _of_score(pairs[scored], genes, level, power)
    return pairs.assign(
        mde=np.maximum(decrease, increase),
        mde_decrease=decrease,
        mde_increase=increase,
        mde_level=np.where(np.isfinite(p), level, np.nan),
        verdict=_verdicts(pairs["p"], pairs["significant"]),
    )


def _of_wald(pairs: pd.DataFrame, hc: str, level: float, power: float) -> tuple[np.ndarray, ...]:
    df = np.inf if HC[hc].normal else pairs["n_perturbed"].to_numpy(float) - 1.0
    columns = (pairs[name].to_numpy(float) for name in ("expected_count", "count", "se"))
    return wald_mde(*columns, quantile_of(level, df), power)


def _of_score(pairs: pd.DataFrame, genes: pd.DataFrame, level: float, power: float) -> tuple[np.ndarray, ...]:
    at = pd.Index(genes["gene"].astype(str)).get_indexer(pairs["target"].astype(str))
    counts = PairCounts(
        expected=pairs["expected_count"].to_numpy(float),
        n_group=pairs["n_perturbed"].to_numpy(float),
        n_control=pairs["n_control"].to_numpy(float),
        control_mean=genes["mean_control"].to_numpy(float)[at],
        dispersion=genes["dispersion"].to_numpy(float)[at],
    )
    return score_mde(counts, level, power)


def _verdicts(p: pd.Series, found: pd.Series) -> pd.Categorical:
    tested = np.where(found.to_numpy(bool), 0, 1)
    return pd.Categorical.from_codes(np.where(np.isfinite(p), tested, 2), list(_VERDICTS))
