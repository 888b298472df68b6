"""Which perturbations, or which genes, get a row in the picture of a gene's expression."""

from collections.abc import Iterable, Sequence

import pandas as pd

from argen._bridge.validate import name_some
from argen.errors import InputError

__all__ = ["MAX_PARENTS", "MAX_PERTURBATIONS", "choose_perturbations", "effect_rows", "parents_of"]

MAX_PARENTS = 12  # rows that a page holds beside other figures
MAX_PERTURBATIONS = 16  # rows that a page holds


def parents_of(edges: pd.DataFrame, gene: str, key: str, known: Sequence[str]) -> pd.Series:
    """Direct effects on `gene` by parent, strongest first.

    Raises
    ------
    argen.errors.InputError
        The gene is not in the network, or has no parents there.
    """
    if gene not in known:
        msg = f"gene={gene!r} is not in the network of adata.uns[{key!r}], which has {name_some(known)}."
        raise InputError(msg)
    own = edges[edges["target"] == gene]
    if own.empty:
        others = [name for name in known if name != gene]
        msg = (
            f"{gene} has no parents in adata.uns[{key!r}]: no edge to it was selected. Name perturbed genes to compare "
            f"with by perturbations=[...], such as {name_some(others, 3)}."
        )
        raise InputError(msg)
    own = own.assign(_size=own["coef"].abs()).sort_values(["_size", "source"], ascending=[False, True])
    return own.set_index("source")["coef"]


def choose_perturbations(perturbations: object, gene: str, pairs: pd.DataFrame) -> list[str]:
    """The named perturbations, each once; all must be perturbed genes of the step other than `gene`."""
    several = isinstance(perturbations, Iterable) and not isinstance(perturbations, str)
    chosen = [str(name) for name in dict.fromkeys(perturbations)] if several else [str(perturbations)]
    known = sorted(set(pairs["source"]))
    if gene not in known and gene not in set(pairs["target"]):
        there = sorted(set(pairs["target"]) | set(known))
        msg = f"gene={gene!r} has no tested effect in the descendant step, which has {name_some(there)}."
        raise InputError(msg)
    if not chosen:
        msg = "perturbations names no gene; leave it None to see the parents of the network."
        raise InputError(msg)
    if unknown := [name for name in chosen if name not in known]:
        msg = (
            f"perturbations names {name_some(unknown)}, no perturbations of the descendant step, which has "
            f"{name_some(known)}."
        )
        raise InputError(msg)
    if gene in chosen:
        msg = (
            f"perturbations names {gene} itself; its own knock-down is in ag.get.perturbations and "
            "ag.pl.argen_perturbations."
        )
        raise InputError(msg)
    return chosen


def effect_rows(
    pairs: pd.DataFrame,
    gene: str,
    others: Sequence[str],
    coef: pd.Series | None,
    *,
    reverse: bool,
    limit: int,
    by_p: bool = False,
) -> tuple[pd.DataFrame, int]:
    """Rows of ``get.pairs`` between `gene` and `others`, in their order.

    Parameters
    ----------
    coef
        Direct effects on `gene` by parent; others have no edge. None without a network.
    reverse
        Effects of perturbing `gene` on the others, instead of theirs on it.
    limit
        Most rows; of more the first are kept.
    by_p
        Keep those with the smallest p-values instead.

    Returns
    -------
    Rows with ``name`` (of the other gene), ``gene``, ``group``, ``effect``, ``se``, ``p``, ``significant``, ``flags``,
    ``n_perturbed`` and, with a network, ``coef``, and how many there would be.
    """
    looked_at, perturbed = ("source", "target") if reverse else ("target", "source")
    own = pairs[pairs[looked_at] == gene].set_index(perturbed)
    if unknown := [name for name in others if name not in own.index]:
        what = f"perturbing {gene} on {name_some(unknown)}" if reverse else f"perturbing {name_some(unknown)} on {gene}"
        msg = f"There is no tested effect of {what}: a gene that is not perturbed, or not measured, has none."
        raise InputError(msg)
    own = own.loc[list(others)]
    table = own[["effect", "se", "p", "significant", "flags", "n_perturbed"]].rename_axis("name").reset_index()
    table["gene"], table["group"] = (table["name"], gene) if reverse else (gene, table["name"])
    if coef is not None:
        table["coef"] = coef.reindex(table["name"]).to_numpy(float)
    table["flags"] = table["flags"].astype(str)
    if by_p and len(table) > limit:
        kept = table["p"].fillna(2.0).sort_values(kind="stable").index[:limit].sort_values()
        return table.loc[kept].reset_index(drop=True), len(table)
    return table.head(limit), len(table)
