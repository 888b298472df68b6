"""Arguments of the descendant step as a type, for functions that hand them on."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from argen._bridge.validate import check_level

__all__ = ["DescendantOptions", "LevelledDescendantOptions", "with_level"]


class DescendantOptions(TypedDict, total=False):
    """Arguments of :func:`argen.tl.argen_descendants` for functions that have a level of their own."""

    perturbation_key: str
    control: str | Sequence[str]
    covariates: str | Sequence[str] | None
    depth: str | None
    layer: str | None
    perturbations: Sequence[str] | None
    family: Literal["poisson", "negative_binomial"]
    closure: Literal["acyclic", True, False]
    test: Literal["auto", "wald", "score"]
    hc: Literal["HC0", "HC1", "HC3"] | None
    pooled: bool
    min_cells: int


class LevelledDescendantOptions(DescendantOptions, total=False):
    """The same with the level, for functions that have none."""

    alpha: float


def with_level(descendants_kwargs: Mapping[str, Any], alpha: float | None) -> dict[str, Any]:
    """Arguments of the descendant step, its level among them where one is given."""
    if alpha is None:
        return dict(descendants_kwargs)
    check_level("descendants_alpha", alpha)
    return {**descendants_kwargs, "alpha": alpha}
