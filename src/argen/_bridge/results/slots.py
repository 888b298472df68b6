"""Every slot that the steps fill beside ``uns``, and the arrays that come back from stored tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.features import gene_positions
from argen._bridge.inputs import ScreenReport
from argen._bridge.results.entries import Entry, new_entry, write_entry
from argen._bridge.results.pairs import are_many, has_all_pairs, matrices, positions, read_large, rests_on
from argen._bridge.results.prior import read_prior
from argen._bridge.results.tables import (
    DIRECTIONS,
    EDGE_FLAGS,
    PAIR_FLAGS,
    ROBUST_SETS,
    TESTS_USED,
    components_table,
    cycles_table,
    dropped_pairs_table,
    edges_table,
    equations_table,
    genes_table,
    pairs_table,
    perturbations_table,
)
from argen._bridge.settings import DescendantSettings
from argen._core.descendants.dispersion import Dispersions
from argen._core.descendants.prior import Prior
from argen._core.glm.families import FAMILIES
from argen._core.normal import log_p_two_sided
from argen._core.results import Dag, DescendantTests, Equation, Instruments, Relation
from argen._core.screen import Screen

if TYPE_CHECKING:
    from anndata import AnnData

    from argen._bridge.results.steps import DescendantStep

__all__ = [
    "descendants_entry",
    "network_entry",
    "on_genes",
    "read_dag",
    "read_descendants",
    "read_dispersions",
    "total_effects_key",
    "var_name",
    "write_descendants",
    "write_network",
    "write_places",
]


def on_genes(adata: "AnnData", genes: Sequence[str], rows: np.ndarray, columns: np.ndarray, values: np.ndarray):
    """Gene × gene CSR over all var_names from indices into `genes`."""
    at = gene_positions(adata, genes)
    shape = (adata.n_vars, adata.n_vars)
    return sparse.csr_matrix((values, (at[rows], at[columns])), shape=shape)


def descendants_entry(
    key: str,
    settings: DescendantSettings,
    screen: Screen,
    report: ScreenReport,
    tests: DescendantTests,
    relation: Relation,
    dispersions: Dispersions,
    more: Mapping[str, Any],
    data: str,
) -> Entry:
    """The descendant step as it will be stored, with `more` tables; `data` is the fingerprint of its input."""
    is_large = are_many(screen.n_genes)
    tables = {
        "perturbations": perturbations_table(screen, report, tests, relation),
        "pairs": pairs_table(screen, tests, relation, rests_on(relation) if is_large else None),
        "genes": genes_table(screen, dispersions, settings.family),
        "dropped_pairs": dropped_pairs_table(screen, relation),
        "components": components_table(screen, relation),
        "cells": pd.DataFrame({"cells": list(report.cells), "n": list(report.cells.values())}),
        "covariates": np.array(screen.covariate_names, dtype=object),
        **(matrices(tests) if is_large else {}),
        **more,
    }
    return new_entry(key, "descendants", settings, tables, {"data": data})


def write_descendants(
    adata: "AnnData", entry: Entry, screen: Screen, tests: DescendantTests, relation: Relation
) -> None:
    """Write the descendant step; the slots are described in :func:`argen.tl.argen_descendants`."""
    finite = np.isfinite(tests.effect)
    if not has_all_pairs(entry.tables):  # all effects are in a matrix then, in a third of the room
        finite &= rests_on(relation) | np.eye(screen.n_genes, dtype=bool)
    rows, columns = np.nonzero(finite)
    related = np.nonzero(relation.descendant)
    adata.varp[entry.key] = on_genes(adata, screen.genes, *related, np.ones(len(related[0]), dtype=bool))
    adata.varp[total_effects_key(entry.key)] = on_genes(adata, screen.genes, rows, columns, tests.effect[finite])
    write_entry(adata, entry)


def total_effects_key(key: str) -> str:
    """Name of the varp slot with the total effects that belong to descendants under `key`."""
    return "argen_total_effects" if key == "argen_descendants" else f"{key}_total_effects"


def read_dispersions(entry: Entry, genes: Sequence[str]) -> np.ndarray:
    """Dispersions that a stored descendant step used, 0 for Poisson, in the order of `genes`."""
    family = FAMILIES[entry.settings["family"]]
    if not family.needs_dispersion:
        return np.zeros(len(genes))
    table = entry.tables["genes"].set_index("gene").loc[list(genes)]
    return np.where(table["family"] == family.name, table["dispersion"], 0.0)


def read_descendants(entry: Entry, genes: Sequence[str]) -> tuple[DescendantTests, Relation]:
    """Arrays [source, target] from the stored tables; the inverse of :func:`write_descendants`.

    Of a large step as far as they are stored, see :func:`~argen._bridge.results.pairs.read_large`.
    """
    p = len(genes)
    pairs = entry.tables["pairs"]
    own = entry.tables["perturbations"].set_index("perturbation").loc[list(genes)]
    at = positions(pairs, genes)
    if not has_all_pairs(entry.tables):
        return read_large(entry.tables, at, own)
    diagonal = np.diag_indices(p)

    def square(column: str, *, fill: object = np.nan, dtype: type = np.float64) -> np.ndarray:
        array = np.full((p, p), fill, dtype=dtype)
        array[at] = pairs[column].to_numpy()
        if column in own.columns:
            array[diagonal] = own[column].to_numpy()
        return array

    status_of = {name: int(code) for code, name in PAIR_FLAGS.items()}
    status = np.zeros((p, p), dtype=np.int64)
    status[at] = pairs["flags"].astype(str).map(status_of).to_numpy()
    status[diagonal] = own["flags"].astype(str).map(status_of).to_numpy()
    z = square("z")
    tests = DescendantTests(
        effect=square("effect"),
        se=square("se"),
        z=z,
        log_p=log_p_two_sided(z),
        scored=square("test", fill=TESTS_USED[0], dtype=object) == TESTS_USED[1],
        status=status,
        count=square("count"),
        expected=square("expected_count"),
    )
    relation = Relation(
        padj=square("padj"),
        significant=square("significant", fill=False, dtype=bool),
        descendant=square("descendant", fill=False, dtype=bool),
        dropped=np.empty((0, 2), dtype=np.int64),
        blocking_paths=(),
    )
    return tests, relation


def network_entry(
    key: str,
    settings: object,
    step: "DescendantStep",
    dag: Dag,
    relation: Relation,
    prior: tuple[Prior, pd.DataFrame] | None = None,
    groups: pd.DataFrame | None = None,
) -> Entry:
    """A network of argen's search, or of one that takes its order, as it will be stored; `groups` of genes if given."""
    screen = step.screen
    known, prior_table = prior or read_prior(None, screen.genes)
    tables = {
        "edges": edges_table(screen, dag, known, relation),
        "equations": equations_table(screen, dag),
        "nodes": pd.DataFrame({"gene": [screen.genes[i] for i in dag.order], "layer": dag.layer[dag.order]}),
        "order": np.array([screen.genes[i] for i in dag.order], dtype=object),
        "cycles": cycles_table(screen, relation, step.tests, dag),
        "prior": prior_table,
    }
    if groups is not None:
        tables["groups"] = groups
    return new_entry(key, "network", settings, tables, step.made_from)


