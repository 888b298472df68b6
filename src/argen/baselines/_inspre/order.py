"""An order of the genes that the total effects run along, for the acyclic variant."""

import numpy as np

from argen.baselines._inspre.ratios import Ratios

__all__ = ["evidence", "forward_entries", "forward_order"]

_MAX_Z = 20.0  # beyond it one pair would outvote all others


def evidence(ratios: Ratios) -> np.ndarray:
    """min(|τ_ij| / s_ij, 20), 0 on the diagonal and where it is missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(ratios.effect) / ratios.effect_se
    z = np.minimum(np.nan_to_num(z, nan=0.0, posinf=_MAX_Z), _MAX_Z)
    np.fill_diagonal(z, 0.0)
    return z


def forward_order(weight: np.ndarray, max_rounds: int = 50) -> np.ndarray:
    """Order that has much of Σ weight_ij forward (i before j): a feedback-arc heuristic.

    It starts from the genes sorted by what leaves minus what enters, and moves one gene at a time to where it adds
    most, until no move adds anything.
    """
    net = weight - weight.T
    order = np.argsort(-net.sum(axis=1), kind="stable").tolist()
    for _ in range(max_rounds):
        moved = False
        for gene in sorted(order):
            place = order.index(gene)
            rest = order[:place] + order[place + 1 :]
            # Score of standing before the first, second … of the others: what is lost to those in front of it.
            scores = np.concatenate([[0.0], np.cumsum(net[rest, gene])])
            better = int(np.argmax(scores))
            if scores[better] > scores[place] + 1e-9:
                order = [*rest[:better], gene, *rest[better:]]
                moved = True
        if not moved:
            break
    return np.array(order, dtype=np.int64)


def forward_entries(order: np.ndarray) -> np.ndarray:
    """Entries [i, j] with i before j in the order, shape (p, p).

    The inverse of a triangular R with unit diagonal is one again, so the diagonal is not among them.
    """
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    return position[:, None] < position[None, :]
