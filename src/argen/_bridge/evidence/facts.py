"""What is known about every pair that a search looked at, in one table: the facts that are graded."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from argen._bridge.evidence.concerns import concerns_of
from argen._bridge.validate import counted

__all__ = ["KNOWN", "OTHER_SIGN", "Sources", "facts_table"]

KNOWN, OTHER_SIGN = "known", "known, other sign"
ENDS = ["source", "target"]
_ESTIMATE = ("coef", "se", "ci_low", "ci_high", "z", "p", "padj")
_OF_TWO_STAGE = ("p_robust", "ci_low_robust", "ci_high_robust", "F", "direction", "loop", "required", "J_p", "J_flag",
                 "mde", "verdict", "flags")  # fmt: skip
_TEXTS = ("direction", "loop", "J_flag", "verdict", "flags", "flags_joint", "loop_joint")


@dataclass(frozen=True, slots=True)
class Sources:
    """The tables that the facts come from; None is what was not computed.

    Attributes
    ----------
    two_stage, joint
        All candidates of the searches, as :func:`argen.get.edges` has them with ``selected=False``.
    search
        What the first of them is called, ``"two-stage search"`` or the name of another method's network.
    stability, sensitivity
        Tables of edges of these diagnostics of the two-stage network.
    loops_reversed
        Whether the variations of `sensitivity` cut loops elsewhere.
    findings, neighbours
        Tables of the check.
    guides_compared
        Whether `two_stage` has the tests of :func:`argen.tl.argen_overidentification`.
    rules
        Prior knowledge of the search: ``source``, ``target``, ``rule``.
    known
        A network from the literature: ``source``, ``target``, ``weight``.
    kind
        Whether the edges are those of the network or lead to ``"responder"`` genes.
    """

    two_stage: pd.DataFrame | None
    joint: pd.DataFrame | None = None
    search: str = "two-stage search"
    stability: pd.DataFrame | None = None
    sensitivity: pd.DataFrame | None = None
    loops_reversed: bool = False
    findings: pd.DataFrame | None = None
    neighbours: pd.DataFrame | None = None
    guides_compared: bool = False
    rules: pd.DataFrame | None = None
    known: pd.DataFrame | None = None
    kind: str = "network"


def facts_table(sources: Sources) -> pd.DataFrame:
    """One row per pair; numbers that are not known are missing, texts are empty."""
    table = _pairs(sources)
    table = _with_estimates(table, sources)
    table = table.assign(
        kind=sources.kind,
        search=sources.search,
        has_two_stage=sources.two_stage is not None,
        has_joint=sources.joint is not None,
        has_stability=sources.stability is not None,
        has_sensitivity=sources.sensitivity is not None,
        has_guides=sources.guides_compared,
        has_checks=sources.findings is not None,
        loops_reversed=sources.loops_reversed,
    )
    table = _beside(table, sources.stability, {"stability": "stability"})
    table = _beside(table, sources.sensitivity, {name: name for name in ("share", "coef_low", "coef_high", "lost_in")})
    for name in ("stability", "share", "coef_low", "coef_high"):
        table[name] = table[name].astype(float) if name in table else np.nan
    lost = _texts(table.get("lost_in"), len(table))
    table["only_without_shifts"] = np.array(["shifts kept" in text for text in lost], dtype=bool)
    table["lost"] = [f" (not: {text.replace('; ', ', ')})" if text else "" for text in lost]
    return _with_prior(_with_checks(table, sources), sources)


def _pairs(sources: Sources) -> pd.DataFrame:
    """Candidates of the two-stage search, then the pairs that the joint search has besides."""
    there = [part[ENDS].astype(str) for part in (sources.two_stage, sources.joint) if part is not None]
    return pd.concat(there, ignore_index=True).drop_duplicates(ignore_index=True)


def _with_estimates(table: pd.DataFrame, sources: Sources) -> pd.DataFrame:
    names = ("selected", *_ESTIMATE, *_OF_TWO_STAGE)
    table = _beside(table, sources.two_stage, dict(zip(names, names, strict=True)))
    of_joint = {name: f"{name}_joint" for name in ("selected", *_ESTIMATE, "required", "flags", "loop")}
    table = _beside(table, sources.joint, of_joint | {"inclusion": "inclusion"})
    for name in ("selected", "required"):
        for column in (name, f"{name}_joint"):
            table[column] = _flags(table.get(column), len(table))
    table["estimate"] = np.where(_number(table, "coef").notna() | (sources.joint is None), "two-stage", "joint")
    from_joint = table["estimate"] == "joint"
    for name in _ESTIMATE:
        table[name] = _number(table, name).where(~from_joint, _number(table, f"{name}_joint"))
        table[f"{name}_joint"] = _number(table, f"{name}_joint")
    for name in ("p_robust", "ci_low_robust", "ci_high_robust", "F", "J_p", "mde", "inclusion"):
        table[name] = _number(table, name)
    for name in _TEXTS:
        table[name] = _texts(table.get(name), len(table))
    table["loops"] = [_first_and_others(text) for text in table["loop"]]
    return table


def _first_and_others(loops: str) -> str:
    """Loops as they stand in a sentence: the column ``loop`` names all of them."""
    first, *others = loops.split(", ")
    return f"{first} and {counted(len(others), 'other loop')}" if others else first


def _with_checks(table: pd.DataFrame, sources: Sources) -> pd.DataFrame:
    findings = sources.findings
    if findings is None:
        findings = pd.DataFrame({name: [] for name in ("check", "perturbations", "genes")})
    concerns = concerns_of(table["source"].to_numpy(), table["target"].to_numpy(), findings, sources.neighbours)
    words = [", ".join(concerns.columns[row]) for row in concerns.to_numpy(bool)]
    return pd.concat([table, concerns], axis=1).assign(checks=np.array(words, dtype=object))


def _with_prior(table: pd.DataFrame, sources: Sources) -> pd.DataFrame:
    """Column ``prior``: the rules of the search about a pair, and ``known`` or ``known, other sign``."""
    parts = []
    if sources.rules is not None and len(sources.rules):
        parts.append(sources.rules[[*ENDS, "rule"]].astype(str))
    if sources.known is not None and len(sources.known):
        pairs = table[[*ENDS, "coef"]].merge(sources.known, on=ENDS)
        other = pairs["coef"] * pairs["weight"] < 0
        parts.append(pairs[ENDS].assign(rule=np.where(other, OTHER_SIGN, KNOWN)))
    if not parts:
        return table.assign(prior="")
    words = pd.concat(parts).groupby(ENDS, sort=False)["rule"].agg("; ".join).rename("prior").reset_index()
    table = _beside(table, words, {"prior": "prior"})
    return table.assign(prior=_texts(table["prior"], len(table)))


def _beside(table: pd.DataFrame, other: pd.DataFrame | None, columns: Mapping[str, str]) -> pd.DataFrame:
    """The table with columns of another one, by pair; those that the other one lacks are left out."""
    if other is None:
        return table
    there = {old: new for old, new in columns.items() if old in other}
    part = other[[*ENDS, *there]].rename(columns=there)
    part = part.assign(**{end: part[end].astype(str) for end in ENDS}).drop_duplicates(ENDS)
    return table.merge(part, on=ENDS, how="left", validate="one_to_one")


def _number(table: pd.DataFrame, name: str) -> pd.Series:
    return table[name].astype(float) if name in table else pd.Series(np.nan, table.index)


def _texts(column: pd.Series | None, n: int) -> np.ndarray:
    if column is None:
        return np.full(n, "", dtype=object)
    return column.astype(object).where(column.notna(), "").astype(str).to_numpy(dtype=object)


def _flags(column: pd.Series | None, n: int) -> np.ndarray:
    if column is None:
        return np.zeros(n, dtype=bool)
    return column.astype(object).where(column.notna(), False).astype(bool).to_numpy()  # noqa: FBT003
