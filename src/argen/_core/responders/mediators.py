"""Possible mediators: what may lie between a parent and a responder although no search found the path (METHOD 12).

A parent whose knock-down is weak is no candidate, or its edge from above was missed, and the effect of what is above
it would be taken for direct. So equations also hold the nodes k for which neither an effect of a parent a on them nor
theirs on the responder t can be excluded, and whose path would have the sign of what a does to t:

    p_ak < α,  p_kt < α,  sign(T_ak T_kt / T_kk) = sign(T_at),    α = min(α₀, √(2 / p))

with T the total effects and p nodes: chance alone makes about one of them for each parent, however many nodes there
are. They are adjusted for, not tested.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Observed"]


@dataclass(frozen=True, slots=True)
class Observed:
    """Total effects as the screen shows them.

    Attributes
    ----------
    effect, p
        Of the nodes on each other and themselves, with p-values, shape (p, p).
    effect_responders, p_responders
        Of the nodes on the responders, shape (p, R); of the effects the sign is used.
    """

    effect: np.ndarray
    p: np.ndarray
    effect_responders: np.ndarray
    p_responders: np.ndarray

    def mediators(self, parents: np.ndarray, largest: float) -> np.ndarray:
        """Possible mediators below the `parents` [node, responder], shape (p, R); `largest` is α₀."""
        level = min(largest, np.sqrt(2.0 / max(len(self.p), 1)))
        with np.errstate(invalid="ignore"):
            moved, acts = self.p < level, self.p_responders < level  # what is unknown is excluded
            sign, own = np.sign(self.effect), np.sign(np.diag(self.effect))
            of_responders = np.sign(self.effect_responders)
        mediators = np.zeros_like(parents)
        for r in np.flatnonzero(parents.any(axis=0)):
            A = parents[:, r]
            agrees = sign[A] * (of_responders[:, r] * own) == of_responders[A, r][:, None]
            mediators[:, r] = (moved[A] & agrees).any(axis=0) & acts[:, r] & ~A
        return mediators
