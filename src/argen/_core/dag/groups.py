"""The search within groups of genes, such as chromosomes: each on its own cells, all edges in one family of tests."""

from typing import Any

import numpy as np

from argen._core.dag.order import directed, place_genes
from argen._core.dag.search import search_dag, select_edges
from argen._core.descendants.prior import Prior
from argen._core.results import Dag, DescendantTests, Relation
from argen._core.screen import CONTROL, Screen, regroup

__all__ = ["pairs_within", "search_groups"]


def pairs_within(group: np.ndarray) -> np.ndarray:
    """[source, target]: both genes are in one group, given by numbers; genes with −1 are in none."""
    return (group[:, None] == group[None, :]) & (group >= 0)[:, None]


def search_groups(
    screen: Screen,
    tests: DescendantTests,
    relation: Relation,
    group: np.ndarray,
    *,
    alpha: float,
    fdr: str,
    prior: Prior,
    **how: Any,
) -> Dag:
    """Search every group, see :func:`~argen._core.dag.search.search_dag`.

    A gene's equation rests on the cells of its group's perturbations and on the controls: cells of other perturbations
    would be its baseline, although these may act on it. The order is that of all genes, in which the genes of a group
    stand as they would alone; FDR control runs over all equations in that order.

    Parameters
    ----------
    relation
        Related pairs, within groups alone (:func:`pairs_within`).
    group
        Number of the group of each gene, −1 for none, shape (p,).
    alpha, fdr, prior, how
        As there.
    """
    placed = how.pop("placed", None) or place_genes(relation.descendant, tests.neg_log10_p, before=prior.before)
    order, tied = placed
    found = {}
    for number in np.unique(group[group >= 0]):
        inside = group == number
        if inside.sum() > 1:
            own = relation.within(inside)
            dag = search_dag(
                _cells_of(screen, inside), tests, own, alpha=alpha, fdr=fdr, prior=prior, placed=placed, **how
            )
            found |= {equation.target: equation for equation in dag.equations}
    equations = [found[gene] for gene in order[::-1].tolist() if gene in found]
    return directed(select_edges(order, equations, alpha, fdr, prior.required), relation, tied, prior.before)


def _cells_of(screen: Screen, inside: np.ndarray) -> Screen:
    """The screen with the cells of these perturbations and of the controls alone."""
    group = screen.group
    is_control = group == screen.n_groups
    keep = is_control | np.append(inside, False)[group]
    return regroup(screen, np.where(is_control, CONTROL, group), screen.n_groups, keep)
