"""Every write to and read from an AnnData's result slots, and the version of their layout."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.inputs import DesignParams, ScreenReport
from argen._bridge.results.prior import read_prior
from argen._bridge.results.provenance import digest_of_network, provenance
from argen._bridge.results.tables import (
    EDGE_FLAGS,
    FAMILIES,
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
    targets_table,
)
from argen._bridge.validate import check_anndata
from argen._core.dag.order import directions_of
from argen._core.descendants.dispersion import Dispersions
from argen._core.descendants.prior import Prior
from argen._core.normal import log_p_two_sided
from argen._core.results import Dag, DescendantTests, Equation, Instruments, Relation
from argen._core.screen import Screen
from argen.errors import MissingResultError, StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "SCHEMA_VERSION",
    "read_dag",
    "read_descendants",
    "read_design_params",
    "read_dispersions",
    "read_result",
    "remove_descendants",
    "total_effects_key",
    "var_name",
    "write_dag",
    "write_descendants",
    "write_tables",
]

SCHEMA_VERSION = 1


def read_result(adata: "AnnData", key: str, function: str, table: str) -> Mapping[str, Any]:
    """``adata.uns[key]``, checked to be a result of `function`, which holds `table`."""
    check_anndata(adata)
    result = adata.uns.get(key)
    if result is None:
        msg = f"adata.uns[{key!r}] is missing. Run {function} first, or name the key it wrote to."
        raise MissingResultError(msg)
    if not isinstance(result, Mapping) or table not in result:
        msg = f"adata.uns[{key!r}] is not a result of {function}. Name the key that it wrote to."
        raise MissingResultError(msg)
    if (version := int(result["schema_version"])) > SCHEMA_VERSION:
        msg = f"adata.uns[{key!r}] was written by a newer argen (layout {version}, not {SCHEMA_VERSION}). Update argen."
        raise StaleResultError(msg)
    return result


def _storable(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as h5ad and zarr can hold them: no None, sequences as string arrays."""
    kept = {name: value for name, value in params.items() if value is not None}
    return {k: np.array(v, dtype=object) if isinstance(v, (tuple, list)) else v for k, v in kept.items()}


def _on_genes(adata: "AnnData", genes: Sequence[str], rows: np.ndarray, columns: np.ndarray, values: np.ndarray):
    """Gene × gene CSR over all var_names from indices into `genes`."""
    at = adata.var_names.get_indexer(list(genes))
    shape = (adata.n_vars, adata.n_vars)
    return sparse.csr_matrix((values, (at[rows], at[columns])), shape=shape)


def write_descendants(
    adata: "AnnData",
    key: str,
    screen: Screen,
    report: ScreenReport,
    tests: DescendantTests,
    relation: Relation,
    dispersions: Dispersions,
    params: Mapping[str, Any],
) -> None:
    """Write the descendant step; the slots are described in :func:`argen.tl.argen_descendants`."""
    finite = np.isfinite(tests.effect)
    rows, columns = np.nonzero(finite)
    related = np.nonzero(relation.descendant)
    result = {
        "schema_version": SCHEMA_VERSION,
        "params": _storable(params),
        "provenance": provenance(screen, adata.obs_names),
        "targets": targets_table(screen, report, tests, relation),
        "pairs": pairs_table(screen, tests, relation),
        "genes": genes_table(screen, dispersions, str(params["family"])),
        "dropped_pairs": dropped_pairs_table(screen, relation),
        "components": components_table(screen, relation),
        "cells": pd.DataFrame({"cells": list(report.cells), "n": list(report.cells.values())}),
        "covariates": np.array(screen.covariate_names, dtype=object),
    }
    adata.varp[key] = _on_genes(adata, screen.genes, *related, np.ones(len(related[0]), dtype=bool))
    adata.varp[total_effects_key(key)] = _on_genes(adata, screen.genes, rows, columns, tests.effect[finite])
    adata.uns[key] = result


def remove_descendants(adata: "AnnData", key: str) -> None:
    """Take the descendant step away again."""
    del adata.uns[key]
    for name in (key, total_effects_key(key)):
        del adata.varp[name]


def total_effects_key(key: str) -> str:
    """Name of the varp slot with the total effects that belong to descendants under `key`."""
    return "argen_total_effects" if key == "argen_descendants" else f"{key}_total_effects"


def read_dispersions(result: Mapping[str, Any], genes: Sequence[str]) -> np.ndarray:
    """Dispersions that a stored descendant step used, 0 for Poisson, in the order of `genes`."""
    if str(result["params"]["family"]) == FAMILIES[0]:
        return np.zeros(len(genes))
    table = result["genes"].set_index("gene").loc[list(genes)]
    return np.where(table["family"] == FAMILIES[1], table["dispersion"], 0.0)


