"""All tables of a comparison, from what was estimated."""

import pandas as pd

from argen._bridge.comparison.candidates import Compared
from argen._bridge.comparison.estimates import Items, edges_of, knockdowns_of, pairs_of, responders_of
from argen._bridge.comparison.refits import Refits
from argen._bridge.comparison.responders import ComparedResponders
from argen._bridge.comparison.tables import compared_tables, designs_table, replicates_table
from argen._bridge.diagnostics.calibration import Notes
from argen.errors import InputError

__all__ = ["LARGE", "comparison_tables"]

# Pairs × units above which total effects are those of the descendant relation alone.
LARGE = 3_000_000


def comparison_tables(
    refits: Refits,
    compared: Compared,
    wanted: ComparedResponders | None,
    alpha: float,
    notes: Notes,
    *,
    has_replicates: bool,
) -> dict[str, pd.DataFrame]:
    """The tables that :func:`argen.tl.argen_compare` stores."""
    edges = edges_of(refits, compared.edges)
    if not len(edges.names):
        msg = (
            f"adata.uns[{compared.entry.key!r}] has no candidate edge among the perturbations that all levels can tell "
            "of: nothing can be compared."
        )
        raise InputError(msg)
    if n_out := len(compared.edges) - len(edges.names):
        notes.add("edges", "one of their genes is among the perturbations that are left out", n_out)
    _note_flags(notes, "edges", edges)
    all_pairs = len(refits.genes) ** 2 * len(refits.of_unit) <= LARGE
    relation = compared.equations.among(refits.genes).relation.descendant
    hc = compared.step.settings.hc
    pairs = pairs_of(refits, all_pairs=all_pairs, relation=relation, hc=hc)
    _note_flags(notes, "total effects", pairs)
    if not all_pairs:
        notes.add("total effects", "outside the descendant relation of a large network", int((~relation).sum()))
    summary, levels, contrasts = compared_tables(edges, refits, alpha, has_replicates=has_replicates)
    effects, effect_levels, effect_contrasts = compared_tables(pairs, refits, alpha, has_replicates=has_replicates)
    _, knockdowns, _ = compared_tables(knockdowns_of(refits, hc), refits, alpha, has_replicates=has_replicates)
    tables = {
        "edges": summary,
        "contrasts": contrasts,
        "levels": levels,
        "total_effects": effects,
        "total_effect_contrasts": effect_contrasts,
        "total_effect_levels": effect_levels,
        "knockdowns": knockdowns,
        "designs": designs_table(refits),
    }
    if has_replicates:
        tables["replicates"] = replicates_table(edges, refits)
    if wanted is not None:
        to_responders = responders_of(refits, wanted.edges(refits.genes))
        _note_flags(notes, "responders", to_responders)
        names = ("responders", "responder_levels", "responder_contrasts")
        found = compared_tables(to_responders, refits, alpha, has_replicates=has_replicates)
        tables |= dict(zip(names, found, strict=True))
        if has_replicates:
            tables["responder_replicates"] = replicates_table(to_responders, refits)
    return tables | {"skipped": notes.table()}


def _note_flags(notes: Notes, what: str, items: Items) -> None:
    """Estimates that are not compared, by reason."""
    found = pd.Series(items.flags.ravel()).value_counts()
    for flag, n in found[found.index != ""].sort_index().items():
        notes.add(what, f"not compared in a level: {flag}", int(n))
