"""What the tests of guide calling share: real screens, storages of counts, refusal without a trace."""

import numpy as np
import pandas as pd
import pytest
from mudata import MuData
from scipy import sparse

import argen as ag
from argen.datasets._files import read_screen
from argen.errors import InputError

STORAGES = {
    "dense": np.asarray,
    "float": lambda x: x.astype(np.float32),
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
    "csr_array": sparse.csr_array,
    "csc_array": lambda x: sparse.csc_array(x.astype(np.uint16)),
}

SCREENS = {
    "papalexi": ag.datasets.papalexi_2021,
    "papalexi_lanes": lambda: read_screen("papalexi_2021_lanes.h5mu", ""),
    "schraivogel": ag.datasets.schraivogel_2020,
}


def read(name):
    return SCREENS[name]()


def snapshot(data):
    """All that a failed call might have changed."""
    adatas = list(data.mod.values()) if isinstance(data, MuData) else [data]
    return [(a.obs.copy(), list(a.obsm), dict(a.uns), a.var.copy()) for a in adatas]


def assert_same(before, after):
    for (obs, obsm, uns, var), (obs2, obsm2, uns2, var2) in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(obs, obs2)
        pd.testing.assert_frame_equal(var, var2)
        assert obsm == obsm2
        assert uns.keys() == uns2.keys()


def refuse(data, match, error=InputError, **options):
    before = snapshot(data)
    with pytest.raises(error, match=match):
        ag.pp.argen_guides(data, **options)
    assert_same(before, snapshot(data))
