"""Plots of the network and of what it rests on."""

from ._calibration import argen_calibration
from ._guides import argen_guides
from ._interactive import argen_interactive
from ._network import argen_network
from ._targets import argen_targets

__all__ = ["argen_calibration", "argen_guides", "argen_interactive", "argen_network", "argen_targets"]
