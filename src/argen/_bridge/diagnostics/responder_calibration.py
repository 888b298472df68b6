"""Calibration of the edges to responders: placebo tests of equations that are stored."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.responders.saturated import SaturatedScreen
from argen._bridge.responders.stored import CandidateEdges
from argen._bridge.results.searched import SearchedNetwork
from argen._core.dag.covariance import COVARIANCES
from argen._core.diagnostics.calibration import Placebo, shuffles_of
from argen._core.diagnostics.responder_placebo import PlaceboEquation, ResponderEquation, placebo_of_responders
from argen._core.glm.sandwich import HC
from argen._core.normal import log_p_two_sided
from argen._core.parallel import Map

if TYPE_CHECKING:
    from anndata import AnnData

    from argen._bridge.diagnostics.calibration import Notes

__all__ = ["MOST_EQUATIONS", "ResponderPlacebo", "fit_responders"]

# Equations of responders that are put to the test: with 20 splits and more candidates than one they make rates whose
# error is below .005, at the price of as many regressions on the controls as there are splits.
MOST_EQUATIONS = 300
_DRAWN = 2  # stream of random numbers, beside those of the splits and of the placebo groups


@dataclass(frozen=True, slots=True)
class ResponderPlacebo:
    """Placebo tests of candidate edges to responders.

    Attributes
    ----------
    edges
        The candidate edges.
    drawn
        Responders (positions) whose equations were tested, those of `placebo`.
    placebo
        Its ``edge`` is a row of the table of `edges`; only tested candidates are in it.
    """

    edges: CandidateEdges
    drawn: np.ndarray
    placebo: Placebo


def fit_responders(
    adata: "AnnData",
    network: SearchedNetwork,
    edges: CandidateEdges,
    *,
    n_splits: int,
    seed: int,
    notes: "Notes",
    map_: Map,
    bar: Callable,
) -> ResponderPlacebo:
    """Estimate equations of responders on placebo groups, with the options of their own result."""
    settings, estimable = edges.entry.settings, np.isfinite(edges.table["coef"].to_numpy())
    hc3 = HC[settings["hc"]].hc3
    inside, tested = (edges.inside(tested=only) for only in (False, True))
    drawn = _drawn(edges.responders, tested.any(axis=0), seed, notes)
    has_estimate = np.bincount(edges.target[estimable], minlength=len(edges.responders)) > 0
    saturated = SaturatedScreen(adata, network)
    first = saturated.first_stages(settings["first_stage"], hc3=hc3, map_=map_)
    how = {
        "covariance": COVARIANCES[settings["covariance"]].of_moments,
        "hc3": hc3,
        "min_cells": network.step.settings.min_cells,
        "map_": map_,
    }
    shuffles = partial(shuffles_of, n_splits=n_splits, seed=seed)
    found: list[PlaceboEquation] = []
    track = bar("calibration, responders by blocks of genes", saturated.n_blocks(len(drawn)))
    for block in track(saturated.blocks(edges.responders, drawn, map_, with_nodes=False)):
        equations = [
            ResponderEquation(
                gene=int(gene),
                phi=float(block.phi[gene]),
                candidates=saturated.nodes[np.flatnonzero(inside[:, responder])],
                estimable=bool(has_estimate[responder]),
            )
            for responder, gene in zip(block.responders, block.genes, strict=True)
        ]
        found += placebo_of_responders(block.screen, equations, first, shuffles, **how)
    return ResponderPlacebo(edges, drawn, _joined(edges, inside, tested, drawn, found, n_splits))


def _drawn(responders: np.ndarray, has_candidates: np.ndarray, seed: int, notes: "Notes") -> np.ndarray:
    """Responders whose equations are tested: all, or as many as are enough, whatever the order of the genes."""
    with_candidates = np.flatnonzero(has_candidates)
    if not len(with_candidates):
        notes.add("responders", "no responder has a candidate edge, hence no equation to test", 0)
    if len(with_candidates) <= MOST_EQUATIONS:
        return with_candidates
    by_name = with_candidates[np.argsort(responders[with_candidates].astype(str))]
    chosen = np.random.default_rng([seed, _DRAWN]).choice(len(by_name), MOST_EQUATIONS, replace=False)
    notes.add(
        "equations of responders",
        f"left out: {MOST_EQUATIONS} of {len(with_candidates)} were drawn at random",
        len(with_candidates) - MOST_EQUATIONS,
    )
    return np.sort(by_name[chosen])


def _joined(
    edges: CandidateEdges,
    inside: np.ndarray,
    tested: np.ndarray,
    drawn: np.ndarray,
    found: list[PlaceboEquation],
    n_splits: int,
) -> Placebo:
    """The tested candidates of all equations."""
    row = np.full(inside.shape, -1, dtype=np.int64)
    row[edges.source, edges.target] = np.arange(len(edges.source))
    nothing = (np.empty(0, dtype=np.int64), *(np.empty((0, n_splits)),) * 2, np.empty(0, dtype=np.int64))
    parts = [nothing]
    for number, (responder, equation) in enumerate(zip(drawn, found, strict=True)):
        A = np.flatnonzero(inside[:, responder])
        if not equation.reason:
            of_test = tested[A, responder]
            at = row[A[of_test], responder]
            parts.append((at, equation.coef[of_test], equation.se[of_test], np.full(len(at), number)))
    edge, coef, se, equation_of = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        log_p = log_p_two_sided(coef / se)
    factor = np.array([equation.factor for equation in found], dtype=float)
    smallest = np.array([equation.smallest for equation in found], dtype=np.int64)
    return Placebo(edge, coef, se, log_p, equation_of, factor, smallest, tuple(e.reason for e in found))
