"""What the tests of guide calling share: real screens, storages of counts, refusal without a trace."""

import mudata
import numpy as np
import pandas as pd
import pytest
from mudata import MuData
from scipy import sparse
from shared_data import shared

import argen as ag
from argen._bridge.mudatas import columns_stay
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
    "papalexi": ("papalexi2021_thp1_eccite", "papalexi2021_thp1_eccite.h5mu"),
    "papalexi_lanes": ("papalexi2021_thp1_eccite", "papalexi2021_thp1_eccite_7108cells_lane.h5mu"),
    "schraivogel": ("schraivogel2020_k562_tap", "schraivogel2020_k562_tap.h5mu"),
}


def read(name):
    with columns_stay():
        return mudata.read_h5mu(shared("data", *SCREENS[name]))


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
