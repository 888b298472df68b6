"""Published screens, and simulated ones whose causal network is known."""

from ._screens import (
    collectri,
    dixit_2016,
    gasperini_2019,
    hill_2018,
    norman_2019_doubles,
    papalexi_2021,
    schraivogel_2020,
)
from ._simulate import simulate
from ._truth import true_total_effects

__all__ = [
    "collectri",
    "dixit_2016",
    "gasperini_2019",
    "hill_2018",
    "norman_2019_doubles",
    "papalexi_2021",
    "schraivogel_2020",
    "simulate",
    "true_total_effects",
]
