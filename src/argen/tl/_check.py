"""Checks of what breaks the assumptions."""

from typing import TYPE_CHECKING

import pandas as pd

from argen._bridge import log
from argen._bridge.checks.findings import headline
from argen._bridge.checks.guides import guide_of_cell
from argen._bridge.checks.neighbours import read_positions
from argen._bridge.checks.screen import full_check, look_at
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import check_free, new_entry, read_entry, write_entry
from argen._bridge.results.network import networks_of_step
from argen._bridge.results.steps import read_step
from argen._bridge.runtime import announce_compilation, progress_bars, resolve_n_jobs
from argen._bridge.validate import check_anndata, check_count, check_key, counted
from argen._core.parallel import worker_pool
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_check"]


@takes_mudata
def argen_check(
    adata: "AnnData | MuData",
    *,
    descendants: str = "argen_descendants",
    guides: str | None = None,
    positions: pd.DataFrame | None = None,
    distance: int = 100_000,
    n_jobs: int | None = None,
    key_added: str = "argen_check",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Look for what breaks the assumptions of a causal network, over all measured genes.

    Artefacts that calibration cannot see make false edges: a depth composed of what the perturbations change, a
    response that all of them share, a batch that was left out, controls that are not silent. Each check compares a
    signal with what chance makes of it and says where to look; a true master regulator can look the same.

    * *composition*: the effects of a perturbation on all measured genes have a median that is off; genes that carry
      much of the counts that the depth is made of. *depth scale*: counts do not grow with the depth.
    * *common response*: genes that most perturbations move alike, beyond the controls' own error. *shared programme*:
      four or more perturbations whose effects on the genes that are not perturbed all correlate by more than .4.
    * *batch*: :math:`\chi^2` of perturbation against every categorical column of ``obs`` that is no covariate.
      *covariates*: knock-downs shrink to less than 80 % and lose 40 % of their :math:`z^2` (medians) when the numeric
      covariates enter.
    * *controls*: fewer than four guides, cells without one, guides that differ from the other controls in two genes or
      more (Benjamini–Hochberg at .01), cells of perturbations in covariate levels without controls.
    * *survivors*: less than a third of the usual number of cells. *guides*: own effects of a target's guides differ
      (Cochran's Q, Bonferroni at .01, and by .5 or more). *neighbours*: effects and edges between neighbouring genes.

    The descendant step runs those that need no further fit; :func:`argen.get.check` shows its findings until this
    function has run.

    Parameters
    ----------
    adata
        After :func:`argen_descendants`.
    descendants
        Name of the descendant step.
    guides
        The guide of each cell: a column of ``obs``, or the calls of :func:`argen.pp.argen_guides`. Default: the calls
        under ``"argen_guides"``, if there are any.
    positions
        Data frame with genes as index (or a column ``gene``), ``chromosome`` and ``start``. Default: such columns of
        ``var``, if there are any.
    distance
        Base pairs within which two genes are neighbours.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables`` ``findings``
    (see :func:`argen.get.check`), ``perturbations`` and ``genes`` (shifts, shares, cells), ``columns`` (balance over
    columns of ``obs``), ``control_guides``, ``guides``, ``neighbours`` (where guides and positions are known) and
    ``not_checked`` (with the reason), ``settings`` and ``made_from``.

    Raises
    ------
    argen.errors.MissingResultError
        No descendant step under `descendants`.
    argen.errors.StaleResultError
        The data have changed since.
    argen.errors.InputError
        Unknown column, or positions that name no gene.

    See Also
    --------
    argen.get.check : the table of findings.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_check(adata)
    >>> list(ag.get.check(adata))
    ['check', 'what', 'strength', 'measure', 'perturbations', 'genes', 'advice']
    """
    check_anndata(adata)
    check_key("key_added", key_added)
    if key_added == descendants:
        msg = f"key_added={key_added!r} would overwrite the descendant step of that name. Choose another name."
        raise InputError(msg)
    check_free(adata, key_added, "check")
    distance = check_count("distance", distance, 1)
    threads = resolve_n_jobs(n_jobs)
    places = read_positions(adata, positions)
    step = read_step(adata, descendants)
    announce_compilation()
    start = log.info("checking what breaks the assumptions, over all measured genes")
    edges = set()
    for name in networks_of_step(adata, descendants):
        table = read_entry(adata, name, "network").tables["edges"]
        table = table[table["selected"].astype(bool)]
        edges |= set(zip(table["source"].astype(str), table["target"].astype(str), strict=True))
    with worker_pool(threads) as map_, progress_bars() as bar:
        seen = look_at(adata, step.settings, step.depth_genes, map_, bar, most=None)
        seen = seen.as_taken_out(step.entry.tables["shifts"])
        of_cell = guide_of_cell(adata, guides, seen.measured)
        tables = full_check(adata, step.settings, seen, of_cell, places, distance, edges, map_)
    settings = {"descendants": descendants, "guides": guides, "distance": distance}
    entry = new_entry(key_added, "check", settings, tables, step.made_from)
    adata = adata.copy() if copy else adata
    write_entry(adata, entry)
    found = tables["findings"]
    log.info("    finished", time=start, deep=f"{counted(len(found), 'finding')}: {headline(found) or 'none'}")
    return adata if copy else None
