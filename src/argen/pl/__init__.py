"""Plots of the network and of what it rests on."""

from ._calibration import argen_calibration
from ._effects import argen_effects
from ._guides import argen_guides
from ._network import argen_network
from ._sign_check import argen_sign_check
from ._targets import argen_targets

__all__ = ["argen_calibration", "argen_effects", "argen_guides", "argen_network", "argen_sign_check", "argen_targets"]
