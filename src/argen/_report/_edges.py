"""The section of the report about single edges, with everything that is known about each."""

from collections.abc import Iterator

import pandas as pd

from argen._report._html import Text, paragraph, table
from argen._report._results import Results
from argen.pl._wording import loops_words

__all__ = ["edge_tables", "prior_rules"]

# What the columns mean, in the order of the page.
_EDGE_COLUMNS = {
    "coef": "direct effect: change of the child's log expression per log expression of the parent",
    "se": "its standard error; ci_low and ci_high: 95 % interval; p: two-sided",
    "F": "strength of the instrument for this edge; weak: below 10",
    "condition": "condition number of the child's system",
    "p_robust": "p-value that holds with a weak instrument; ci_low_robust, ci_high_robust: its 95 % set, robust_set: "
    "the shape of that set, which may be unbounded",
    "padj": "Benjamini–Hochberg over all candidate edges that were tested (joint search: over all pairs)",
    "inclusion": "probability of the edge, given the whole table",
    "reverse_residual": "what is left unexplained of the reverse effect, in standard deviations",
    "required": "put there by prior knowledge, not tested",
    "stability": "share of draws of the cells that select the edge, calibrated",
    "bootstrap_frequency": "the same without calibration, inflated for null edges, for comparison only",
    "candidate_frequency": "share of draws in which the source is a candidate parent",
    "order_frequency": "share of draws whose causal order runs this way",
    "ci_low_bootstrap": "with ci_high_bootstrap the 95 % interval of the effect from the draws",
    "share": "share of the variations of ag.tl.argen_sensitivity that have the edge; stable: all have it (where a loop "
    "is reversed, the other way round); lost_in: those that do not; coef_low, coef_high: range of the effect over them",
    "J_p": "Hansen's test that the guides of the parent agree on the effect; J its statistic with J_df degrees",
    "J_p_equation": "the same of the guides of all candidates of the child's equation",
    "J_flag": "where guides disagree: about the edge, or about its equation",
    "direction": "what decided the direction",
    "loop": "pairs in the child's equation whose order was decided although the data lead both ways: with the other "
    "order the effect may be another one",
    "alpha": "level of the batch; threshold: what was applied to its p-values",
    "mde": "smallest effect of either sign that would have been found with power .8 at the level mde_level, "
    "mde_negative and mde_positive by sign; inf where none would",
    "disagrees": "the guide of the parent that disagrees with the others",
}
_EDGE_TABLES = {
    "Effects and tests, strongest evidence first": (
        "coef", "se", "ci_low", "ci_high", "z", "p", "padj", "inclusion", "reverse_residual", "alpha", "threshold",
        "required", "direction", "loop", "flags",
    ),
    "The same edges: strength of the instruments, and what holds with weak ones": (
        "F", "weak", "condition", "p_robust", "ci_low_robust", "ci_high_robust", "robust_set", "mde",
        "mde_negative", "mde_positive", "mde_level",
    ),
    "The same edges: would they come back, and do the guides agree": (
        "stability", "bootstrap_frequency", "candidate_frequency", "order_frequency", "ci_low_bootstrap",
        "ci_high_bootstrap", "J", "J_df", "J_p", "J_padj", "J_p_equation", "J_padj_equation", "J_flag",
        "disagrees",
    ),
    "The same edges: on what do they hang": (
        "share", "stable", "coef", "coef_low", "coef_high", "lost_in",
    ),
}  # fmt: skip


def edge_tables(results: Results, edges: pd.DataFrame) -> Iterator[Text]:
    """Selected edges in tables that fit a page, and what the columns mean."""
    if "loop" in edges and (words := loops_words(edges["loop"].astype(str))):
        yield paragraph(f"{words} (column loop); the data alone do not say where to cut it.", "note")
    shown = _with_diagnostics(results, edges)
    where = f"ag.get.edges(adata, key={results.key!r})"
    # One table of all columns would be too wide for any screen or sheet of paper.
    for caption, names in _EDGE_TABLES.items():
        part = shown[["source", "target", *(name for name in names if name in shown)]]
        if part.shape[1] > len(("source", "target")):
            yield table(part, caption=caption, where=where)
    explained = [f"{name}: {text}" for name, text in _EDGE_COLUMNS.items() if name in shown]
    yield paragraph("; ".join(explained) + ".", "note")


def _with_diagnostics(results: Results, edges: pd.DataFrame) -> pd.DataFrame:
    """The edges with the columns that other tools know about each of them."""
    ends = ["source", "target"]
    wanted = {
        "sensitivity": {name: name for name in ("share", "stable", "coef_low", "coef_high", "lost_in")},
        "stability": {
            "stability": "stability",
            "bootstrap_frequency": "bootstrap_frequency",
            "candidate_frequency": "candidate_frequency",
            "order_frequency": "order_frequency",
            "ci_low": "ci_low_bootstrap",
            "ci_high": "ci_high_bootstrap",
        },
        "overidentification": {"J": "J", "df": "J_df", "p": "J_p", "padj": "J_padj", "disagrees": "disagrees"},
    }
    for name, columns in wanted.items():
        found = results.diagnostics.get(name)
        if found is None or not {*ends} <= set(found.entry.tables["edges"]):
            continue
        other = found.entry.tables["edges"]
        other = other.assign(**{end: other[end].astype(str) for end in ends}).drop_duplicates(ends)
        there = {old: new for old, new in columns.items() if old in other and new not in edges}
        edges = edges.merge(other[[*ends, *there]].rename(columns=there), on=ends, how="left")
    return edges.drop(columns=[name for name in ("selected", "verdict", "batch") if name in edges])


def prior_rules(results: Results) -> Iterator[Text]:
    """What was known beforehand."""
    rules = results.network.tables.get("prior")
    if rules is None or len(rules) == 0:
        yield paragraph("None was used.")
    else:
        yield table(rules, caption="Rules that the search respected", limit=len(rules))
