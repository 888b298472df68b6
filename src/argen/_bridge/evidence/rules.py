"""How the evidence for an edge is graded: the whole of it, as lists to read from top to bottom.

A selected edge starts as `strong`. Every rule of :data:`RULES` that holds is a reason, and the lowest grade among these
is the edge's. A fact that is not known makes no rule hold: it neither helps nor hurts. :data:`SUPPORT` says what speaks
for an edge, :data:`NOT_COMPUTED` what could have and was not asked.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from argen._bridge.evidence.facts import KNOWN, OTHER_SIGN
from argen._bridge.results.tables import WEAK_F

__all__ = ["GRADES", "NOT_COMPUTED", "NOT_SELECTED", "RULES", "SUPPORT", "Rule"]

STRONG, MODERATE, WEAK, DOUBTFUL, NOT_SELECTED = GRADES = ("strong", "moderate", "weak", "doubtful", "not selected")

LEVEL = 0.05  # of a test that confirms another one
STABLE, SHAKY = 0.8, 0.5  # share of the draws of the cells
SURE, LIKELY = 0.99, 0.9  # probability of an edge in the joint search
MOST = 0.9  # share of the variations

Facts = pd.DataFrame


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence about edges.

    Attributes
    ----------
    grade
        The highest that an edge can have for which it holds.
    holds
        Of the table of facts, one boolean per edge.
    words
        The reason; facts in braces are filled in.
    """

    grade: str
    holds: Callable[[Facts], pd.Series]
    words: str


def _found(facts: Facts) -> pd.Series:
    return facts["selected"] | facts["selected_joint"]


def _both_ran(facts: Facts) -> pd.Series:
    return facts["has_two_stage"] & facts["has_joint"]


def _sure(facts: Facts) -> pd.Series:
    """The joint search, which weighs all orders, has hardly a doubt."""
    doubts = (facts["flags_joint"] != "") | (facts["loop_joint"] != "")
    return facts["selected_joint"] & (facts["inclusion"] >= SURE) & ~doubts


def _settled(facts: Facts) -> pd.Series:
    """Whichever way its loops are cut, the edge is there."""
    return _sure(facts) | (facts["loops_reversed"] & (facts["share"] == 1))


def _only_joint(facts: Facts) -> pd.Series:
    return _both_ran(facts) & ~facts["selected"] & facts["selected_joint"]


def _shaky(facts: Facts) -> pd.Series:
    """Most draws do not have it, and the joint search is not sure either."""
    return facts["selected"] & (facts["stability"] < SHAKY) & ~_sure(facts)


def _unstable(facts: Facts) -> pd.Series:
    return facts["selected"] & (facts["stability"] < STABLE) & ~_shaky(facts)


def _in_most(facts: Facts) -> pd.Series:
    return facts["selected"] & (facts["share"] >= MOST) & (facts["share"] < 1)


def _of_network(facts: Facts) -> pd.Series:
    return facts["kind"] == "network"


def _confirmed(facts: Facts) -> pd.Series:
    """Something beside the search that found the edge was asked about it."""
    return _both_ran(facts) | facts["stability"].notna() | facts["share"].notna()


