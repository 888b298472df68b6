"""Facts → grades with their reasons, ranked."""

from collections.abc import Sequence
from string import Formatter

import numpy as np
import pandas as pd

from argen._bridge.evidence.facts import Sources, facts_table
from argen._bridge.evidence.rules import GRADES, NOT_COMPUTED, NOT_SELECTED, RULES, SUPPORT, Rule

__all__ = ["COLUMNS", "evidence_table", "graded"]

COLUMNS = (
    "source", "target", "grade", "reasons", "selected", "selected_joint", "estimate", "coef", "se", "ci_low", "ci_high",
    "p", "padj", "p_robust", "F", "inclusion", "coef_joint", "ci_low_joint", "ci_high_joint", "stability", "share",
    "coef_low", "coef_high", "loop", "direction", "J_p", "J_flag", "checks", "prior", "mde", "verdict",
)  # fmt: skip


def evidence_table(sources: Sources, *further: Sources) -> pd.DataFrame:
    """One row per pair with the columns :data:`COLUMNS`, the best grade first, then the largest test statistic.

    With `further` sources, which are of another kind of edges, the column ``kind`` tells which row is of which.
    """
    facts = pd.concat([graded(facts_table(part)) for part in (sources, *further)], ignore_index=True)
    order = np.lexsort((facts["target"], facts["source"], -facts["z"].abs().fillna(-1.0), facts["grade"].cat.codes))
    columns = [*COLUMNS[:2], "kind", *COLUMNS[2:]] if further else list(COLUMNS)
    return facts.iloc[order][columns].reset_index(drop=True)


def graded(facts: pd.DataFrame) -> pd.DataFrame:
    """The facts with ``grade`` and ``reasons``."""
    code = np.zeros(len(facts), dtype=np.int64)
    # The worst first: a reader who stops after the first reason has read the one that counts.
    against = sorted(RULES, key=lambda rule: -GRADES.index(rule.grade))
    reasons: list[list[str]] = [[] for _ in range(len(facts))]
    found = (facts["selected"] | facts["selected_joint"]).to_numpy(bool)
    for rule in against:
        at = _where(rule, facts) & (found | (rule.grade == NOT_SELECTED))
        code[at] = np.maximum(code[at], GRADES.index(rule.grade))
        _write(reasons, at, rule.words, facts)
    for rule in (*SUPPORT, *NOT_COMPUTED):
        _write(reasons, _where(rule, facts) & found, rule.words, facts)
    texts = np.array(["; ".join(words) for words in reasons], dtype=object)
    return facts.assign(grade=pd.Categorical.from_codes(code, list(GRADES), ordered=True), reasons=texts)


def _where(rule: Rule, facts: pd.DataFrame) -> np.ndarray:
    return np.broadcast_to(np.asarray(rule.holds(facts), dtype=bool), len(facts))


def _write(reasons: Sequence[list[str]], at: np.ndarray, words: str, facts: pd.DataFrame) -> None:
    names = [name for _, name, _, _ in Formatter().parse(words) if name]
    columns = [facts[name].to_numpy() for name in names]
    for i in np.flatnonzero(at):
        values = {name: column[i] for name, column in zip(names, columns, strict=True)}
        reasons[i].append(words.format_map(values))
