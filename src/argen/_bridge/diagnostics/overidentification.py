"""Over-identification by guides: which cells carry which guide, and the tables of the tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.checks.guides import guide_names
from argen._bridge.gene_names import gene_names
from argen._bridge.guides.knockdown import read_guides
from argen._bridge.validate import name_some
from argen._core.diagnostics.guide_split import NO_GUIDE, GuideSplit
from argen._core.diagnostics.overidentification import NOBODY, PairTests
from argen._core.diagnostics.overidentified_equations import UNTESTED, EquationTest
from argen._core.fdr import adjusted
from argen._core.results import Dag, EdgeStatus
from argen._core.screen import Screen
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["CarriedGuides", "carried_guides", "check_split", "estimable_equations", "tables_of"]

DISAGREE = "disagree"  # of two guides nobody can tell which one
_NOT_CONVERGED, _UNTESTABLE, _FORBIDDEN = "not converged", "untestable", "forbidden"


@dataclass(frozen=True, slots=True)
class CarriedGuides:
    """Guides of the cells of an analysis.

    Attributes
    ----------
    names
        Name of each guide.
    target
        Gene of the network that each guide is against, −1 for none.
    of_cell
        The guide that each sorted cell carries, if it is the only one of its target, else
        :data:`~argen._core.diagnostics.guide_split.NO_GUIDE`.
    """

    names: np.ndarray
    target: np.ndarray
    of_cell: np.ndarray

    @property
    def n_cells(self) -> np.ndarray:
        """Cells that carry each guide as the only one of its target."""
        return np.bincount(self.of_cell[self.of_cell != NO_GUIDE], minlength=len(self.names))


def carried_guides(adata: "AnnData", key: str, screen: Screen, gene_symbols: str | None = None) -> CarriedGuides:
    """Guides of the cells of `screen` from the calls under `key`, or from an obs column of that name.

    The column `gene_symbols` of var may name the targets of the calls.
    """
    if key not in adata.uns and key in adata.obs:
        return _guides_of_column(adata, key, screen)
    table = read_guides(adata, key).tables["guides"]
    position = {gene: j for j, gene in enumerate(screen.genes)}
    genes = gene_names(adata, gene_symbols).genes(table["target"])
    against = np.array([position.get(gene, -1) for gene in genes], dtype=np.int64)
    against = np.where(table["is_control"].to_numpy(dtype=bool), -1, against)
    if (against < 0).all():
        targets = sorted(set(table["target"].astype(str)[~table["is_control"].to_numpy(dtype=bool)]))
        msg = (
            f"No guide in adata.uns[{key!r}] is against a gene of the network. Targets of the guides: "
            f"{name_some(targets)}; genes of the network: {name_some(screen.genes)}. Compare the spelling."
        )
        raise InputError(msg)
    calls = sparse.coo_array(sparse.csr_array(adata.obsm[key])[screen.cell])
    own = (calls.data != 0) & (against[calls.col] == screen.group[calls.row])
    cell, guide = calls.row[own], calls.col[own]
    of_cell = np.full(screen.n_cells, NO_GUIDE)
    of_cell[cell] = guide
    of_cell[np.bincount(cell, minlength=screen.n_cells) > 1] = NO_GUIDE
    return CarriedGuides(table["guide"].astype(str).to_numpy(dtype=object), against, of_cell)


def _guides_of_column(adata: "AnnData", column: str, screen: Screen) -> CarriedGuides:
    """The guide of each cell that a column names, as a guide against the gene that the cell perturbs.

    Where cells of several perturbations have one name, it stands for a guide of each of them.
    """
    names, number = guide_names(adata.obs[column].iloc[screen.cell])
    known = (number >= 0) & (screen.group < screen.n_groups)
    pairs, of_known = np.unique(np.column_stack([number, screen.group])[known], axis=0, return_inverse=True)
    of_cell = np.full(screen.n_cells, NO_GUIDE)
    of_cell[known] = of_known.ravel()
    times = np.bincount(pairs[:, 0], minlength=len(names))
    called = [names[g] if times[g] == 1 else f"{names[g]} of {screen.genes[k]}" for g, k in pairs.tolist()]
    return CarriedGuides(np.array(called, dtype=object), pairs[:, 1], of_cell)


def check_split(split: GuideSplit, guides: CarriedGuides, min_cells: int) -> None:
    """Raise :class:`~argen.errors.InputError` if no perturbation has two guides to compare."""
    if len(split.split_perturbations):
        return
    against = guides.target[guides.target >= 0]
    sizes = [np.sort(guides.n_cells[guides.target == k])[::-1] for k in np.unique(against)]
    second = max((int(n[1]) for n in sizes if len(n) > 1), default=0)
    msg = (
        f"No perturbation has two guides with at least min_cells={min_cells} cells each that carry no other guide of "
        "it, so "
        f"there is nothing to compare. "
    )
    if second:
        msg += (
            f"The largest second guide of a perturbation has {second} such cells; lower min_cells, to 2 at the least."
        )
    else:
        msg += "Every perturbation has cells of one guide only: give ag.pp.argen_guides the guides, not their targets."
    raise InputError(msg)


def estimable_equations(dag: Dag) -> list[tuple[int, np.ndarray]]:
    """Equations with their candidates; those that have none, or only untestable or forbidden ones, are left out."""
    out = (EdgeStatus.UNTESTABLE, EdgeStatus.FORBIDDEN)
    found = [(e.target, np.sort(e.candidates[~np.isin(e.status, out)])) for e in dag.equations]
    return [(target, candidates) for target, candidates in found if len(candidates)]


def tables_of(
    screen: Screen,
    split: GuideSplit,
    guides: CarriedGuides,
    dag: Dag,
    pairs: PairTests,
    equations: Sequence[EquationTest],
    *,
    min_cells: int,
    alpha: float,
) -> dict[str, pd.DataFrame]:
    """Tables ``perturbations``, ``guides``, ``pairs``, ``edges`` and ``equations``."""
    names = np.array(screen.genes, dtype=object)
    guide_of_group = np.where(split.guide == NO_GUIDE, "", guides.names[split.guide])
    pair_table = _pairs(pairs, names, guide_of_group, alpha)
    return {
        "perturbations": _perturbations(names, split, guides, pair_table, min_cells, alpha),
        "guides": _guides(names, split, guides),
        "pairs": pair_table,
        "edges": _edges(dag, equations, names, guide_of_group, alpha),
        "equations": _equations(equations, names),
    }


def _pairs(pairs: PairTests, names: np.ndarray, guide_of_group: np.ndarray, alpha: float) -> pd.DataFrame:
    untested = np.isnan(pairs.p)
    flags = np.where(~untested & ~pairs.converged, _NOT_CONVERGED, "").astype(object)
    flags[untested] = UNTESTED[4]
    flags[pairs.n_guides < 2] = UNTESTED[2]
    padj = adjusted(pairs.p)
    return pd.DataFrame(
        {
            "source": names[pairs.source],
            "target": names[pairs.target],
            "n_guides": pairs.n_guides,
            "ratio": pairs.ratio,
            "J": pairs.statistic,
            "df": pairs.df,
            "p": pairs.p,
            "padj": padj,
            "disagrees": _disagrees(padj < alpha, pairs.n_guides, pairs.odd, guide_of_group),
            "flags": flags,
        }
    )


def _edges(
    dag: Dag, equations: Sequence[EquationTest], names: np.ndarray, guide_of_group: np.ndarray, alpha: float
) -> pd.DataFrame:
    """One row per candidate edge of the network, in its order."""
    tests = {(k, e.target): (e, a) for e in equations for a, k in enumerate(e.candidates.tolist())}
    found = [tests.get(edge) for edge in zip(dag.source.tolist(), dag.target.tolist(), strict=True)]

    def column(name: str, missing: object) -> np.ndarray:
        return np.array([missing if f is None else getattr(f[0], name)[f[1]] for f in found], dtype=type(missing))

    p, n_guides = column("p", np.nan), column("n_guides", 0)
    padj = adjusted(p)
    left_out = np.where(dag.status == EdgeStatus.FORBIDDEN, _FORBIDDEN, _UNTESTABLE)
    flags = [why if f is None else UNTESTED[f[0].why[f[1]]] for f, why in zip(found, left_out, strict=True)]
    return pd.DataFrame(
        {
            "source": names[dag.source],
            "target": names[dag.target],
            "selected": dag.selected,
            "n_guides": n_guides,
            "J": column("statistic", np.nan),
            "df": column("df", 0),
            "p": p,
            "padj": padj,
            "disagrees": _disagrees(padj < alpha, n_guides, column("odd", NOBODY), guide_of_group),
            "flags": np.array(flags, dtype=object),
        }
    )


def _equations(equations: Sequence[EquationTest], names: np.ndarray) -> pd.DataFrame:
    p = np.array([e.whole[2] for e in equations], dtype=np.float64)
    return pd.DataFrame(
        {
            "target": np.array([names[e.target] for e in equations], dtype=object),
            "n_candidates": np.array([len(e.candidates) for e in equations], dtype=np.int64),
            "J": np.array([e.whole[0] for e in equations], dtype=np.float64),
            "df": np.array([e.whole[1] for e in equations], dtype=np.int64),
            "p": p,
            "padj": adjusted(p),
            "flags": np.array([UNTESTED[e.whole_why] for e in equations], dtype=object),
        }
    )


def _guides(names: np.ndarray, split: GuideSplit, guides: CarriedGuides) -> pd.DataFrame:
    """The guides against genes of the network, by target."""
    ours = np.flatnonzero(guides.target >= 0)
    ours = ours[np.argsort(guides.target[ours], kind="stable")]
    return pd.DataFrame(
        {
            "guide": guides.names[ours],
            "target": names[guides.target[ours]],
            "n_cells": guides.n_cells[ours],
            "used": np.isin(ours, split.guide),
        }
    )


def _perturbations(
    names: np.ndarray, split: GuideSplit, guides: CarriedGuides, pairs: pd.DataFrame, min_cells: int, alpha: float
) -> pd.DataFrame:
    """One row per perturbation of the network, with its pair of the smallest adjusted p."""
    n_guides = np.bincount(guides.target[guides.target >= 0], minlength=len(names))
    n_used = np.bincount(split.perturbation[split.guide != NO_GUIDE], minlength=len(names))
    few = f"fewer than two guides with {min_cells} cells"
    reason = np.select([n_used > 0, n_guides == 0, n_guides == 1], ["", "no guide", "one guide"], few)
    tested = pairs[pairs["p"].notna()]
    summary = tested.groupby("source").agg(
        n_pairs=("p", "size"), n_disagreeing=("padj", lambda values: int((values < alpha).sum()))
    )
    worst = tested.sort_values(["p", "target"], kind="stable").drop_duplicates("source").set_index("source")
    table = pd.DataFrame({"perturbation": names, "n_guides": n_guides, "n_guides_used": n_used})
    counts = summary.reindex(names).fillna(0).astype(np.int64)
    worst = worst.reindex(names)
    is_tested = counts["n_pairs"].to_numpy() > 0
    table["status"] = np.where(is_tested, "tested", "not tested").astype(object)
    table["reason"] = np.where((n_used > 0) & ~is_tested, "fewer than two guides with counts", reason).astype(object)
    for column in counts:
        table[column] = counts[column].to_numpy()
    for column in ("target", "p", "padj", "disagrees"):
        values = worst[column]
        table[column] = (values.fillna("") if values.dtype == object else values).to_numpy()
    return table


def _disagrees(
    significant: np.ndarray, n_guides: np.ndarray, odd: np.ndarray, guide_of_group: np.ndarray
) -> np.ndarray:
    named = np.where(odd == NOBODY, "", guide_of_group[odd])
    return np.where(significant, np.where(n_guides == 2, DISAGREE, named), "").astype(object)
