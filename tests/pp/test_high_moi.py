"""Screens with several guides per cell are not what the regressions assume: say so, whatever the verbosity."""

import mudata
import pytest
from shared_data import shared

import argen as ag

SCREENS = {
    "gasperini2019_k562_highmoi": True,
    "papalexi2021_thp1_eccite": False,
    "schraivogel2020_k562_tap": False,
}


@pytest.mark.parametrize("name", SCREENS)
def test_many_guides_per_cell_are_announced(name, monkeypatch):
    messages = []
    monkeypatch.setattr("scanpy.logging.warning", messages.append)
    mdata = mudata.read_h5mu(shared("data", name, f"{name}.h5mu"))
    ag.pp.argen_guides(mdata)
    announced = [m for m in messages if "high MOI" in m]
    assert len(announced) == SCREENS[name]
    if announced:
        status = mdata["rna"].obs["argen_target"].value_counts()
        assert f"{status['multiple']} multiple, {status['unassigned']} unassigned" in announced[0]
