"""Settings: one set of defaults, and the same record back from a file."""

import inspect

import anndata
import pytest
from toy import toy

import argen as ag
from argen._bridge.results.entries import read_entry
from argen._bridge.settings import (
    USUAL_HC,
    DescendantSettings,
    LevelledDescendantOptions,
    NetworkSettings,
    from_uns,
    to_uns,
)

BARE = {"adata", "n_jobs", "client", "memory_limit", "checkpoint", "key_added", "copy"}


def test_defaults_are_those_of_the_signature():
    signature = inspect.signature(ag.tl.argen_descendants).parameters
    defaults = {name: parameter.default for name, parameter in signature.items() if name not in BARE}
    assert DescendantSettings.read(defaults) == DescendantSettings.read({}) == DescendantSettings()
    assert defaults["hc"] is None
    assert DescendantSettings().hc == USUAL_HC[defaults["test"]]
    assert set(defaults) == set(DescendantSettings.__slots__)
    assert set(LevelledDescendantOptions.__annotations__) <= set(defaults)


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"covariates": "~ batch*mito", "perturbations": ["A", "B", "C"], "closure": True, "depth": "depth"},
        {"covariates": [], "test": "wald", "pooled": True, "closure": False, "layer": "counts", "alpha": 0.2},
    ],
    ids=["defaults", "formula", "layer"],
)
def test_settings_survive_a_file(tmp_path, suffix, given):
    adata = toy()
    adata.layers["counts"] = adata.X
    design = {"perturbation_key": "gene", "control": "ctrl", "covariates": ["batch", "mito"], **given}
    ag.tl.argen_dag(adata, robust=False, **{("descendants_alpha" if k == "alpha" else k): v for k, v in design.items()})
    path = tmp_path / f"x.{suffix}"
    getattr(adata, f"write_{suffix}")(path)
    stored = getattr(anndata, f"read_{suffix}")(path)
    settings = from_uns(DescendantSettings, read_entry(stored, "argen_descendants", "descendants").settings)
    assert settings == DescendantSettings.read(design)
    assert from_uns(DescendantSettings, to_uns(settings)) == settings
    network = from_uns(NetworkSettings, read_entry(stored, "argen_dag", "network").settings)
    assert network == NetworkSettings(
        descendants="argen_descendants", first_stage="shrunk", covariance="murphy-topel", edges_hc="HC0",
        alpha=0.05, fdr="batch-bh", robust=False,
    )  # fmt: skip
