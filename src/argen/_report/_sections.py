"""The sections of the report, one function each."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd

from argen import __version__, get, pl
from argen._bridge.diagnostics.record import DIAGNOSTICS
from argen._bridge.features import genes_of
from argen._bridge.results.entries import find_entry
from argen._bridge.results.network import diagnostics_of, networks_of_step
from argen._bridge.validate import counted
from argen._report._edges import edge_tables, prior_rules
from argen._report._evidence import evidence_section, first_looks, graded_edges
from argen._report._html import Section, Text, figure, notice, page, paragraph, table, values
from argen._report._joint import fit_section, joint_words
from argen._report._power import power_section
from argen._report._responders import responders_section
from argen._report._results import Results, read_results
from argen.pl._axes import on_paper
from argen.pl._network import draw_network
from argen.pl._network.grades import with_grades
from argen.pl._perturbations import draw_perturbations

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["write_page"]

_MOST_DRAWN = 150  # edges of a network that can be read as a picture
_CONDITIONAL = " P-values of edges are conditional on a right ancestor set and order."
_SEEDS = ("seed", "rng", "random_state")
# Columns of the edges of the sensitivity analysis that say nothing about an edge of the network.
_NOT_SHOWN = ["selected", "stable", "found_in"]


def write_page(adata: "AnnData", key: str, title: str | None, date: str | None, gene_symbols: str | None = None) -> str:
    """The report as HTML."""
    results = read_results(adata, key, gene_symbols)
    edges = results.opened.edges
    kept = len(results.network.tables["nodes"])
    title = title or f"Causal network: {counted(len(edges), 'edge')} among {counted(kept, 'perturbation')}"
    head = [paragraph(str(date))] if date else []
    head.append(paragraph(f"argen {__version__}, network `uns[{key!r}]`."))
    doubts = [*results.doubts, *(doubt for d in results.diagnostics.values() for doubt in d.doubts)]
    head += [notice(doubt) for doubt in doubts]
    absent = (record for kind, record in DIAGNOSTICS.items() if kind not in results.diagnostics)
    missing = [f"{record.kind} (`{record.function}`)" for record in absent]
    if missing and not _is_joint(results) and not _is_read(results):  # they are of the two-stage search
        head.append(paragraph("Not computed: " + ", ".join(missing) + ".", "missing"))
    return page(title, Text("\n".join(head)), _sections(results, edges))


def _is_joint(results: Results) -> bool:
    return results.network.settings["method"] == "joint"


def _is_read(results: Results) -> bool:
    return not results.step_key


def _sections(results: Results, edges: pd.DataFrame) -> Iterator[Section]:
    joint, graded = _is_joint(results), None if _is_read(results) else graded_edges(results)
    two_stage = not joint and not _is_read(results)
    if graded is not None:
        yield Section("evidence", "What the edges are worth", *evidence_section(results, graded))
    yield Section("look", "Look here first", *first_looks(results))
    yield Section("data", "Data: what was used and what was dropped", *_data(results))
    yield Section("design", "Design", *_design(results))
    if two_stage:
        yield Section("calibration", "Calibration", *_calibration(results))
    yield Section("instruments", "Instruments", *_instruments(results))
    yield Section("network", "Network", *_network(results, edges, graded))
    if joint:
        yield Section("fit", "Fit: what the network does not explain", *fit_section(results, _drawn))
    yield Section("edges", "Strongest edges", *edge_tables(results, edges))
    yield Section("responders", "Genes that the network regulates", *responders_section(results))
    yield Section("prior", "Prior knowledge", *prior_rules(results))
    if two_stage:
        yield from _two_stage_sections(results)
    yield Section("power", "What was not found, and could have been", *power_section(results, is_joint=joint))
    yield Section("parameters", "Parameters, seeds and versions", *_parameters(results))
    yield Section("citation", "How to cite", *_citation())


def _two_stage_sections(results: Results) -> Iterator[Section]:
    yield Section("equations", "Systems without a solution, or with too many instruments", *_equations(results))
    yield Section("cycles", "Cycles", *_cycles(results))
    yield Section("sensitivity", "Sensitivity to choices", *_sensitivity(results))
    yield Section("stability", "Stability under resampling of cells", *_stability(results))
    yield Section("overidentification", "Over-identification: do guides agree?", *_overidentification(results))


def _data(results: Results) -> Iterator[Text]:
    adata = results.adata
    yield paragraph(f"{adata.n_obs:,} cells × {len(genes_of(adata)):,} genes in the object as it is now.")
    if results.step is None:
        yield _no_step(results)
    else:
        yield table(results.step.tables["cells"], caption="What became of the cells")
        perturbations = results.perturbations
        kept = perturbations["status"].astype(str) == "kept"
        yield paragraph(f"{int(kept.sum())} of {counted(len(perturbations), 'perturbation')} in the analysis.")
        dropped = perturbations.loc[~kept, ["perturbation", "reason", "n_cells"]]
        if len(dropped):
            where = f"ag.get.perturbations(adata, key={results.step_key!r})"
            yield table(dropped, caption="Perturbations that were dropped", where=where)
    yield from _guide_calls(results)
    if (qc := find_entry(adata, "argen_qc")) is not None and qc.kind == "qc":
        rules = get.qc(adata, gene_symbols=results.gene_symbols)
        yield table(rules, caption="Quality control", where="ag.get.qc(adata)")
    else:
        yield _missing("Quality control of argen", "ag.pp.argen_qc")


def _guide_calls(results: Results) -> Iterator[Text]:
    guides = find_entry(results.adata, "argen_guides")
    if guides is None or guides.kind != "guides":
        yield _missing("Guide calls by argen", "ag.pp.argen_guides", "labels came with the data")
        return
    yield table(guides.tables["cells"], caption="Guide calls: cells by status")
    columns = ["guide", "target", "n_cells", "n_umi", "threshold", "fallback"]
    called = results.opened.names.rename(guides.tables["guides"])
    part = called[[name for name in columns if name in called]]
    if "fallback" in called and (odd := part["fallback"].astype(str) != "").any():
        yield table(part[odd], caption="Guides that were called by a threshold, and why", where="ag.get.guides(adata)")
    yield paragraph(f"{counted(len(called), 'guide')} in all, see `ag.get.guides(adata)` for each.")


def _design(results: Results) -> Iterator[Text]:
    network = results.network.settings
    entries: dict[str, object] = {}
    if results.step is not None:
        made = results.step.settings
        covariates = results.step.tables["covariates"]
        entries |= {
            "control cells": made.get("control", "control"),
            "covariates": made.get("covariates") or "none",
            "columns of the design": ", ".join(map(str, covariates)) if len(covariates) else "none",
            "depth": made.get("depth", "total count of all genes of the matrix"),
            "family": made["family"],
            "test of total effects": f"{made['test']} ({made['hc']})",
            "closure of the descendants": made["closure"],
            "level of the descendants (Benjamini–Hochberg)": float(made["alpha"]),
        }
    names = {
        "first_stage": "first stage",
        "covariance": "covariance of the edges",
        "edges_hc": "residuals of the edges",
        "fdr": "FDR control of the edges",
        "alpha": "level of the edges",
    }
    entries |= {text: network[name] for name, text in names.items() if name in network}
    yield values(entries)


def _calibration(results: Results) -> Iterator[Text]:
    found = results.diagnostics.get("calibration")
    if found is None:
        yield _not_computed("calibration")
        return
    yield from map(notice, found.doubts)
    yield paragraph(
        "Rates of the tests on control cells. They cannot show an ancestor that was missed, nor causes that depend on "
        "the guide of a cell (survival, a batch that is left out): these make false edges while all rates are right."
    )
    has_responders = any(entry.kind == "responders" for entry in diagnostics_of(results.adata, results.key))
    if has_responders and "responders" not in found.entry.tables["summary"]["nulls"].astype(str).tolist():
        yield paragraph(
            "Edges to genes that are no nodes were not calibrated: ag.tl.argen_calibration(responders=True) does it."
        )
    draw = getattr(pl, "argen_calibration", None)
    if draw is not None:
        yield from _drawn(
            draw(results.adata, key=found.entry.key, show=False), "p-values of perturbations without an effect"
        )
    yield table(_upright(found.entry.tables["summary"]), caption="summary")
    for name in ("positive_controls", "skipped"):
        if len(found.entry.tables[name]):
            yield table(
                found.entry.tables[name],
                caption=name.replace("_", " "),
                where=f"uns[{found.entry.key!r}]['tables'][{name!r}]",
            )


def _upright(summary: pd.DataFrame) -> pd.DataFrame:
    """One row per figure and one column per kind of null."""
    upright = summary.set_index(summary.columns[0]).T.rename_axis("figure").reset_index()
    return upright.rename_axis(None, axis=1)


def _instruments(results: Results) -> Iterator[Text]:
    if results.step is None:
        yield _no_step(results)
        return
    where = f"ag.get.perturbations(adata, key={results.step_key!r})"
    perturbations = results.perturbations
    kept = perturbations[perturbations["status"].astype(str) == "kept"]
    n_weak = int(kept["weak"].sum())
    yield paragraph(
        f"{n_weak} of {counted(len(kept), 'perturbation')} weak: the squared ratio of the knock-down and its "
        "standard error, "
        "z_squared, is below 10 or missing. Edges that start at a weak perturbation are uncertain, and so may be their "
        "standard errors."
    )
    if len(kept):
        axes = on_paper(draw_perturbations)(perturbations, networks=networks_of_step(results.adata, results.step_key))
        yield from _drawn(axes, "knock-down of every perturbation with its cells and candidate edges")
    shown = kept.drop(columns=["status", "reason"]).sort_values("z_squared", na_position="first", kind="stable")
    yield table(
        shown,
        caption="Perturbations, the weakest first; effect: natural log fold change in their own cells",
        where=where,
    )


def _network(results: Results, edges: pd.DataFrame, graded: pd.DataFrame | None) -> Iterator[Text]:
    candidates, graph = results.opened.candidates, results.opened.graph()
    graph = graph if graded is None else with_grades(graph, graded)
    flagged = int((edges["flags"].astype(str) != "").sum())
    if _is_joint(results):
        words = f"{counted(len(edges), 'edge')} selected, {flagged} of them with a flag. {joint_words(results)}"
    else:
        words = (
            f"{counted(len(edges), 'edge')} selected of {counted(len(candidates), 'candidate')}, {flagged} of them "
            f"with a flag.{'' if _is_read(results) else _CONDITIONAL}"
        )
    yield paragraph(words)
    if not nx.is_directed_acyclic_graph(graph):
        yield paragraph("The network of this method holds cycles and is not drawn.", "missing")
        return
    options: dict[str, Any] = {}
    if len(edges) > _MOST_DRAWN:
        size = edges["coef"].abs().fillna(0.0)
        smallest = float(size.sort_values(ascending=False).iloc[_MOST_DRAWN - 1])
        shown = edges[size >= smallest]
        options = {"genes": sorted({*shown["source"], *shown["target"]}), "min_abs_coef": smallest}
        yield paragraph(f"Drawn are the {len(shown)} edges with the largest effects.", "note")
    yield from _drawn(on_paper(draw_network)(graph, **options), "the network")


def _equations(results: Results) -> Iterator[Text]:
    equations = results.network.tables.get("equations")
    if equations is None:
        yield paragraph("This method solves no equations.", "missing")
        return
    lost = equations[equations["singular_because_of"].astype(str) != ""]
    square = int((~equations["over_identified"].astype(bool)).sum())
    general = equations[equations["over_identified"].astype(bool)]
    yield paragraph(
        f"{counted(len(equations), 'gene')} with candidate parents: {square} with as many instruments as candidates, "
        f"{len(general)} with more, {len(lost)} singular, that is without edge estimates."
    )
    where = f"adata.uns[{results.key!r}]['tables']['equations']"
    if len(lost):
        yield table(lost, caption="Singular systems", where=where)
    if len(general):
        yield table(general, caption="Over-identified systems, fitted as a regression", where=where)
    worst = equations.sort_values("condition", ascending=False, kind="stable", na_position="last").head(10)
    yield table(worst, caption="Largest condition numbers", limit=10)


def _cycles(results: Results) -> Iterator[Text]:
    cycles = results.network.tables.get("cycles", pd.DataFrame())
    yield paragraph(
        f"{counted(len(cycles), 'pair')} of genes that descend from each other; the order chose a direction."
    )
    if len(cycles):
        yield table(cycles, where=f"adata.uns[{results.key!r}]['tables']['cycles']")
    if results.step is None:
        return
    for name, text in (
        ("components", "Genes that the significant pairs join into cycles"),
        ("dropped_pairs", "Significant pairs that were skipped so that no cycle is closed"),
    ):
        part = results.step.tables[name]
        yield paragraph(f"{text}: {len(part)}.")
        if len(part):
            yield table(part, where=f"adata.uns[{results.step_key!r}]['tables'][{name!r}]")


def _sensitivity(results: Results) -> Iterator[Text]:
    found = results.diagnostics.get("sensitivity")
    if found is None:
        yield _not_computed("sensitivity")
        return
    yield from map(notice, found.doubts)
    yield table(found.entry.tables["variations"], caption="The network with other choices")
    edges = found.entry.tables["edges"]
    base = edges[edges["selected"].astype(bool)]
    yield paragraph(f"{int(base['stable'].sum())} of {counted(len(base), 'edge')} stable: in every variation.")
    shaky = base[~base["stable"].astype(bool)].sort_values("share", kind="stable").drop(columns=_NOT_SHOWN)
    if len(shaky):
        where = f"ag.get.sensitivity(adata, key={found.entry.key!r})"
        yield table(shaky, caption="Edges that depend on a choice", where=where)


def _stability(results: Results) -> Iterator[Text]:
    found = results.diagnostics.get("stability")
    if found is None:
        yield _not_computed("stability")
        return
    yield from map(notice, found.doubts)
    edges = found.entry.tables["edges"]
    yield paragraph(f"{int(found.entry.settings['n_draws'])} draws. Edges of the network come first.")
    yield table(edges, where=f"adata.uns[{found.entry.key!r}]['tables']['edges']")
    further = found.entry.tables.get("responders")
    if further is not None and len(further):
        where = f"ag.get.stability(adata, key={found.entry.key!r}, responders=True)"
        yield table(further, caption="Edges to genes that are no nodes", limit=20, where=where)


def _overidentification(results: Results) -> Iterator[Text]:
    found = results.diagnostics.get("overidentification")
    if found is None:
        yield _not_computed("overidentification")
        return
    yield from map(notice, found.doubts)
    for name in ("equations", "edges", "pairs", "perturbations"):
        part = found.entry.tables.get(name)
        if isinstance(part, pd.DataFrame) and len(part):
            part = part.sort_values("p", kind="stable") if "p" in part else part
            yield table(part, caption=name, limit=20, where=f"adata.uns[{found.entry.key!r}]['tables'][{name!r}]")


def _parameters(results: Results) -> Iterator[Text]:
    beside = (find_entry(results.adata, key) for key in ("argen_guides", "argen_qc"))
    shown = [entry for entry in (*beside, results.step, results.network) if entry is not None]
    shown += [found.entry for found in results.diagnostics.values()]
    seeds = {f"{entry.key}: {p}": entry.settings[p] for entry in shown for p in _SEEDS if p in entry.settings}
    simulation = find_entry(results.adata, "simulation")
    if simulation is not None and "seed" in simulation.settings:
        seeds["simulation: seed"] = simulation.settings["seed"]
    for entry in shown:
        yield values(dict(sorted(entry.settings.items())), caption=f"Settings of uns[{entry.key!r}]")
    yield values(seeds, caption="Seeds") if seeds else paragraph("No step that is shown drew random numbers.")
    made = {entry.key: dict(entry.versions) | {"id": entry.id} | _prefixed(entry.made_from) for entry in shown}
    rows = pd.DataFrame(made).sort_index().fillna("–").astype(str).rename_axis("made with").reset_index()
    yield table(rows, caption="Versions, and ids of what each was made from", limit=len(rows))


def _prefixed(made_from: Mapping[str, str]) -> dict[str, str]:
    return {f"id of the {name}": text for name, text in made_from.items()}


def _citation() -> Iterator[Text]:
    yield paragraph(
        "Park & Li (2026): Causal Network Recovery in Perturb-seq Experiments Using Proxy and Instrumental Variables. "
        "arXiv 2601.01830. The method."
    )
    yield paragraph(f"argen {__version__}. The software.")


def _drawn(axes: object, text: str) -> Iterator[Text]:
    """The figures of axes as pictures, each once; they are closed."""
    several = list(np.ravel(np.asarray(axes, dtype=object)))
    figures = dict.fromkeys(ax.figure.canvas.figure for ax in several if ax is not None)
    for drawn in figures:
        yield figure(drawn, text)
        plt.close(drawn)


def _not_computed(name: str) -> Text:
    return paragraph(f"not computed: run {DIAGNOSTICS[name].function}", "missing")


def _missing(what: str, function: str, reason: str = "not in this object") -> Text:
    return paragraph(f"{what}: {reason} (`{function}`).", "missing")


def _no_step(results: Results) -> Text:
    if not results.step_key:
        return paragraph("The network was read from elsewhere: no descendant step belongs to it.", "missing")
    return paragraph(f"uns[{results.step_key!r}] is not in this object: run ag.tl.argen_descendants.", "missing")
