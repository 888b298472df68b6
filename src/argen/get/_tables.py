"""Results as tidy data frames."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import named_network, network_of_step
from argen._bridge.results.tables import EDGE_KINDS
from argen._bridge.validate import check_level, check_option
from argen.get._opened import OpenedNetwork, held_pairs, pairs_of, perturbations_of, with_network
from argen.get._responders import edges_to_responders, responder_pairs_of

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["edges", "genes", "pairs", "perturbations", "qc"]

_NETWORK = "argen_dag"


@takes_mudata
def edges(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    selected: bool = True,
    responders: bool | str = False,
    power: float = 0.8,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Edges of the network, strongest evidence first.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`, or another search.
    key
        Name of the result.
    selected
        Only the edges of the network; ``False`` gives every candidate that was tested.
    responders
        Also the edges to genes that are no nodes, of :func:`argen.get.responders`: ``True``, or the name of the result
        of :func:`argen.tl.argen_responders`. The column ``kind`` then tells ``"network"`` from ``"responder"``; what
        BatchBH and the smallest detectable effects say is missing for the latter.
    power
        Power of the smallest detectable effect.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per edge: ``source``, ``target``, ``coef`` (change of the child's log-expression per unit log-expression of
    the parent, in the mean over its cells), ``se``, ``ci_low``, ``ci_high`` (95 %), ``z``, ``p``, ``padj``
    (Benjamini–Hochberg over all candidates that were tested), ``batch``, ``alpha`` (BatchBH's level of the batch),
    ``threshold`` (the one applied to the p-values), ``selected``, ``F`` (strength of the instruments), ``weak`` (below
    10), ``condition`` (number of the matrix M of the child's equation), ``p_robust``, ``ci_low_robust``,
    ``ci_high_robust``, ``robust_set`` (test and 95 % confidence set that stay valid with weak instruments, and the
    shape of the set, which may be unbounded), ``required`` (by prior knowledge), ``direction`` (``"one way"``, or what
    decided between both: ``"evidence"``, ``"order"``, ``"tie"``, ``"prior"``), ``loop``, ``flags``. Edges of genes that
    `adata` no longer holds are left out.

    ``loop`` names the loops on which an edge hangs, such as ``"JAK2⇄STAT1"``; it is empty if there is none. A loop is a
    pair of genes whose order was decided although the data lead both ways: the pairs that ``closure="acyclic"``
    skipped, mutual descendants under the other closures, and pairs that prior knowledge put in order. An edge hangs on
    it if the equation that gives its estimate holds both genes, as candidates or as the target: had the loop been cut
    elsewhere, the equation would have other candidates or first stages. An edge whose own direction is beyond doubt may
    hang on a loop. :func:`argen.tl.argen_sensitivity` reverses each of them.

    After :func:`argen.tl.argen_overidentification` of this very network: ``J_p``, ``J_padj`` (that the guides of the
    parent agree about the edge), ``J_p_equation``, ``J_padj_equation`` (that the guides of all candidates agree about
    the equation), ``J_flag`` (``"edge"``, ``"equation"``, ``"edge, equation"``: whose ``padj`` is below the level of
    that function; else empty) and ``disagrees`` (the guide of the parent that disagrees).

    After :func:`argen.tl.argen_joint`: ``padj`` (over all pairs that could be edges), ``inclusion`` (probability of the
    edge), ``reverse_residual`` (what is not explained of the reverse effect, in standard deviations), and of the
    columns above those up to ``p``, ``selected``, ``required`` and ``flags``; with ``selected=False`` all pairs with an
    inclusion of .01 or a p of .05.

    What a missing edge means: ``verdict`` is ``"found"``, ``"tested"`` or ``"not testable"`` (no p-value). A negative
    effect of ``mde_negative`` and a positive one of ``mde_positive`` in size would have been found with the
    probability `power`, and either with ``mde``, the larger of them. The level a of the single test is ``mde_level``:
    the threshold of the batch or, where nothing was rejected, what one rejection would have taken, :math:`\alpha_t / n`
    of n tests. With many counts and a strong instrument both are

    .. math:: (z_{1-a/2} + z_{power}) \, se.

    An effect that lowers the child in the cells of its parent leaves fewer counts, and noise of the first stage makes
    the test of a large effect stricter; both are counted, with the counts and the knock-down of the descendant step
    (and the strength F of the edge where the network has it). Infinite where no effect would be found. Where the
    descendant step that the network was made from is not in `adata` any more, and for :func:`argen.tl.argen_naive`, the
    formula stands for both. Other networks (:func:`argen.tl.argen_joint`,
    :func:`argen.tl.inspre`, :func:`argen.tl.external_dag`) have none of these columns.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        `power` is not between 0 and 1.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> edges = ag.get.edges(adata)
    >>> edges[["source", "target"]].iloc[0].tolist()
    ['X1', 'X2']
    """
    check_level("power", power)
    network = OpenedNetwork(adata, key, power=power, gene_symbols=gene_symbols)
    table = network.edges if selected else network.candidates
    if responders is False:
        return table
    further = edges_to_responders(adata, network.names, network.entry, responders, selected=selected)
    further = further.assign(required=False, direction="one way", kind=EDGE_KINDS[1])
    return pd.concat([table.assign(kind=EDGE_KINDS[0]), further], ignore_index=True)


