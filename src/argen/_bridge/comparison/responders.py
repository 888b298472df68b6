"""Direct effects on responders in every unit: the stored candidates of each, estimated from its cells."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.comparison.candidates import Compared
from argen._bridge.counts import read_counts
from argen._bridge.features import genes_of
from argen._bridge.responders.stored import read_responders
from argen._bridge.results.entries import Entry
from argen._bridge.results.tables import EDGE_FLAGS
from argen._core.compare.refit import Equations, HowToFit, Refit
from argen._core.counts import GeneCounts
from argen._core.dag.covariance import COVARIANCES
from argen._core.dag.influence import CellInfluence
from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.glm.sandwich import HC
from argen._core.parallel import Map, single_threaded
from argen._core.responders.direct import Wanted, equations, fit_first_stages
from argen._core.results import EdgeStatus
from argen._core.screen import Screen

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["ComparedResponders", "ResponderFits", "open_responders", "refit_responders"]


@dataclass(frozen=True, slots=True)
class ComparedResponders:
    """Candidate edges to responders, and the counts of these.

    Attributes
    ----------
    entry
        The stored result.
    how
        How its equations are estimated.
    table
        Everything that stands in an equation: ``source``, ``target``, ``selected``, ``tested``.
    names
        Names of the R responders.
    counts
        Over the sorted cells of the descendant step, CSC, shape (n, R).
    """

    entry: Entry
    how: HowToFit
    table: pd.DataFrame
    names: np.ndarray
    counts: sparse.csc_array

    def edges(self, genes: tuple[str, ...]) -> pd.DataFrame:
        """Tested edges from these perturbations."""
        return self.table[self.table["tested"] & self.table["source"].isin(genes)].reset_index(drop=True)


@dataclass(frozen=True, slots=True)
class ResponderFits:
    """Estimates of the tested edges in one unit; arrays of shape (m,)."""

    coef: np.ndarray
    se: np.ndarray
    flags: np.ndarray
    strength: np.ndarray


def open_responders(adata: "AnnData", compared: Compared, responders: object) -> ComparedResponders | None:
    """The result that was made from the network: None for False, the usual one for True, or that of a name."""
    if responders is False:
        return None
    entry = read_responders(adata, compared.entry, responders)
    step, stored = compared.step, entry.tables["edges"]
    tested = stored["tested"].to_numpy(dtype=bool) if "tested" in stored else np.ones(len(stored), dtype=bool)
    table = pd.DataFrame(
        {
            "source": stored["source"].astype(str).to_numpy(dtype=object),
            "target": stored["target"].astype(str).to_numpy(dtype=object),
            "selected": stored["selected"].to_numpy(dtype=bool),
            "tested": tested,
        }
    )
    # Ancestors whose knock-down is unknown are listed, and stand in no equation.
    usable = pd.Series(np.isfinite(np.diag(step.tests.effect)), index=list(step.screen.genes))
    table = table[table["source"].map(usable).to_numpy(dtype=bool)].reset_index(drop=True)
    names = np.array(sorted(set(table.loc[table["tested"], "target"])), dtype=object)
    columns = genes_of(adata).get_indexer(names)
    counts = read_counts(adata, step.settings.layer).of(columns, step.screen.cell).matrix()
    first_stage = str(entry.settings.get("first_stage", compared.how.first_stage))
    how = replace(compared.how, first_stage=first_stage)
    return ComparedResponders(entry, how, table, names, sparse.csc_array(counts))


def refit_responders(
    wanted: ComparedResponders,
    one: Refit,
    of_nodes: Equations,
    rows: np.ndarray,
    shifts: pd.DataFrame | None,
    map_: Map,
) -> ResponderFits:
    """Estimate the candidate edges in one unit.

    Parameters
    ----------
    wanted
        Candidates and counts.
    one, of_nodes
        What the unit says of the network, and the equations of this.
    rows
        Which of the sorted cells of the descendant step the cells of the unit are.
    shifts
        The unit's table of shifts; None where none are taken out.
    map_
        Parallel map over equations.
    """
    screen, p, how = _with_responders(wanted, one.screen, rows, shifts), one.screen.n_genes, wanted.how
    phi = estimate_dispersions(screen, map_).phi if how.negative_binomial else np.zeros(screen.n_genes)
    hc3 = HC[how.hc].hc3
    inside = _inside(wanted, one.screen.genes)
    asked = np.flatnonzero(inside.any(axis=0))
    with single_threaded():
        first = fit_first_stages(
            one.screen, np.arange(p), of_nodes.relation.descendant, how.first_stage, hc3=hc3, phi=one.phi, map_=map_
        )
        needs_influence = COVARIANCES[how.covariance].needs_influence
        cells = CellInfluence(screen, hc3=hc3) if needs_influence else screen
        options = {"first": first, "covariance": how.covariance, "hc3": hc3, "robust": False}
        systems = [Wanted(p + int(r), np.flatnonzero(inside[:, r]), float(phi[p + r])) for r in asked]
        found = equations(cells, systems, options, map_)
    numbers = np.full((3, *inside.shape), np.nan)
    words = np.full(inside.shape, "no candidate", dtype=object)
    for r, equation in zip(asked, found, strict=True):
        numbers[:, equation.candidates, r] = equation.coef, equation.se, equation.instruments.strength
        words[equation.candidates, r] = [EDGE_FLAGS[EdgeStatus(code)] for code in equation.status.tolist()]
    edges = wanted.edges(one.screen.genes)
    at = _positions(edges, one.screen.genes, wanted.names)
    return ResponderFits(numbers[0][at], numbers[1][at], words[at], numbers[2][at])


def _positions(edges: pd.DataFrame, genes: tuple[str, ...], names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return pd.Index(genes).get_indexer(edges["source"]), pd.Index(names).get_indexer(edges["target"])


def _inside(wanted: ComparedResponders, genes: tuple[str, ...]) -> np.ndarray:
    """[node, responder]: what stands in the equation of each responder."""
    source, target = _positions(wanted.table, genes, wanted.names)
    known = (source >= 0) & (target >= 0)
    inside = np.zeros((len(genes), len(wanted.names)), dtype=bool)
    inside[source[known], target[known]] = True
    return inside


def _with_responders(
    wanted: ComparedResponders, screen: Screen, rows: np.ndarray, shifts: pd.DataFrame | None
) -> Screen:
    """The screen of a unit with the responders behind its genes."""
    counts = sparse.hstack([sparse.csc_array(screen.counts.matrix()), wanted.counts[rows]], format="csc")
    own = np.zeros(screen.n_genes) if screen.gene_shift is None else screen.gene_shift
    more = np.zeros(len(wanted.names))
    if shifts is not None:
        out = shifts[shifts["taken_out"].astype(bool) & (shifts["of"].astype(str) == "gene")]
        more = out.set_index("name")["shift"].reindex(wanted.names).fillna(0.0).to_numpy()
    gene_shift, shifted = np.concatenate([own, more]), screen.shifted
    if shifted is None:
        gene_shift, shifted = (gene_shift, screen.group < screen.n_groups) if gene_shift.any() else (None, None)
    return replace(
        screen,
        genes=(*screen.genes, *wanted.names),
        counts=GeneCounts.of_matrix(counts),
        gene_shift=gene_shift,
        shifted=shifted,
    )