def write_network(adata: "AnnData", entry: Entry, step: "DescendantStep", dag: Dag) -> None:
    """Write a network; the slots are described in :func:`argen.tl.argen_dag`."""
    genes, edges = step.screen.genes, dag.selected
    adata.varp[entry.key] = on_genes(adata, genes, dag.source[edges], dag.target[edges], dag.coef[edges])
    write_places(adata, entry.key, genes, dag.order, dag.layer)
    write_entry(adata, entry)


def write_places(adata: "AnnData", key: str, genes: Sequence[str], order: np.ndarray, layer: np.ndarray) -> None:
    """Columns of var with position and layer of each gene in the network under `key`, −1 for the others."""
    at = gene_positions(adata, genes)
    for name, values in (("order", np.argsort(order)), ("layer", layer)):
        column = np.full(adata.n_vars, -1)
        column[at] = values
        adata.var[var_name(key, name)] = column


def read_dag(entry: Entry, genes: Sequence[str]) -> Dag:
    """Arrays of a stored network; the inverse of :func:`network_entry`, but for what made a system singular."""
    position = {gene: j for j, gene in enumerate(genes)}
    tables = entry.tables
    edges, table = tables["edges"], tables["equations"]
    source, target = (edges[end].astype(str).map(position).to_numpy(dtype=np.int64) for end in ("source", "target"))
    status_of = {name: int(code) for code, name in EDGE_FLAGS.items()}
    columns = {name: edges[name].to_numpy() for name in ("coef", "se", "z", "p", "batch", "alpha", "threshold")}
    columns["status"] = edges["flags"].astype(str).map(status_of).to_numpy(dtype=np.int64)
    shape_of = {name: int(code) for code, name in ROBUST_SETS.items()}
    direction_of = {name: int(code) for code, name in DIRECTIONS.items()}
    names = ("F", "p_robust", "ci_low_robust", "ci_high_robust")
    numbers = [*(edges[name].to_numpy() for name in names), edges["robust_set"].astype(str).map(shape_of).to_numpy()]
    equations = []
    for name, condition, general in zip(
        table["target"].astype(str), table["condition"], table["over_identified"], strict=True
    ):
        at = np.flatnonzero(target == position[name])
        parts = (columns[column][at] for column in ("coef", "se", "status"))
        instruments = Instruments(*(column[at] for column in numbers))
        equations.append(
            Equation(
                position[name],
                source[at],
                *parts,
                float(condition),
                general=bool(general),
                instruments=instruments,
            )
        )
    return Dag(
        order=np.array([position[str(gene)] for gene in tables["order"]], dtype=np.int64),
        source=source,
        target=target,
        selected=edges["selected"].to_numpy(dtype=bool),
        equations=tuple(equations),
        instruments=Instruments(*numbers),
        layer=_by_gene(tables["nodes"], position),
        direction=edges["direction"].astype(str).map(direction_of).to_numpy(dtype=np.int64),
        **columns,
    )


def _by_gene(nodes: pd.DataFrame, position: dict[str, int]) -> np.ndarray:
    layer = np.zeros(len(position), dtype=np.int64)
    layer[nodes["gene"].astype(str).map(position).to_numpy()] = nodes["layer"].to_numpy()
    return layer


def var_name(key: str, name: str) -> str:
    """Column of var with the order or the layer of the network under `key`."""
    return f"{'argen' if key == 'argen_dag' else key}_{name}"
