"""Loops: pairs of genes whose order was decided, although the data lead both ways, and the equations that hold both.

A DAG has to leave out one half of every loop. Which half it is changes the candidates and the first stages of every
equation that holds both genes, hence also effects of genes that are in no loop themselves.
"""

import numpy as np

from argen._core.results import Dag, EdgeStatus, Equation, Relation

__all__ = ["loop_pairs", "loops_of_equations"]

_OUTSIDE = (EdgeStatus.UNTESTABLE, EdgeStatus.FORBIDDEN)


def loop_pairs(relation: Relation, order: np.ndarray) -> np.ndarray:
    """Pairs (earlier, later) whose later gene has the earlier one among its significant pairs or descendants.

    These are the pairs that ``closure="acyclic"`` skipped, mutual descendants under the other closures, and pairs that
    prior knowledge of the order contradicts.

    Parameters
    ----------
    relation
        Significant pairs and descendants.
    order
        Causal order, roots to sinks, shape (p,).

    Returns
    -------
    Shape (n, 2), by the place of the earlier, then of the later gene in the order.
    """
    against = (relation.significant | relation.descendant)[np.ix_(order, order)]
    later, earlier = np.nonzero(np.tril(against, k=-1))
    rank = np.lexsort((later, earlier))
    return np.column_stack([order[earlier[rank]], order[later[rank]]])


def loops_of_equations(dag: Dag, pairs: np.ndarray) -> list[np.ndarray]:
    """For each equation of `dag` the positions of the `pairs` both of whose genes it holds, target or candidate."""
    return [np.flatnonzero(np.isin(pairs, _genes_of(equation)).all(axis=1)) for equation in dag.equations]


def _genes_of(equation: Equation) -> np.ndarray:
    """The target and the candidates that its estimates rest on."""
    return np.append(equation.candidates[~np.isin(equation.status, _OUTSIDE)], equation.target)
