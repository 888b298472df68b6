"""The one list of diagnostics: every record has its tool, its getter and its kind."""

import inspect

import pytest

import argen as ag
from argen._bridge.diagnostics.record import DIAGNOSTICS
from argen._bridge.results.entries import KINDS


@pytest.mark.parametrize("kind", DIAGNOSTICS)
def test_tool_getter_and_kind(kind):
    record = DIAGNOSTICS[kind]
    assert record.kind == kind
    assert kind in KINDS
    assert record.function == f"ag.tl.argen_{kind}"
    tool = getattr(ag.tl, f"argen_{kind}")
    assert inspect.signature(tool).parameters["key_added"].default == f"argen_{kind}"
    assert inspect.signature(getattr(ag.get, kind)).parameters["key"].default == f"argen_{kind}"
    assert record.title
    assert record.tables


def test_every_tool_that_reads_a_network_is_in_the_list():
    reads = {name for name in ag.tl.__all__ if "key" in inspect.signature(getattr(ag.tl, name)).parameters}
    assert reads == {f"argen_{kind}" for kind in DIAGNOSTICS}