RULES = (
    # Found by no search.
    Rule(NOT_SELECTED, lambda f: ~_found(f) & (f["flags"] == "forbidden"), "forbidden by prior knowledge"),
    Rule(NOT_SELECTED, lambda f: ~_found(f) & (f["verdict"] == "not testable"), "could not be tested"),
    Rule(NOT_SELECTED, lambda f: ~_found(f) & (f["verdict"] == "tested"), "an effect of {mde:.2g} would be found"),
    Rule(NOT_SELECTED, lambda f: ~_found(f) & ~f["verdict"].isin(["tested", "not testable"]), "found by no search"),
    # Two searches, or two tests, that contradict each other.
    Rule(DOUBTFUL, lambda f: _both_ran(f) & f["selected"] & ~f["selected_joint"], "not found by the joint search"),
    Rule(WEAK, lambda f: _only_joint(f) & ~_sure(f), "not found by the {search}"),
    Rule(MODERATE, lambda f: _only_joint(f) & _sure(f), "not found by the {search}, sure in the joint search"),
    Rule(WEAK, lambda f: f["selected"] & (f["p_robust"] > LEVEL), "robust test does not agree (p {p_robust:.2g})"),
    Rule(WEAK, lambda f: f["inclusion"] < LIKELY, "inclusion {inclusion:.2f}"),
    Rule(MODERATE, lambda f: (f["inclusion"] >= LIKELY) & (f["inclusion"] < SURE), "inclusion {inclusion:.2f}"),
    # What the estimate rests on.
    Rule(WEAK, lambda f: f["F"] < WEAK_F, "weak instruments (F {F:.1f})"),
    Rule(WEAK, lambda f: f["J_flag"].str.contains("edge"), "guides of {source} disagree about it (J)"),
    Rule(MODERATE, lambda f: f["J_flag"] == "equation", "guides disagree about the equation of {target} (J)"),
    Rule(MODERATE, lambda f: f["required"] | f["required_joint"], "put there by prior knowledge, not tested"),
    # Loops: which half was kept is not in the data.
    Rule(WEAK, lambda f: (f["loop"] != "") & ~_settled(f), "hangs on the direction of {loops}"),
    Rule(MODERATE, lambda f: (f["loop"] != "") & _settled(f), "size hangs on the direction of {loops}"),
    Rule(WEAK, lambda f: f["flags_joint"].str.contains("loop"), "direction undetermined in the joint search"),
    Rule(WEAK, lambda f: f["loop_joint"] != "", "the joint search cannot tell {source} from the other end of a loop"),
    Rule(WEAK, lambda f: f["flags_joint"].str.contains("unstable"), "unstable in the joint search"),
    # Would it come back: from other cells, with other choices?
    Rule(WEAK, _shaky, "stability {stability:.2f}"),
    Rule(MODERATE, _unstable, "stability {stability:.2f}"),
    Rule(WEAK, lambda f: f["selected"] & f["only_without_shifts"], "there only because shifts were taken out"),
    Rule(WEAK, lambda f: f["selected"] & (f["share"] < MOST), "in {share:.0%} of the variations{lost}"),
    Rule(MODERATE, _in_most, "in {share:.0%} of the variations{lost}"),
    Rule(MODERATE, lambda f: ~_confirmed(f), "nothing but its search was asked about it"),
    # Checks say where to look, never that an edge is wrong.
    Rule(WEAK, lambda f: f["neighbours"], "{source} and {target} are neighbours, which share knock-downs"),
    Rule(WEAK, lambda f: f["shared programme"], "both ends are in one shared programme"),
    Rule(MODERATE, lambda f: f["composition of the source"], "all effects of {source} are shifted (composition)"),
    Rule(MODERATE, lambda f: f["composition of the target"], "{target} carries much of the depth (composition)"),
    Rule(MODERATE, lambda f: f["common response of the target"], "most perturbations move {target} (common response)"),
    Rule(MODERATE, lambda f: f["guides of the source"], "guides of {source} are unequal"),
    Rule(MODERATE, lambda f: f["survivors of the source"], "few cells of {source} are left (survivors)"),
    Rule(MODERATE, lambda f: f["controls of the source"], "cells of {source} without controls of their kind"),
    Rule(MODERATE, lambda f: f["controls of the target"], "a control guide moves {target}"),
    Rule(MODERATE, lambda f: f["covariates of the source"], "covariates take in the effect of {source}"),
)  # fmt: skip

SUPPORT = (
    Rule(STRONG, lambda f: f["selected"] & f["selected_joint"], "found by both searches"),
    Rule(STRONG, lambda f: f["selected"] & (f["share"] == 1), "in every variation"),
    Rule(STRONG, lambda f: f["selected"] & (f["stability"] >= STABLE), "stability {stability:.2f}"),
    Rule(STRONG, lambda f: f["J_p"].notna() & (f["J_flag"] == ""), "guides agree"),
    Rule(STRONG, lambda f: f["prior"].str.endswith(KNOWN), "known"),
    Rule(STRONG, lambda f: f["prior"].str.endswith(OTHER_SIGN), "known with the other sign"),
)  # fmt: skip

NOT_COMPUTED = (
    Rule(STRONG, lambda f: ~f["has_joint"] & _of_network(f), "joint search not computed"),
    Rule(STRONG, lambda f: ~f["has_joint"] & ~_of_network(f), "responders of a joint network not computed"),
    Rule(STRONG, lambda f: ~f["has_two_stage"] & _of_network(f), "two-stage search not computed"),
    Rule(STRONG, lambda f: ~f["has_two_stage"] & ~_of_network(f), "responders of a two-stage network not computed"),
    Rule(STRONG, lambda f: f["has_two_stage"] & ~f["has_stability"], "stability not computed"),
    Rule(STRONG, lambda f: f["has_two_stage"] & ~f["has_sensitivity"] & _of_network(f), "variations not computed"),
    Rule(STRONG, lambda f: f["has_two_stage"] & ~f["has_guides"] & _of_network(f), "agreement of guides not computed"),
    Rule(STRONG, lambda f: ~f["has_checks"], "checks not computed"),
)  # fmt: skip
