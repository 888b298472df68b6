"""How many cells a screen needs."""

import numpy as np
from numpy.typing import ArrayLike

from argen._bridge.validate import read_array
from argen._core.diagnostics.power import cells_per_perturbation
from argen.errors import InputError

__all__ = ["cells_needed"]


def cells_needed(
    effect: ArrayLike,
    *,
    mean_count: ArrayLike,
    knockdown: ArrayLike | None,
    dispersion: ArrayLike = 0.5,
    n_controls: ArrayLike = 2000,
    parent_mean_count: ArrayLike | None = None,
    level: ArrayLike = 1e-3,
    pair_level: ArrayLike = 1e-4,
    power: ArrayLike = 0.8,
) -> float | np.ndarray:
    r"""Cells per perturbation that an edge, or a total effect, needs to be found: for the planning of a screen.

    A natural log fold change :math:`\tau` of a gene with the mean count :math:`\mu` and the dispersion :math:`\varphi`
    (variance :math:`\mu + \varphi\mu^2`), estimated from n perturbed and :math:`n_c` control cells, has about
    the variance

    .. math:: v(\tau) = \frac1n \Big(\frac1{\mu e^\tau} + \varphi\Big) + \frac1{n_c} \Big(\frac1\mu + \varphi\Big).

    An edge :math:`\theta` acts through the knock-down :math:`\kappa` of its parent, :math:`\tau = \theta\kappa`. It is
    significant when :math:`\hat\tau^2 > z^2 (v(\hat\tau) + \hat\tau^2/F)`, F the squared ratio of the knock-down and
    its standard error: noise of the first stage makes the test stricter. Before that the pair of parent and child
    has to be found, or the edge is no candidate: its test (Student's t) is at `pair_level`, which is lower as a rule,
    since there are more pairs than candidates. The larger of both numbers of cells is returned.

    It is a sketch of one edge with one parent: covariates, other candidate parents (each of which costs precision) and
    uneven depths are not in it, nor is the score test that takes the place of the Wald test where a group expects fewer
    than 50 counts.

    Parameters
    ----------
    effect
        Direct effect :math:`\theta` (log expression of the child per log expression of the parent); with
        ``knockdown=None`` the total effect :math:`\tau` (natural log fold change). Not 0. This and all others may be
        arrays, which are broadcast.
    mean_count
        Mean UMI count of the child per control cell.
    knockdown
        Natural log fold change of the parent in its own cells, such as -1.5 (78 % less); `None` for a total effect.
    dispersion
        Dispersion :math:`\varphi` of child and parent; :func:`argen.get.genes` has those of a pilot.
    n_controls
        Control cells.
    parent_mean_count
        Mean UMI count of the parent per control cell; by default that of the child.
    level
        Level of the single test of an edge that FDR control leaves: with r of m tests found about r · alpha / m. The
        ``mde_level`` of :func:`argen.get.edges` is that of a pilot. With ``knockdown=None`` the level of the pair.
    pair_level
        The same for the pair of parent and child, ``mde_level`` of :func:`argen.get.pairs`; not used with
        ``knockdown=None``.
    power
        Probability to find the effect.

    Returns
    -------
    Cells per perturbation, rounded up: an int for plain numbers, else an array of floats. Infinite where the
    controls are too few for any number of perturbed cells.

    Raises
    ------
    argen.errors.InputError
        A number that cannot be: an effect or a knock-down of 0, a mean count or number of controls that is not
        positive, a negative dispersion, a level or power outside (0, 1); shapes that do not broadcast.

    Examples
    --------
    >>> import argen as ag
    >>> ag.metrics.cells_needed(0.5, mean_count=1.0, knockdown=-1.5)
    103
    >>> ag.metrics.cells_needed(-0.75, mean_count=[0.1, 1.0, 10.0], knockdown=None).tolist()
    [674.0, 77.0, 26.0]
    """
    given = {
        "effect": effect,
        "mean_count": mean_count,
        "knockdown": 1.0 if knockdown is None else knockdown,
        "dispersion": dispersion,
        "n_controls": n_controls,
        "parent_mean_count": mean_count if parent_mean_count is None else parent_mean_count,
        "level": level,
        "pair_level": pair_level,
        "power": power,
    }
    arrays = {name: read_array(name, value, _KINDS[name]) for name, value in given.items()}
    for name in ("effect", "knockdown"):
        if (arrays[name] == 0).any():
            msg = f"{name}=0 cannot be found with any number of cells. Give the smallest {name} that matters."
            raise InputError(msg)
    shape = _common_shape(arrays)
    child = arrays["mean_count"], arrays["dispersion"]
    parent = arrays["parent_mean_count"], arrays["dispersion"]
    rest = arrays["n_controls"], arrays["level"], arrays["power"]
    if knockdown is None:
        cells = cells_per_perturbation(arrays["effect"], None, child, parent, *rest)
    else:
        tau = arrays["effect"] * arrays["knockdown"]
        pair = cells_per_perturbation(
            tau, None, child, parent, arrays["n_controls"], arrays["pair_level"], arrays["power"]
        )
        cells = np.maximum(pair, cells_per_perturbation(arrays["effect"], arrays["knockdown"], child, parent, *rest))
    cells = np.broadcast_to(cells, shape).copy()
    if shape:
        return cells
    return int(cells) if np.isfinite(cells) else float(cells)


_KINDS = {
    "effect": "finite",
    "knockdown": "finite",
    "mean_count": "positive",
    "parent_mean_count": "positive",
    "n_controls": "positive",
    "dispersion": "not negative",
    "level": "level",
    "pair_level": "level",
    "power": "level",
}


def _common_shape(arrays: dict[str, np.ndarray]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items() if array.ndim)
        msg = f"The arrays do not broadcast to one shape: {shapes}."
        raise InputError(msg) from error