@takes_mudata
def genes(
    adata: "AnnData | MuData", *, key: str = "argen_descendants", gene_symbols: str | None = None
) -> pd.DataFrame:
    r"""How over-dispersed each gene is among the control cells, and which family it calls for.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per gene of the network: ``gene``, ``mean_control`` (counts per control cell), ``dispersion`` (variance
    :math:`\mu + \varphi\mu^2`), ``overdispersion_z``, ``overdispersion_p``, ``overdispersion_padj`` (one-sided score
    test of no over-dispersion), ``recommended`` (``"negative_binomial"`` where it is significant and the variance at
    least 1.5 times the mean), ``family`` (the one that was used) and ``flags`` (``"no over-dispersion"``,
    ``"no control counts"``, ``"dispersion at its bound"``).

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.get.genes(adata)["recommended"].unique().tolist()
    ['negative_binomial']
    """
    step = read_entry(adata, key, "descendants")
    return ShownNames(adata, step, gene_symbols).table(step.tables["genes"], ("gene",))


@takes_mudata
def pairs(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_descendants",
    selected: bool = False,
    responders: bool = False,
    power: float = 0.8,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Total effects of every perturbation on every other gene.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.
    selected
        Only the pairs of the descendant relation; of responders those that are significant.
    responders
        Also the effects on responders, genes that are measured but no nodes, and those of perturbations whose gene is
        no node on any other gene.
    power
        Power of the smallest detectable effects.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per ordered pair: ``source``, ``target``, ``effect`` (natural log fold change), ``se``, ``z``, ``p``,
    ``test``, ``padj``, ``significant``, ``descendant``, ``n_perturbed``, ``n_control``, ``count``,
    ``expected_count``, ``flags``. With `responders` also ``kind``: ``"network"``, or ``"responder"``; these are a
    family of tests of their own, have no ``descendant``, and follow the others.

    Of more than 5 million pairs those that are neither significant nor descendants have ``effect`` and ``p`` rounded to
    32 bits, ``z`` and ``padj`` as these give them, and no ``se``, ``count``, ``expected_count``, ``mde``,
    ``mde_decrease`` and ``mde_increase``; all others are as ever. The table of so many takes 125 bytes a pair, and
    four times as much while it is made: ``selected=True`` reads what is stored of the descendants alone, and
    ``adata.uns[key]["tables"]`` has matrices (:doc:`/results`).

    What a pair that is not significant means: ``verdict`` is ``"found"``, ``"tested"`` or ``"not testable"`` (no
    p-value). A decrease by ``mde_decrease`` and an increase by ``mde_increase`` (both positive, natural logs) would
    have been found with the probability `power`, and either with ``mde``, the larger of them. They are computed at the
    level of the single test, ``mde_level`` = max(r, 1) alpha / m with r significant pairs among m, from the counts that
    the effect would leave: a decrease leaves fewer, so that its standard error is larger, and where few counts are
    expected ``mde_decrease`` is infinite, since not even a group without a count would be significant. With many counts
    both are :math:`(t_{1-a/2} + z_{power}) \, se`, t with ``n_perturbed`` − 1 degrees of freedom (normal with HC0).

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        `power` is not between 0 and 1.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> len(ag.get.pairs(adata))
    56
    """
    check_level("power", power)
    check_option("responders", responders, (True, False))
    step = read_entry(adata, key, "descendants")
    names = ShownNames(adata, step, gene_symbols)
    table = pairs_of(names, step, power, related=selected)
    if not responders:
        return table
    further = responder_pairs_of(adata, names, step, power)
    further = further[further["significant"]] if selected else further
    both = table.assign(kind=EDGE_KINDS[0]), further.assign(kind=EDGE_KINDS[1])
    return pd.concat([both[0].drop(columns="descendant"), both[1]], ignore_index=True)


@takes_mudata
def perturbations(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_descendants",
    network: str | Literal[False] | None = None,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Perturbations with the strength of their knock-down, and what rests on it; the dropped ones with the reason.

    A perturbation is the instrument of every edge that starts at it. Its strength is
    :math:`z^2 = (\hat\tau_{kk} / se)^2`, the squared ratio of the knock-down and its standard error.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.
    network
        Name of a network that was made from it. Default: ``"argen_dag"`` if that was, else none; ``False``: none.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per perturbation: ``perturbation``, ``status`` (kept, dropped), ``reason``, ``n_cells``, the on-target
    ``effect`` (natural log fold change of the perturbed gene itself) with ``se``, ``ci_low``, ``ci_high`` (95 %), ``z``
    (normal score of p), ``p``, ``test``, ``flags``; ``n_descendants``, ``z_squared`` and ``weak`` (kept, with
    ``z_squared`` below 10 or missing); ``n_significant`` (genes that it changes significantly), ``n_skipped`` (those of
    them that are no descendants, since the pair would have closed a cycle) and ``cycle``: a number for perturbations
    that significant pairs join into a cycle (0 for the largest), −1 for the others.

    With a network also ``n_candidate_edges`` (candidate edges with the perturbation as parent, which rest on it),
    ``n_edges`` (those that were selected), ``n_indirect`` (descendants that are no child in it) and, if the network has
    the strength F of each edge, ``min_F``, the smallest of its candidate edges: another weak instrument can spoil an
    edge whose own is strong.

    Kept perturbations that `adata` no longer holds are left out, and whatever is counted is counted among the genes
    that it holds; ``cycle`` is that of the step as it was run.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`, or no network under the name that is given.
    argen.errors.StaleResultError
        The step under `key` was run again since the network of that name was made.
    argen.errors.InputError
        The network of that name was made from another step.

    See Also
    --------
    argen.pl.argen_perturbations : the same as a picture.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.get.perturbations(adata)["perturbation"].tolist()
    ['X1', 'X2', 'X3', 'X4', 'X5', 'X6', 'X7', 'X8']
    >>> ag.get.perturbations(adata)["weak"].any().item()
    False
    """
    step = read_entry(adata, key, "descendants")
    made = _network_of(adata, key, network)
    names = ShownNames(adata, step, gene_symbols)
    pairs = held_pairs(names, step)
    table = perturbations_of(names, step, pairs)
    return names.rename(table if made is None else with_network(names, table, pairs, made))


def _network_of(adata: "AnnData", key: str, network: str | Literal[False] | None) -> Entry | None:
    """The network that is asked for; only what a user has named must be there."""
    if network is None:
        return network_of_step(adata, _NETWORK, key)
    return None if network is False else named_network(adata, network, key)


@takes_mudata
def qc(adata: "AnnData | MuData", *, key: str = "argen_qc", gene_symbols: str | None = None) -> pd.DataFrame:
    """Cells and perturbations that each rule of quality control removed.

    Parameters
    ----------
    adata
        After :func:`argen.pp.argen_qc`; of a MuData the RNA modality.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per rule, in the order in which they were applied, and one for what is kept: ``rule``, ``limit``,
    ``n_cells`` (that fail it), ``n_cells_first`` (that fail no rule before), ``n_perturbations``, ``why``,
    ``perturbations``.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.pp.argen_guides(adata, labels="perturbation")
    >>> ag.pp.argen_qc(adata, min_depth=1)
    >>> ag.get.qc(adata)["rule"].tolist()
    ['min_depth', 'no perturbation', 'multiple perturbations', 'kept']
    """
    result = read_entry(adata, key, "qc")
    return ShownNames(adata, result, gene_symbols).rename(result.tables["rules"]).reset_index(drop=True)
