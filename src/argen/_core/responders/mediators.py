"""Possible mediators: what may lie between a parent and a responder although no search found the path (METHOD 12).

A parent whose knock-down is weak is no candidate, or its edge from above was missed, and the effect of what is above
it would be taken for direct. So equations also hold the nodes k for which neither an effect of a parent a on them nor
theirs on the responder t can be excluded, and whose path would have the sign of what a does to t:

    p_ak < α,  p_kt < α,  sign(T_ak T_kt / T_kk) = sign(T_at),    α = min(α₀, √(2 / p))

with T the total effects and p nodes: chance alone makes about one of them for each parent, however many nodes there
are. Where the knock-down of k can hardly be seen, neither could its effect on t: p_kt says nothing, and k stands in the
equation of t if it is below a parent in the network's relation. Mediators are adjusted for, not tested.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["SEEN", "Observed"]

# z² of a knock-down that can be seen, as F of instruments that are not weak.
SEEN = 10.0


@dataclass(frozen=True, slots=True)
class Observed:
    """Total effects as the screen shows them.

    Attributes
    ----------
    effect, se, p
        Of the nodes on each other and themselves, with standard errors and p-values, shape (p, p).
    effect_responders, p_responders
        Of the nodes on the responders, shape (p, R); of the effects the sign is used.
    below
        [source, target]: nodes that are known to be below others, shape (p, p).
    """

    effect: np.ndarray
    se: np.ndarray
    p: np.ndarray
    effect_responders: np.ndarray
    p_responders: np.ndarray
    below: np.ndarray

    @property
    def unseen(self) -> np.ndarray:
        """Nodes whose own knock-down can hardly be seen, shape (p,)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return ~((np.diag(self.effect) / np.diag(self.se)) ** 2 >= SEEN)

    def mediators(self, parents: np.ndarray, largest: float) -> np.ndarray:
        """Possible mediators below the `parents` [node, responder], shape (p, R); `largest` is α₀."""
        level = min(largest, np.sqrt(2.0 / max(len(self.p), 1)))
        with np.errstate(invalid="ignore"):
            moved, acts = self.p < level, self.p_responders < level  # what is unknown is excluded
            sign, own = np.sign(self.effect), np.sign(np.diag(self.effect))
            of_responders = np.sign(self.effect_responders)
        hidden = self.below & self.unseen
        mediators = np.zeros_like(parents)
        for r in np.flatnonzero(parents.any(axis=0)):
            A = parents[:, r]
            agrees = sign[A] * (of_responders[:, r] * own) == of_responders[A, r][:, None]
            mediators[:, r] = ((moved[A] & agrees & acts[:, r]) | hidden[A]).any(axis=0) & ~A
        return mediators
