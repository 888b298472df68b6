"""Screens with several guides per cell are not what the regressions assume: say so, whatever the verbosity."""

import pytest

import argen as ag

SCREENS = {
    "gasperini_2019": True,
    "papalexi_2021": False,
    "schraivogel_2020": False,
}


@pytest.mark.parametrize("name", SCREENS)
def test_many_guides_per_cell_are_announced(name, monkeypatch):
    messages = []
    monkeypatch.setattr("scanpy.logging.warning", messages.append)
    mdata = getattr(ag.datasets, name)()
    ag.pp.argen_guides(mdata)
    announced = [m for m in messages if "high MOI" in m]
    assert len(announced) == SCREENS[name]
    if announced:
        status = mdata["rna"].obs["argen_perturbation"].value_counts()
        assert f"{status['multiple']} multiple, {status['unassigned']} unassigned" in announced[0]
