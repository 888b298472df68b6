"""What is said about a descendant step while it runs: warnings about what is left out, lines of the log."""

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.checks.findings import headline
from argen._bridge.inputs import ScreenReport
from argen._bridge.results.pairs import are_many, rests_on
from argen._bridge.results.slots import total_effects_key
from argen._bridge.runtime import warn_user
from argen._bridge.validate import counted, name_some
from argen._core.graphs.reach import strong_components
from argen._core.results import DescendantTests, PairStatus, Relation
from argen._core.screen import Screen

__all__ = ["design", "log_findings", "log_large", "log_shifts", "summary", "warn_dropped", "warn_untested"]


def warn_dropped(report: ScreenReport) -> None:
    """One warning that counts and names what is left out, by reason, and one for each likely mistake."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in sorted(report.dropped.items()):
        if reason != "not among perturbations":
            by_reason.setdefault(reason, []).append(name)
    parts = [
        f"{counted(len(names), 'perturbation')} dropped, {why}: {name_some(names)}" for why, names in by_reason.items()
    ]
    lost = {what: n for what, n in report.cells.items() if n and what in _LOST_CELLS}
    levels = name_some(report.hints.alone, 3)
    where = {"alone in a covariate level": f" ({levels})" if levels else ""}
    parts += [f"{counted(n, 'cell')} dropped, {what}{where.get(what, '')}" for what, n in lost.items()]
    if parts:
        warn_user("; ".join(parts) + ". See uns[key_added]['tables']: 'perturbations', 'cells'.")
    report.hints.say()


def warn_untested(screen: Screen, tests: DescendantTests) -> None:
    """One warning for all pairs without a p-value, by reason."""
    parts = []
    for status, what in _UNTESTED.items():
        gene = np.nonzero(tests.status == status)[1]
        if len(gene):
            genes = sorted({screen.genes[k] for k in gene})
            parts.append(f"{counted(len(gene), 'pair')} {what} (genes {name_some(genes)})")
    if parts:
        where = "of ag.get.pairs" if are_many(screen.n_genes) else "in uns[key_added]['tables']['pairs']"
        warn_user("No p-value: " + "; ".join(parts) + f". See the flags {where}.")


_LOST_CELLS = ("zero depth", "alone in a covariate level")
_UNTESTED = {
    PairStatus.NO_CONTROL_COUNTS: "of genes without counts in the matching control cells",
    PairStatus.NOT_CONVERGED: "whose fit did not converge",
    PairStatus.NOT_ESTIMABLE: "whose effect or variance the data do not determine",
}


def design(screen: Screen) -> str:
    *perturbed, control = screen.n_per_group.tolist()
    columns = name_some(screen.covariate_names, 6) or "none"
    cells = f"{sum(perturbed)} perturbed and {control} control cells"
    return f"    {len(perturbed)} perturbations, {cells}, covariates: {columns}"


def log_findings(findings: pd.DataFrame) -> None:
    """One line that says where to look, and what is wrong with a depth, on which every number rests."""
    for row in findings[findings["check"] == "depth scale"].itertuples():
        log.warning(f"{row.what}. {row.advice}")
    if len(findings):
        log.warning(f"look here before you believe an edge: {headline(findings)}; see ag.get.check(adata)")


def log_shifts(shifts: pd.DataFrame) -> None:
    """One line about what was taken out of the effects of perturbations and genes as a whole."""
    out = shifts[shifts["taken_out"]]
    parts = []
    for kind, part in out.groupby(out["of"].astype(str), sort=False):
        largest = part.reindex(part["shift"].abs().sort_values(ascending=False).index)
        names = [f"{name} {shift:+.2f}" for name, shift in zip(largest["name"], largest["shift"], strict=True)]
        parts.append(f"{counted(len(part), kind)} ({name_some(names, 5)})")
    if parts:
        log.info(f"    taken out: shifts of {', of '.join(parts)}; adjust=None keeps them, see ag.get.shifts")


def log_large(relation: Relation) -> None:
    """One line about what is kept of the pairs of a large step."""
    if are_many(p := len(relation.significant)):
        log.warning(
            f"of {p * (p - 1)} pairs the {int(rests_on(relation).sum())} that are significant or descendants are kept "
            "with all their numbers, and effect, p-value (32 bits each), test and flag of the others; see ag.get.pairs"
        )


def summary(key: str, tests: DescendantTests, relation: Relation) -> str:
    numbers = {
        "{} significant": int(relation.significant.sum()),
        "{} after closure": int(relation.descendant.sum()),
        "{} genes in cycles": sum(len(genes) for genes in strong_components(relation.significant)),
        "{} mutual": int(relation.mutual.sum()) // 2,
        "{} skipped to stay acyclic": len(relation.dropped),
        "{} scored": int((tests.scored & np.isfinite(relation.padj)).sum()),
        "{} without counts in the group (separated)": int((tests.status == PairStatus.SEPARATED).sum()),
    }
    n_tested = int(np.isfinite(relation.padj).sum())
    found = ", ".join(words.format(n) for words, n in numbers.items() if n or "significant" in words)
    kept = "some total effects" if are_many(len(relation.significant)) else "total effects"
    return (
        f"{counted(n_tested, 'pair')} tested, {found}\n"
        f"added\n    {key!r}, boolean relation (adata.varp)\n    {total_effects_key(key)!r}, {kept} "
        f"(adata.varp)\n    {key!r}, tables and parameters (adata.uns)"
    )
