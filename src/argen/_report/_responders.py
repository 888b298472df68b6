"""What a report says of the genes that a network regulates and that are no nodes of it."""

from collections.abc import Iterator

from argen import get
from argen._bridge.results.entries import Entry, find_entry
from argen._bridge.results.network import diagnostics_of
from argen._report._evidence import graded_edges
from argen._report._html import Text, paragraph, table
from argen._report._results import Results

__all__ = ["responders_section"]

_MOST = 30
_COLUMNS = [
    "source", "target", "grade", "reasons", "coef", "se", "ci_low", "ci_high", "p", "padj", "F", "p_robust",
    "inclusion", "loop",
]  # fmt: skip


def responders_section(results: Results) -> Iterator[Text]:
    """Edges to responders by source, and the strongest of them."""
    found = [entry for entry in diagnostics_of(results.adata, results.key) if entry.kind == "responders"]
    if not found:
        yield paragraph(
            "Not computed: which measured genes the genes of the network regulate. ag.tl.argen_responders does it.",
            "missing",
        )
        return
    for entry in found:
        yield from _of_result(results, entry)


def _of_result(results: Results, entry: Entry) -> Iterator[Text]:
    network = find_entry(results.adata, results.key)
    if entry.made_from.get("network") != network.id:
        yield paragraph(f"`uns[{entry.key!r}]` was made from an older network: run ag.tl.argen_responders again.")
        return
    edges = get.responders(results.adata, key=entry.key, gene_symbols=results.gene_symbols)
    genes = entry.tables["genes"]
    n_found, alpha = int((genes["n_edges"] > 0).sum()), entry.settings["alpha"]
    yield paragraph(
        f"`uns[{entry.key!r}]`: {len(edges)} direct effects on {n_found} of {len(genes)} genes that are measured and "
        f"no nodes, at a false discovery rate of {alpha:g} (Benjamini and Hochberg over "
        f"{int(genes['n_candidates'].sum())} candidates). Direct means: not through another gene of the network; a "
        "path through genes that are no nodes is direct."
    )
    if not len(edges):
        return
    grades = graded_edges(results, responders=entry.key)[["source", "target", "grade", "reasons"]]
    edges = edges.merge(grades.assign(grade=grades["grade"].astype(str)), on=["source", "target"], how="left")
    counts = edges["source"].value_counts()
    yield paragraph("By source: " + ", ".join(f"{source} {n}" for source, n in counts.items()) + ".")
    where = f"ag.get.responders(adata, key={entry.key!r})"
    columns = [name for name in _COLUMNS if name in edges]
    yield table(edges[columns].head(_MOST), caption="Strongest effects on genes that are no nodes", where=where)
