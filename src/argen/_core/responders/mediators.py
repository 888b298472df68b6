"""Possible mediators: what may lie between a parent and a responder although no search found the path (METHOD 12).

A parent whose knock-down is weak is no candidate, or its edge from above was missed, and the effect of what is above
it would be taken for direct. So equations also hold the nodes k that could carry what a parent a does to a responder t;
T are total effects, p nodes, and paths have the sign of T_at:

* neither an effect of a on k nor one of k on t can be excluded: p_ak < α, p_kt < α, α = min(α₀, √(2 / p)). Chance alone
  makes about one of them for each parent, however many nodes there are;
* k is below a in the network's relation, and the path could make all of the effect, whatever p_kt is:
  |T_ak / T_kk| (± T_kt + 1.64 se_kt) ≥ |T_at|. If the knock-down of k can hardly be seen, neither can its effects.

Mediators are adjusted for, not tested.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Observed"]

# One-sided 95 % bound of an effect.
_BOUND = 1.645


@dataclass(frozen=True, slots=True)
class Observed:
    """Total effects as the screen shows them.

    Attributes
    ----------
    effect, se, p
        Of the nodes on each other and themselves, with standard errors and p-values, shape (p, p).
    effect_responders, se_responders, p_responders
        Of the nodes on the responders, shape (p, R).
    below
        [source, target]: nodes that are known to be below others, shape (p, p).
    """

    effect: np.ndarray
    se: np.ndarray
    p: np.ndarray
    effect_responders: np.ndarray
    se_responders: np.ndarray
    p_responders: np.ndarray
    below: np.ndarray

    def mediators(self, parents: np.ndarray, largest: float) -> np.ndarray:
        """Possible mediators below the `parents` [node, responder], shape (p, R); `largest` is α₀."""
        level = min(largest, np.sqrt(2.0 / max(len(self.p), 1)))
        with np.errstate(invalid="ignore", divide="ignore"):
            moved, acts = self.p < level, self.p_responders < level  # what is unknown is excluded
            ratio = self.effect / np.diag(self.effect)
            mediators = np.zeros_like(parents)
            for r in np.flatnonzero(parents.any(axis=0)):
                A, xi = parents[:, r], self.effect_responders[:, r]
                # What a path would have to be: the effect of k on r that has the sign of what a does.
                needed = np.sign(ratio[A]) * np.sign(xi[A])[:, None]
                likely = moved[A] & acts[:, r] & (needed == np.sign(xi))
                largest_path = np.abs(ratio[A]) * np.maximum(needed * xi + _BOUND * self.se_responders[:, r], 0.0)
                could = self.below[A] & ~(largest_path < np.abs(xi[A])[:, None])
                mediators[:, r] = (likely | could).any(axis=0) & ~A
        return mediators
