"""Small screens of every preset, as they were when their digests were taken: a seed keeps its screen."""

import hashlib

import numpy as np
import pytest

import argen as ag

FEW = {"n_controls": 100, "cells_per_perturbation": 5}
GUIDES = {"guides_per_target": 2, "control_guides": 3, "guide_efficacy": [1.0, 0.4], "off_targets": 2, "omit": ["G04"]}

SCREENS = {
    "paper_fig2": ({"preset": "paper_fig2", "n_cells": 500, "rng": 1}, "6ae4f864018efe0e"),
    "paper_fig2 without X7 and X8": (
        {"preset": "paper_fig2", "n_cells": 500, "omit": ("X7", "X8"), "rng": 2},
        "1836ccf3d2131c23",
    ),
    "paper_medium": ({"preset": "paper_medium", "genes": 30, "rng": 3, **FEW}, "110bd7cea0913b0c"),
    "k562_like": ({"preset": "k562_like", "genes": 40, "rng": 4, **FEW}, "332c9f365588c0a9"),
    "no preset": ({"rng": 5, "dispersion": (0.0, 0.3), "n_edges": 40, "perturbations": 12, **FEW}, "e4546f51f3e08ae7"),
    "guides": ({"rng": 6, "genes": 10, "guide_counts": True, **FEW, **GUIDES}, "466c2d15caa2985d"),
}

THEN = {"perturbation": "target"}  # what a column was called when the digests were taken


def digest(data):
    """Of counts, cells and truth; numbers with six digits."""
    adata = data["rna"] if hasattr(data, "mod") else data
    found = hashlib.sha256(adata.X.toarray().tobytes())
    for name in adata.obs:
        numeric = adata.obs[name].dtype.kind == "f"
        values = np.char.mod("%.6g", adata.obs[name]) if numeric else adata.obs[name].to_numpy(dtype=str)
        found.update(" ".join([THEN.get(name, name), *values]).encode())
    found.update(" ".join(np.char.mod("%.6g", adata.varp["truth"].toarray().ravel())).encode())
    if adata is not data:
        found.update(data["guide"].X.toarray().tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize("name", SCREENS)
def test_a_seed_keeps_its_screen(name):
    options, expected = SCREENS[name]
    assert digest(ag.datasets.simulate(**options)) == expected
