"""What the comparison of guides says about each candidate edge, put beside it."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.results.entries import Entry
from argen._bridge.results.network import diagnostics_of

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["with_guide_tests", "with_tests_of"]

_EDGE, _EQUATION = "edge", "equation"


def with_guide_tests(adata: "AnnData", network: Entry, edges: pd.DataFrame) -> pd.DataFrame:
    """Candidate edges of a network with the J tests of edge and equation, if they were made from this very network."""
    found = _tests_of(adata, network)
    return edges if found is None else with_tests_of(found, edges)


def with_tests_of(found: Entry, edges: pd.DataFrame) -> pd.DataFrame:
    """Candidate edges with the J tests of this comparison of guides."""
    of_edges, of_equations = (found.tables[name] for name in ("edges", "equations"))
    ends = pd.MultiIndex.from_arrays([edges["source"].astype(str), edges["target"].astype(str)])
    tested = pd.MultiIndex.from_arrays([of_edges["source"].astype(str), of_edges["target"].astype(str)])
    own = of_edges.set_axis(tested).reindex(ends)
    whole = of_equations.set_axis(of_equations["target"].astype(str)).reindex(edges["target"].astype(str))
    columns = {
        "J_p": own["p"].to_numpy(float),
        "J_padj": own["padj"].to_numpy(float),
        "J_p_equation": whole["p"].to_numpy(float),
        "J_padj_equation": whole["padj"].to_numpy(float),
    }
    level = found.settings["alpha"]
    flag = _flags(columns["J_padj"] < level, columns["J_padj_equation"] < level)
    disagrees = own["disagrees"].astype(object).fillna("").astype(str).to_numpy(dtype=object)
    return edges.assign(**columns, J_flag=flag, disagrees=disagrees)


def _tests_of(adata: "AnnData", network: Entry) -> Entry | None:
    """The comparison of guides of this network: that under the usual name, else the first by name."""
    made = [entry for entry in diagnostics_of(adata, network.key) if entry.kind == "overidentification"]
    current = [entry for entry in made if entry.made_from["network"] == network.id]
    return min(current, key=lambda entry: (entry.key != "argen_overidentification", entry.key), default=None)


def _flags(edge: np.ndarray, equation: np.ndarray) -> np.ndarray:
    """Where guides disagree: about the edge itself, about its whole equation, or about both."""
    both = f"{_EDGE}, {_EQUATION}"
    return np.select([edge & equation, edge, equation], [both, _EDGE, _EQUATION], "").astype(object)
