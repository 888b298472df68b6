"""Kernels compiled ahead of their use."""

import subprocess
import sys

import pytest

from argen._bridge.compilation import EVERYTHING, cache_folder, compile_kernels, halves_of
from argen._core.compilation import PARTS, is_compiled

# A search by default and one with everything else; the kernels that were not on disk.
SEARCH_AFTER_COMPILATION = """
import warnings
from argen._bridge.compilation import EVERYTHING, compile_kernels
compile_kernels(EVERYTHING)
from argen._core._jit import kernels
for kernel in kernels():
    for dispatcher in (kernel.dispatcher, kernel.inner):
        dispatcher.stats.cache_misses.clear()
import argen as ag
warnings.simplefilter("ignore")
adata = ag.datasets.simulate("paper_fig2", n_cells=1500)
for family, covariates in (("poisson", ["L"]), ("negative_binomial", None)):
    ag.tl.argen_descendants(adata, perturbation_key="perturbation", family=family, covariates=covariates, n_jobs=1)
    ag.tl.argen_dag(adata, covariance="stacked", edges_hc="HC3", n_jobs=1)
ag.tl.argen_joint(adata, chains=2, n_jobs=1)
for kernel in kernels():
    for dispatcher in (kernel.dispatcher, kernel.inner):
        for args in dispatcher.stats.cache_misses:
            print(kernel.__name__, args)
"""


def test_the_parts_are_done_once():
    assert sorted(part for half in EVERYTHING for part in half) == sorted(PARTS)


def test_a_search_after_the_compilation_compiles_nothing():
    found = subprocess.run([sys.executable, "-c", SEARCH_AFTER_COMPILATION], capture_output=True, text=True, check=True)
    assert found.stdout == ""


@pytest.mark.parametrize("python", ["", "/no/such/python", "/bin/false"])
def test_one_process_does_it_where_no_other_can(python, monkeypatch):
    monkeypatch.setattr("argen._bridge.compilation.resolve_n_jobs", lambda _: 2)
    monkeypatch.setattr(sys, "executable", python)
    assert compile_kernels(halves_of(["poisson"])) == cache_folder()
    assert is_compiled()