def read_descendants(result: Mapping[str, Any], genes: Sequence[str]) -> tuple[DescendantTests, Relation]:
    """Arrays [target, gene] from the stored tables; the inverse of :func:`write_descendants`."""
    p = len(genes)
    pairs = result["pairs"]
    own = result["targets"].set_index("target").loc[list(genes)]
    position = {gene: j for j, gene in enumerate(genes)}
    at = tuple(pairs[name].astype(str).map(position).to_numpy() for name in ("target", "gene"))
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


def read_design_params(result: Mapping[str, Any]) -> DesignParams:
    """The design that a stored descendant step used."""
    params = result["params"]

    def names(key: str) -> tuple[str, ...] | None:
        return tuple(str(name) for name in np.atleast_1d(params[key])) if key in params else None

    covariates = params.get("covariates")
    return DesignParams(
        target_key=str(params["target_key"]),
        control=names("control"),
        covariates=str(covariates) if isinstance(covariates, str) else names("covariates"),
        depth=params.get("depth"),
        layer=params.get("layer"),
        targets=names("targets"),
        min_cells=int(params["min_cells"]),
    )


def write_dag(
    adata: "AnnData",
    key: str,
    screen: Screen,
    relation: Relation,
    tests: DescendantTests,
    dag: Dag,
    layers: np.ndarray,
    params: Mapping[str, Any],
    digest: str,
    prior: tuple[Prior, pd.DataFrame] | None = None,
) -> None:
    """Write the network; `digest` is that of the descendant step that is stored.

    The slots are described in :func:`argen.tl.argen_dag`.
    """
    known, prior_table = prior or read_prior(None, screen.genes)
    position = np.empty(screen.n_genes, dtype=np.int64)
    position[dag.order] = np.arange(screen.n_genes)
    result = {
        "schema_version": SCHEMA_VERSION,
        "params": _storable(params),
        "provenance": provenance(screen, adata.obs_names) | {"descendants": digest},
        "edges": edges_table(screen, dag, directions_of(dag, relation, tests, known.before), known),
        "equations": equations_table(screen, dag),
        "nodes": pd.DataFrame({"gene": [screen.genes[i] for i in dag.order], "layer": layers[dag.order]}),
        "order": np.array([screen.genes[i] for i in dag.order], dtype=object),
        "cycles": cycles_table(screen, relation, tests, position, known),
        "prior": prior_table,
    }
    edges = dag.selected
    adata.varp[key] = _on_genes(adata, screen.genes, dag.source[edges], dag.target[edges], dag.coef[edges])
    at = adata.var_names.get_indexer(list(screen.genes))
    for name, values in (("order", position), ("layer", layers)):
        column = np.full(adata.n_vars, -1)
        column[at] = values
        adata.var[var_name(key, name)] = column
    adata.uns[key] = result


def read_dag(result: Mapping[str, Any], genes: Sequence[str]) -> Dag:
    """Arrays of a stored network; the inverse of :func:`write_dag`, but for what made a system singular."""
    position = {gene: j for j, gene in enumerate(genes)}
    edges, table = result["edges"], result["equations"]
    source, target = (edges[end].astype(str).map(position).to_numpy(dtype=np.int64) for end in ("source", "target"))
    status_of = {name: int(code) for code, name in EDGE_FLAGS.items()}
    columns = {name: edges[name].to_numpy() for name in ("coef", "se", "z", "p", "batch", "alpha", "threshold")}
    columns["status"] = edges["flags"].astype(str).map(status_of).to_numpy(dtype=np.int64)
    shape_of = {name: int(code) for code, name in ROBUST_SETS.items()}
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
        order=np.array([position[str(gene)] for gene in result["order"]], dtype=np.int64),
        source=source,
        target=target,
        selected=edges["selected"].to_numpy(dtype=bool),
        equations=tuple(equations),
        instruments=Instruments(*numbers),
        **columns,
    )


def write_tables(
    adata: "AnnData", key: str, screen: Screen, tables: Mapping[str, Any], params: Mapping[str, Any]
) -> None:
    """Write a diagnostic of the network ``params["key"]``: its tables, and what it was made from."""
    network = adata.uns[params["key"]]
    made_from = {"descendants": network["provenance"]["descendants"], "network": digest_of_network(network)}
    adata.uns[key] = {
        "schema_version": SCHEMA_VERSION,
        "params": _storable(params),
        "provenance": provenance(screen, adata.obs_names) | made_from,
        **tables,
    }


def var_name(key: str, name: str) -> str:
    """Column of var with the order or the layer of the network under `key`."""
    return f"{'argen' if key == 'argen_dag' else key}_{name}"
