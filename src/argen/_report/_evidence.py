"""The first sections of the report: what the edges are worth, in words and as a table, and where to look first."""

from collections.abc import Iterator

import pandas as pd

from argen._bridge.evidence.rules import GRADES, NOT_COMPUTED, NOT_SELECTED
from argen._bridge.results.entries import find_entry
from argen._bridge.validate import counted, name_some
from argen._report._html import Text, paragraph, table
from argen._report._results import Results
from argen.get._evidence import CHECK, evidence_of, findings_of

__all__ = ["evidence_section", "first_looks", "graded_edges"]

_SHOWN = (
    "source", "target", "grade", "reasons", "coef", "ci_low", "ci_high", "p", "padj", "p_robust", "F", "inclusion",
    "stability", "share", "prior",
)  # fmt: skip
_MOST_ROWS = 30
_MOST_REASONS = 4
_ABSENT = frozenset(rule.words for rule in NOT_COMPUTED)


def graded_edges(results: Results, *, responders: bool | str = False) -> pd.DataFrame:
    """The table of :func:`argen.get.evidence` with the diagnostics that belong to this network."""
    names = {kind: found.entry.key for kind, found in results.diagnostics.items() if found.of_network}
    kinds = ("stability", "sensitivity", "overidentification")
    return evidence_of(results.opened, **{kind: names.get(kind) for kind in kinds}, responders=responders)


def evidence_section(results: Results, graded: pd.DataFrame) -> Iterator[Text]:
    """A summary in words and the edges that were found, the best first."""
    found = graded[graded["grade"].astype(str) != NOT_SELECTED]
    yield paragraph(_counts(found))
    if len(found):
        yield paragraph(_best(found))
        if words := _usual_reasons(found):
            yield paragraph(words)
    if absent := sorted({word for reasons in found["reasons"] for word in reasons.split("; ") if word in _ABSENT}):
        yield paragraph(f"{'; '.join(absent).capitalize()}: that neither helps nor hurts a grade.", "missing")
    if len(found):
        shown = found[[name for name in _SHOWN if not _is_empty(found[name])]]
        shown = shown.assign(grade=shown["grade"].astype(str), reasons=[_without_absent(r) for r in shown["reasons"]])
        where = f"ag.get.evidence(adata, key={results.key!r})"
        yield table(shown, caption="Edges that a search has found, the best first", limit=_MOST_ROWS, where=where)


def _counts(found: pd.DataFrame) -> str:
    if found.empty:
        return "No search has found an edge."
    counts = found["grade"].astype(str).value_counts()
    words = ", ".join(f"{counts.get(grade, 0)} {grade}" for grade in GRADES if grade != NOT_SELECTED)
    return f"{counted(len(found), 'edge')} found by the searches: {words}."


def _best(found: pd.DataFrame) -> str:
    grade = found["grade"].astype(str).iloc[0]
    best = found[found["grade"].astype(str) == grade]
    pairs = [f"{row.source} → {row.target} ({row.coef:+.2f})" for row in best.itertuples()]
    return f"The best are {grade}: {name_some(pairs, 5)}."


def _usual_reasons(found: pd.DataFrame) -> str:
    """What decides most often against a better grade: the first reason of the edges that are not strong."""
    first = [row.reasons.split("; ")[0] for row in found.itertuples() if str(row.grade) != GRADES[0]]
    if not first:
        return ""
    counts = pd.Series(first).value_counts(sort=False).sort_values(ascending=False, kind="stable").head(_MOST_REASONS)
    words = "; ".join(f"{reason} ({counted(n, 'edge')})" for reason, n in counts.items())
    return f"What most often keeps an edge from a better grade: {words}."


def _without_absent(reasons: str) -> str:
    """What was not computed is said once above the table."""
    return "; ".join(word for word in reasons.split("; ") if word not in _ABSENT)


def _is_empty(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(object) == "")).all())


def first_looks(results: Results) -> Iterator[Text]:
    """The findings of the checks, or that none spoke, and what was not looked at."""
    stored, _ = findings_of(results.adata, results.opened.step, CHECK, lambda _: None)
    findings = None if stored is None else results.opened.names.rename(stored)
    if findings is None:
        yield paragraph("not computed: run ag.tl.argen_descendants, or ag.tl.argen_check", "missing")
        return
    if len(findings):
        shown = findings[["check", "what", "advice", "perturbations", "genes", "strength", "measure"]]
        words = "A true regulator can look the same: these say where to look, never that an edge is wrong."
        yield paragraph(words)
        yield table(shown.assign(check=shown["check"].astype(str)), where="ag.get.check(adata)")
    else:
        yield paragraph("No check spoke.")
    if results.opened.step is not None:
        yield from _taken_out(
            results.opened.names.rename(results.opened.step.tables["shifts"]),
            results.opened.step.settings.get("adjust"),
        )
    yield from _not_looked_at(results, stored)


def _taken_out(shifts: pd.DataFrame, adjust: str | None) -> Iterator[Text]:
    """What was taken out of all effects, the largest shifts by name."""
    out = shifts[shifts["taken_out"].astype(bool)]
    parts = []
    for of, part in out.groupby(out["of"].astype(str), sort=False):
        largest = part.loc[part["shift"].abs().sort_values(ascending=False, kind="stable").index]
        names = [f"{name} {shift:+.2f}" for name, shift in zip(largest["name"], largest["shift"], strict=True)]
        parts.append(f"{counted(len(part), of)} ({name_some(names)})")
    if parts:
        words = (
            f"Taken out of all effects (adjust={adjust!r}): shifts of {' and of '.join(parts)}; ag.get.shifts(adata)."
        )
        yield paragraph(words)


def _not_looked_at(results: Results, findings: pd.DataFrame) -> Iterator[Text]:
    entry = find_entry(results.adata, CHECK)
    if entry is None or entry.kind != "check" or entry.tables["findings"] is not findings:
        words = "The checks of covariates, control guides, unequal guides and neighbours have not run"
        yield paragraph(f"{words} (`ag.tl.argen_check`).", "missing")
        return
    skipped = entry.tables["not_checked"]
    if len(skipped):
        reasons = ", ".join(f"{row.check} ({row.reason})" for row in skipped.itertuples())
        yield paragraph(f"Not looked at: {reasons}.", "missing")
