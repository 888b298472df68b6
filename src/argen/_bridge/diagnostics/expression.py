"""Expression of genes by cell beside what the descendant step expects of a control cell."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.features import genes_of
from argen._bridge.responders.blocks import GeneReader
from argen._bridge.results.steps import DescendantStep
from argen._bridge.validate import name_some
from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.glm.baseline import baseline_means
from argen._core.glm.families import FAMILIES
from argen._core.parallel import single_threaded
from argen._core.screen import Screen
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["CONTROL_GROUP", "expression_table"]

CONTROL_GROUP = "control"


def expression_table(adata: "AnnData", step: DescendantStep, genes: object, perturbations: object) -> pd.DataFrame:
    """Rows by gene, by group (controls, then `perturbations`) and by cell in the order of the object."""
    key, nodes = step.entry.key, step.screen.genes
    gene_names = _names("genes", genes, nodes[0])
    groups = list(nodes) if perturbations is None else _names("perturbations", perturbations, nodes[0])
    groups_of, columns, screen, phi = _screen(adata, step, gene_names, groups)
    wanted = np.array([groups_of.index(name) for name in groups], dtype=np.int64)
    _check_names(groups, key)
    cells, group = _cells(screen, wanted)
    parts = []
    with single_threaded():
        for k, name in zip(columns, gene_names, strict=True):
            y = screen.counts_of(k)
            pooled = step.settings.pooled
            expected = baseline_means(y, screen.design_of(k), wanted, phi=float(phi[k]), pooled=pooled)[cells]
            parts.append(_of_gene(name, y[cells], expected, group == screen.n_groups))
    table = pd.concat(parts, ignore_index=True)
    names = np.array([*groups_of, CONTROL_GROUP], dtype=object)
    cell_names = adata.obs_names.to_numpy(dtype=object)[screen.cell[cells]]
    table.insert(0, "cell", np.tile(cell_names, len(parts)))
    table.insert(2, "group", np.tile(names[group], len(parts)))
    return table


def _screen(
    adata: "AnnData", step: DescendantStep, genes: list[str], groups: list[str]
) -> tuple[list[str], list[int], Screen, np.ndarray]:
    """Names of all groups, the column of each gene, a screen of them, and the dispersions of its genes.

    It is that of the step where it holds them all, else one of measured genes under all perturbations.
    """
    nodes = list(step.screen.genes)
    if set(genes) | set(groups) <= set(nodes):
        return nodes, [nodes.index(name) for name in genes], step.screen, step.phi
    measured = genes_of(adata)
    if unknown := [name for name in genes if name not in measured]:
        msg = f"genes names {name_some(map(repr, unknown))}, not among adata.var_names."
        raise InputError(msg)
    reader = GeneReader(adata, step.settings, step.depth_genes, step.entry.tables["shifts"])
    if unknown := [name for name in groups if name not in reader.perturbations]:
        msg = (
            f"perturbations names {name_some(map(repr, unknown))}, without enough cells in "
            f"adata.obs[{step.settings.perturbation_key!r}]. There are: {name_some(reader.perturbations)}."
        )
        raise InputError(msg)
    screen = reader.screen(measured.get_indexer(genes))
    needs = FAMILIES[step.settings.family].needs_dispersion
    phi = estimate_dispersions(screen).phi if needs else np.zeros(screen.n_genes)
    return list(reader.perturbations), list(range(len(genes))), screen, phi


def _check_names(groups: list[str], key: str) -> None:
    """No perturbation may have the name that the table gives to the controls."""
    if CONTROL_GROUP in groups:
        msg = (
            f"The perturbed gene {CONTROL_GROUP!r} of adata.uns[{key!r}] has the name of the group of control cells, "
            f"so that the two could not be told apart. Leave it out of perturbations, or give it another name (in "
            f"adata.var_names and among the labels of the perturbations) and run ag.tl.argen_descendants again."
        )
        raise InputError(msg)


def _of_gene(gene: str, y: np.ndarray, expected: np.ndarray, control: np.ndarray) -> pd.DataFrame:
    """Counts of one gene, relative to their expectation and on the scale of a control cell."""
    known = np.isfinite(expected) & (expected > 0)
    relative = np.divide(y, expected, out=np.full(len(y), np.nan), where=known)
    mean = expected[control & known].mean() if (control & known).any() else np.nan
    return pd.DataFrame({
        "gene": np.full(len(y), gene, dtype=object),
        "count": y.astype(np.int64),
        "expected": expected,
        "relative": relative,
        "adjusted": relative * mean,
    })  # fmt: skip


def _names(argument: str, names: object, example: str) -> list[str]:
    """Names of genes, each once, in the order that they are given in."""
    several = isinstance(names, Iterable) and not isinstance(names, str)
    chosen = [str(name) for name in dict.fromkeys(names)] if several else [str(names)]
    if not chosen:
        msg = f"{argument} names no gene; give at least one, such as {example!r}."
        raise InputError(msg)
    return chosen


def _cells(screen: Screen, perturbations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sorted cells of the controls and of the perturbations, each group in the order of the input, and their groups."""
    of_cell = screen.group
    groups = [screen.n_groups, *perturbations.tolist()]
    members = [np.flatnonzero(of_cell == g) for g in groups]
    members = [own[np.argsort(screen.cell[own])] for own in members]
    return np.concatenate(members), np.repeat(groups, [len(own) for own in members])
