"""What breaks the assumptions, and what was taken out, as tables."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import Entry, find_entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.runtime import warn_user
from argen._bridge.validate import name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["check", "shifts"]


@takes_mudata
def check(
    adata: "AnnData | MuData",
    *,
    table: Literal[
        "findings",
        "perturbations",
        "genes",
        "columns",
        "control_guides",
        "guides",
        "neighbours",
        "not_checked",
    ] = "findings",
    key: str = "argen_check",
    descendants: str = "argen_descendants",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Where to look before believing an edge.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_check`, or after :func:`argen.tl.argen_descendants`, which runs the checks that need
        no further fit.
    table
        Which of its tables; of the descendant step alone there are the ``findings``.
    key
        Name of the result.
    descendants
        Name of the descendant step whose findings are shown where there is no result under `key`.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    ``"findings"``, one row each: ``check``, ``what`` (a sentence), ``strength`` and ``measure`` (a number and what it
    is), ``perturbations`` and ``genes`` (names, the most concerned first), ``advice``. No row: no check spoke.
    The other tables are described in :func:`argen.tl.argen_check` and on the page "What is in the results".

    Raises
    ------
    argen.errors.MissingResultError
        Neither a check nor a descendant step is there.
    argen.errors.InputError
        There is no such table.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> list(ag.get.check(adata))[:3]
    ['check', 'what', 'strength']
    """
    if key == "argen_check" and key not in adata.uns:
        entry = read_entry(adata, descendants, "descendants")
        tables = {"findings": entry.tables["findings"]}
    else:
        entry = read_entry(adata, key, "check")
        _warn_if_older(adata, entry)
        tables = entry.tables
    if table not in tables:
        cure = " Run ag.tl.argen_check first." if entry.kind == "descendants" else ""
        msg = f"table={table!r} is not there: it is one of {name_some(map(repr, tables), 10)}.{cure}"
        raise InputError(msg)
    found = ShownNames(adata, entry, gene_symbols, leaves_out=False).rename(tables[table])
    return found.assign(**{name: found[name].astype(str) for name in ("check",) if name in found}).reset_index(
        drop=True
    )


@takes_mudata
def shifts(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_descendants",
    taken_out: bool = True,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Shifts of whole perturbations and genes, see `adjust` of :func:`argen.tl.argen_descendants`.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the descendant step.
    taken_out
        Only those that were taken out of the effects; ``False`` gives all that were estimated.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per perturbation and gene, largest \|z\| first: ``of`` (``"perturbation"`` or ``"gene"``), ``name``,
    ``shift`` (natural log), ``z``, ``gain`` (log likelihood), ``share`` (of what the effects
    are beyond chance, how much it explains), ``near`` (share of the effects within two standard errors of it),
    ``split`` (log likelihood that leaving a part of them at 0 gains), ``n_effects`` that it rests on, ``taken_out``.

    Raises
    ------
    argen.errors.MissingResultError
        No descendant step under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> len(ag.get.shifts(adata, taken_out=False))
    16
    """
    step = read_entry(adata, key, "descendants")
    table = ShownNames(adata, step, gene_symbols, leaves_out=False).rename(step.tables["shifts"])
    if taken_out:
        table = table[table["taken_out"].astype(bool)]
    order = table["z"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].assign(of=lambda part: part["of"].astype(str)).reset_index(drop=True)


def _warn_if_older(adata: "AnnData", entry: Entry) -> None:
    name = entry.settings["descendants"]
    step = find_entry(adata, name)
    if step is not None and step.id != entry.made_from.get("descendants"):
        warn_user(
            f"adata.uns[{entry.key!r}] was made from another descendant step than the one in adata.uns[{name!r}] now: "
            "run ag.tl.argen_check again."
        )
