"""Small screens, and the settings that mudata needs to stay quiet."""

import io

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from data_files import screen
from guide_screens import read
from mudata import MuData
from scipy import sparse

from argen._bridge.mudatas import columns_stay

GUIDES = ["STAT1g1", "STAT1g2", "MYCg1", "NTg1", "NTg2"]
TARGETS = ["STAT1", "STAT1", "MYC", "non-targeting", "non-targeting"]
# cell: UMIs of the guides above, target, reason by the default rule
CELLS = {
    "c1": ([9, 0, 1, 0, 0], "STAT1", "one guide"),
    "c2": ([0, 0, 0, 7, 1], "control", "one guide"),
    "c3": ([6, 0, 8, 0, 0], "multiple", "guides of several targets"),
    "c4": ([6, 7, 0, 0, 0], "unassigned", "top guide below min_fraction beside guides of its own target"),
    "c5": ([3, 0, 1, 0, 0], "unassigned", "no guide with min_umi"),
    "c6": ([0, 0, 0, 0, 0], "unassigned", "no guide UMI"),
    "c7": ([0, 0, 5, 1, 1], "unassigned", "top guide below min_fraction, no second guide with min_umi"),
    "c8": ([0, 0, 0, 8, 9], "unassigned", "top guide below min_fraction beside guides of its own target"),
    "c9": ([0, 0, 6, 6, 0], "multiple", "guides of several targets"),
    "c10": ([0, 0, 20, 5, 0], "MYC", "one guide"),
}


@pytest.fixture(autouse=True)
def quiet_mudata():
    """Without this setting every copy, read and write of a MuData warns of a coming default."""
    with columns_stay():
        yield


@pytest.fixture
def log():
    """What scanpy logs at verbosity hint."""
    before, text = (sc.settings.logfile, sc.settings.verbosity), io.StringIO()
    sc.settings.logfile, sc.settings.verbosity = text, "hint"
    yield text
    sc.settings.logfile, sc.settings.verbosity = before


@pytest.fixture
def reasons():
    return [reason for _, _, reason in CELLS.values()]


@pytest.fixture
def counts():
    return np.array([umis for umis, _, _ in CELLS.values()])


@pytest.fixture
def expected():
    return [target for _, target, _ in CELLS.values()]


@pytest.fixture
def guide_target():
    return dict(zip(GUIDES, TARGETS, strict=True))


@pytest.fixture
def adata(counts):
    adata = AnnData(sparse.csr_matrix((len(counts), 3), dtype=np.float32), obs=pd.DataFrame(index=list(CELLS)))
    adata.var_names = ["MYC", "STAT1", "IRF1"]
    adata.obsm["guide_counts"] = pd.DataFrame(counts, index=adata.obs_names, columns=GUIDES)
    return adata


@pytest.fixture
def mdata(counts, adata):
    guide = AnnData(
        sparse.csr_matrix(counts),
        obs=pd.DataFrame(index=list(CELLS)),
        var=pd.DataFrame({"target": TARGETS}, index=GUIDES),
    )
    rna = adata.copy()
    del rna.obsm["guide_counts"]
    return MuData({"rna": rna, "guide": guide})


@pytest.fixture(scope="module")
def papalexi():
    return read("papalexi")


@pytest.fixture(scope="module")
def schraivogel():
    return read("schraivogel")


@pytest.fixture(scope="module")
def crispat(schraivogel):
    """Calls of crispat by method: 0/1, cells × guides, in the order of the screen."""
    table = pd.read_csv(screen("schraivogel_2020_crispat_calls.csv.gz"))
    guide = schraivogel["guide"]
    at = guide.obs_names.get_indexer(table["cell"]), guide.var_names.get_indexer(table["gRNA"])
    assert min(map(min, at)) >= 0
    return lambda method: sparse.csr_array((table[method].to_numpy(), at), shape=guide.shape)
