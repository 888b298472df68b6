"""Networks to write: a small one, one with names that have a meaning in file formats, one with cycles."""

import numpy as np
import pytest
from toy import KWARGS, toy

import argen as ag

HOSTILE = ("A \"1\" 'x'", "<b>&amp;", "HLA-DQB1\tβ→é 𝛼", " leads, trails; ")


def analysed(**options):
    adata = toy(**options)
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


@pytest.fixture(scope="session")
def done():
    return analysed()


@pytest.fixture(scope="session")
def hostile():
    return analysed(genes=HOSTILE)


@pytest.fixture(scope="session")
def empty(done):
    adata = done.copy()
    ag.tl.argen_dag(adata, alpha=1e-300)
    return adata


@pytest.fixture(scope="session")
def cyclic():
    adata = toy(n_per_target=30)
    ag.tl.inspre(adata, **KWARGS, lambdas=0.01, min_effect=0.0, key_added="argen_dag")
    return adata


@pytest.fixture
def with_gaps(done):
    """A network in which some numbers are missing and some are infinite."""
    adata = done.copy()
    edges = adata.uns["argen_dag"]["tables"]["edges"].copy()
    edges["ci_low_robust"] = np.where(np.arange(len(edges)) % 2, -np.inf, edges["ci_low_robust"])
    edges.loc[edges.index[0], ["p_robust", "condition"]] = np.nan
    adata.uns["argen_dag"]["tables"]["edges"] = edges
    return adata
