"""Descendants of every perturbed gene."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from argen._bridge import log
from argen._bridge.cluster.workers import Backend
from argen._bridge.modality import takes_mudata
from argen._bridge.remembered import with_remembered
from argen._bridge.results.entries import check_free
from argen._bridge.results.network import is_current, networks_of
from argen._bridge.results.step_log import summary
from argen._bridge.results.steps import compute_step, write_step
from argen._bridge.settings import DescendantSettings
from argen._bridge.validate import check_anndata, check_key, name_some

if TYPE_CHECKING:
    from anndata import AnnData
    from distributed import Client
    from mudata import MuData

__all__ = ["argen_descendants"]


@takes_mudata
def argen_descendants(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    perturbation_key: str = "argen_perturbation",
    control: str | Sequence[str] = "control",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    perturbations: Sequence[str] | None = None,
    family: Literal["poisson", "negative_binomial"] = "poisson",
    closure: Literal["acyclic", True, False] = "acyclic",
    test: Literal["auto", "wald", "score"] = "auto",
    hc: Literal["HC0", "HC1", "HC3"] | None = None,
    pooled: bool = False,
    adjust: Literal["auto", "perturbations", "genes", "both"] | None = "auto",
    alpha: float = 0.01,
    min_cells: int = 10,
    responders: Literal["auto", "all"] | str | Iterable[str] | None = "auto",
    min_counts: int = 20,
    gene_symbols: str | None = None,
    n_jobs: int | None = None,
    client: "Client | bool | None" = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_descendants",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Find the descendants of every perturbed gene: the genes whose expression its perturbation changes.

    For every perturbation :math:`j` and gene :math:`k` of the network (perturbed *and* measured) a quasi-Poisson
    regression on the cells that perturb :math:`j` and the control cells,

    .. math:: \log E[Y_k] = \log \ell + \alpha + \tau^*_{jk} D_j + \beta' X,

    gives the total effect :math:`\hat\tau^*_{jk}` (natural log fold change) with its sandwich variance
    :math:`A^{-1}BA^{-1}`, :math:`A = \sum \mu x x'`, :math:`B = \sum (y-\mu)^2 x x'`, and a two-sided p-value. Pairs
    with a Benjamini–Hochberg adjusted p-value (over all tested ordered pairs) below `alpha` are significant; `closure`
    makes the descendant relation of them :cite:p:`ParkLi2026`. The fit of a gene on its own perturbation is the
    *knock-down*, the strength of the instrument; it is reported for every perturbation and is not part of the family of
    tests.

    Where a group expects few counts of a gene, the Wald test and its sandwich variance break down. Such pairs get a
    *score test*. Under either `family`, with the *Poisson* fit :math:`\mu` on the controls :math:`c` alone, covariates
    :math:`x` with an intercept, and the cells :math:`i` of the group,

    .. math::

        U &= \sum_i (y_i - \mu_i), \qquad
        \varphi = \max\bigl(0, \textstyle\sum_c [(y_c - \mu_c)^2 - y_c] / \sum_c \mu_c^2\bigr), \\
        v &= \sum_i (\mu_i + \varphi\mu_i^2) + P'H^{-1}BH^{-1}P, \qquad P = \sum_i \mu_i x_i, \\
        H &= \sum_c \mu_c x_c x_c', \qquad B = \sum_c (y_c - \mu_c)^2 x_c x_c', \qquad
        \kappa_3 = \sum_i (\mu_i + 3\varphi\mu_i^2 + 2\varphi^2\mu_i^3),

    and p is that of a Pearson III law with variance :math:`v` and third moment :math:`\kappa_3`. A group
    without any count has no finite estimate (*separation*): it is flagged, its effect is :math:`\log(½/(E + ½))` with
    the count :math:`E` expected from the controls, and whatever `test` says it is scored, its p-value never smaller
    than twice the probability of seeing no counts.

    Parameters
    ----------
    adata
        Cells × genes with raw UMI counts in ``X`` or in `layer`: dense or any sparse format, in memory, in a file that
        ``backed="r"`` or ``anndata.experimental.read_lazy`` opened, or a dask array. Features whose
        ``var["feature_types"]`` is not ``"Gene Expression"`` (guides, antibodies, hashtags) are no genes and no part of
        the depth. Counts that are off by rounding are rounded; what looks scaled to a common total is warned of.
    perturbation_key
        Column of ``obs`` with the perturbed gene of each cell, as :func:`argen.pp.argen_guides` writes it or as a
        published file has it, in the names of ``var_names`` or of `gene_symbols`; blanks round a label do not count.
        Cells labelled ``"multiple"`` or ``"unassigned"``, or without a label, are left out.
    control
        Label or labels of the control cells in `perturbation_key`, or prefixes with ``*``, such as ``"NT-*"``.
    covariates
        Columns of ``obs``, or a formula over them such as ``"~ batch + percent_mito"`` (with ``C(x)``, ``a:b``,
        ``a*b``). Categorical, string and boolean columns become one-hot, numeric ones are standardised (before they
        enter an interaction); a batch that is coded by integers needs ``C(batch)`` or a categorical column. Texts and
        categories that are measurements (all numbers, with decimals and more than 20 different ones, or more than 50,
        of which one in twenty belongs to a single cell) are taken as numbers, with a warning; ``C(x)`` makes a factor
        of anything. No part of a formula is evaluated as code. Perturbed cells in a level without control cells tell
        nothing: a warning counts them, ``n_supported`` of :func:`argen.get.perturbations` the others. What
        :func:`argen.pp.argen_qc` was given, of this and the two below, is the default; ``[]`` is none.
    depth
        Column of ``obs`` with each cell's sequencing depth. Default: the total count over *all* genes of the matrix.
        Give the depth of the full transcriptome when `adata` holds only some genes. Counts will do, and size factors;
        the log names a depth that the counts do not follow, such as a logarithm. ``"unaffected"`` (unless ``obs`` has
        a column of that name): the count over the genes that are not perturbed and that no perturbation moves at
        an adjusted p of .1, for a depth that is not composed of the effects; they are in the table ``depth_genes``.
        It takes the bulk of the measured genes to be unaffected, which a regulator of most of them is not.
    layer
        Layer with the counts instead of ``X``.
    perturbations
        Perturbations to use; default all. The cells of other perturbations are left out.
    family
        Quasi-likelihood: ``"poisson"``, or ``"negative_binomial"`` with the weights :math:`1/(1 + \varphi_k\mu)`,
        :math:`\varphi_k` estimated per gene on the control cells, for this step and for the networks made from it.
        Both are valid for any distribution with the right mean, since variances are sandwiches; the negative
        binomial is more precise where expression varies and counts are high. Genes without over-dispersion are
        fitted by Poisson and flagged. :func:`argen.get.genes` says which family each gene calls for.
    closure
        ``"acyclic"``: transitive closure of the significant pairs, taken from the strongest evidence to the weakest;
        a pair that would close a cycle is skipped and listed with the path that blocks it. ``True``: all of them
        closed, the paper's choice; a few false pairs can then join most genes into one component of mutual
        descendants, which costs power and time. ``False``: the significant pairs alone. Edge p-values are valid only
        given a right ancestor set: with ``closure=False`` ancestors that were not significant stay out of the second
        stage, and true nulls were rejected in 41–77 % of simulated cases at level 0.05.
    test
        ``"auto"``: the score test where the group expects fewer than 50 counts, else the Wald test. ``"score"``: takes
        the dispersion of a group to be that of the controls, which need not hold where counts are high. ``"wald"``:
        with ``hc="HC0"`` the paper's test, referred to the normal law; otherwise to Student's t with
        :math:`n_j - 1` degrees of freedom, :math:`n_j` the cells of the group. Which test a pair got is in its row.
    hc
        Variance of the effects: ``"HC0"``, ``"HC1"`` (times :math:`n/(n-k)`) or ``"HC3"`` (residuals divided by 1 −
        leverage; the leverages of control cells are those of the fit on the controls alone). Default: ``"HC0"`` with
        ``test="wald"``, else ``"HC3"``.
    pooled
        Estimate the effects of all perturbations on a gene in one regression on the cells of all of them, instead of
        one regression per perturbation. The effects of the covariates then rest on all cells, which gains power where
        there are few controls per covariate level. It assumes that covariates act alike in all perturbed cells: do not
        use it when the state of the cells, and with it the meaning of a covariate, changes with the perturbation. The
        score test rests on the controls either way.
    adjust
        Shifts of whole rows and columns of the effects to take out. A *perturbation's* shift moves all genes by one
        factor, which a wrong depth does (a gene that carries many UMIs, a fixed number of reads, the total of a panel).
        A *gene's* shift is common to all perturbations, which a response to being perturbed at all does, or the error
        of few controls. Both are estimated by a median polish over the measured genes (those that are perturbed, and
        up to 1,000 with most counts) and all perturbations, measured or not, own genes left out. ``"auto"``: those
        beyond doubt, with a log likelihood gain above 8, an absolute :math:`z` above 4, and 12 genes (8 perturbations,
        of whose effects it explains half) to rest on. ``"perturbations"``, ``"genes"``, ``"both"``: all with an
        absolute :math:`z` above 3 that gain anything. `None`: none, as for a
        regulator of most genes, which looks like a shift. What was taken out is in :func:`argen.get.shifts`.
    alpha
        Level of the adjusted p-values. It is stricter than that of the edges: a false ancestor costs every equation
        that it enters, and through the closure those of its descendants.
    min_cells
        Fewest cells with positive depth that a perturbation, and the controls, must have.
    responders
        Measured genes that are no nodes of a network, to test every perturbation on: ``"all"``, names, a column of
        ``var`` that holds True and False, or `None`. ``"auto"``: all, where that takes less than about a quarter of a
        minute; the log says what was done. Perturbations whose own gene is not measured are among the sources here (and
        the genes of the network among their targets). The tests are a family of their own: no number of the network
        depends on them. See :func:`argen.get.pairs` with ``responders=True`` and :func:`argen_responders`.
    min_counts
        Fewest counts that a responder must have in the control cells, and in the other cells.
    gene_symbols
        Column of ``var`` with further names of the genes, such as ``"gene_name"`` where ``var_names`` are Ensembl
        identifiers: the labels of the cells, `perturbations` and prior knowledge may use either. What is stored uses
        ``var_names``; tables, plots and files show the names of this column unless they are told another.
    n_jobs
        Threads; default all that the process may use. No number depends on it.
    client
        A :class:`distributed.Client`, whose workers fit what :doc:`blocks of genes </cluster>` there are; default the
        active one of this process, if there is one. ``False``: threads. No number depends on it.
    memory_limit
        Memory that counts on disk may take while they are laid out by genes, such as ``"4GB"`` or a number of bytes;
        default half of what the process was granted. No number depends on it; counts in memory need none. See
        :doc:`the page about large screens </scale>`.
    checkpoint
        Folder where finished blocks are kept, made if need be. A run that was stopped, given the same folder, computes
        what is missing alone; the folder of a run with other data or options is an error.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets the following fields:

    `adata.varp[key_added]` : :class:`scipy.sparse.csr_matrix` (dtype `bool`)
        [source, target]: target is a descendant of source.
    `adata.varp['argen_total_effects']` : :class:`scipy.sparse.csr_matrix` (dtype `float`)
        [source, target]: total effects of all estimated pairs, the knock-downs on the diagonal
        (``f"{key_added}_total_effects"`` for another `key_added`). Of more than 5 million pairs those in the
        table ``pairs`` and the knock-downs alone.
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``perturbations`` (kept and dropped, with reasons and knock-down), ``pairs`` (every tested pair),
        ``genes`` (dispersions and families), ``dropped_pairs`` (by ``closure="acyclic"``), ``components`` (genes that
        the significant pairs join into cycles), ``shifts`` (of perturbations and genes, and which were taken out),
        ``findings`` (see :func:`argen.get.check`), ``cells`` (what became of the cells), ``covariates`` (columns of the
        design). With more than 5 million pairs ``pairs`` has the significant ones and the descendants alone, and the
        arrays ``effect``, ``log_p`` (natural; both float32) and ``status`` (uint8) of perturbations × genes have all, 9
        bytes a pair: see :doc:`/results`. Beside them ``kind``, ``id`` (a digest of the tables), ``made_from`` (that of
        the data), ``settings``, ``versions``, ``schema_version``.
    `adata.uns['argen_responder_effects']` : :class:`dict`
        With responders (``f"{key_added}_responder_effects"`` for another `key_added`). In ``tables``: ``genes`` (every
        gene of `adata`, whether it is a responder, a node, or why it was left out), ``perturbations``, and the arrays
        ``effect``, ``se``, ``log_p`` (natural), ``count`` and ``status`` of tested genes × perturbations, 17 bytes a
        pair.

    Raises
    ------
    argen.errors.CountsError
        The matrix does not hold raw counts.
    argen.errors.InputError
        Unknown column, layer, label or option; duplicated ``var_names``.
    argen.errors.DesignError
        Too few controls or perturbations; constant, collinear or missing covariates.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> sorted(adata.uns["argen_descendants"]["tables"])[:3]
    ['cells', 'components', 'covariates']
    """
    check_key("key_added", key_added)
    check_anndata(adata)
    check_free(adata, key_added, "descendants")
    backend = Backend.read(client, checkpoint, memory_limit)
    start = log.info("computing descendants of every perturbed gene")
    given = {
        "perturbation_key": perturbation_key,
        "control": control,
        "covariates": covariates,
        "depth": depth,
        "layer": layer,
        "perturbations": perturbations,
        "family": family,
        "closure": closure,
        "test": test,
        "hc": hc,
        "pooled": pooled,
        "adjust": adjust,
        "alpha": alpha,
        "min_cells": min_cells,
        "responders": responders,
        "min_counts": min_counts,
        "gene_symbols": gene_symbols,
    }
    settings = DescendantSettings.read(with_remembered(adata, given, ["qc"]))
    step = compute_step(adata, settings, key_added, n_jobs, backend)
    adata = adata.copy() if copy else adata
    is_replaced = key_added in adata.uns
    write_step(adata, step)
    outdated = [network.key for network in networks_of(adata, key_added) if not is_current(step.entry, network)]
    if outdated and is_replaced:
        log.warning(f"made from the result that is replaced now, run them again: {name_some(outdated)} (adata.uns)")
    log.info("    finished", time=start, deep=summary(step.entry.key, step.tests, step.relation))
    return adata if copy else None
