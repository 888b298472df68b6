"""The joint search: one network that explains the whole table of total effects."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.cluster.workers import Backend, Run, workers
from argen._bridge.gene_names import gene_names
from argen._bridge.modality import takes_mudata
from argen._bridge.results.joint import joint_entry, write_joint
from argen._bridge.results.network import diagnostics_of
from argen._bridge.results.prior import prior_in_words, read_prior
from argen._bridge.results.slots import var_name
from argen._bridge.results.steps import open_step, write_step
from argen._bridge.runtime import announce_compilation, progress_bars, resolve_n_jobs, warn_user
from argen._bridge.settings import DescendantOptions, JointSettings, with_level
from argen._bridge.validate import check_count, check_level, check_option, counted, name_some, read_seed
from argen._core.joint.network import JointNetwork
from argen._core.joint.search import search_joint, usual_chains
from argen._core.joint.sums import group_sums
from argen._core.joint.table import effect_table
from argen.errors import DesignError, InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from distributed import Client
    from mudata import MuData

__all__ = ["argen_joint"]

FEWEST_GENES = 3
# Two halves of the chains that share fewer of their edges, or differ by more in a probability, ask for more chains.
POOR_JACCARD, POOR_DIFFERENCE = 0.8, 0.5


@takes_mudata
def argen_joint(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    chains: int | None = None,
    shifts: bool = True,
    descendants_alpha: float | None = None,
    prior: pd.DataFrame | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: "Client | bool | None" = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_joint",
    copy: bool = False,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> "AnnData | MuData | None":
    r"""Find the causal network that explains the whole table of total effects at once.

    :func:`argen_dag` estimates the edges out of a gene from the row of that gene alone, among the genes that it could
    call descendants. Here a sparse network has to account for every row: for perturbation :math:`l` and gene :math:`j`
    the counts :math:`S_{lj}`, summed over the cells of :math:`l`, have the mean

    .. math::

        \mu_{lj} = E_{lj} \exp(T_{lj}), \qquad T = \operatorname{diag}(\tau)\,(I - \Theta)^{-1},

    with :math:`E_{lj}` the sum of the means that the controls' regression expects of these cells,
    :math:`\Theta_{kj}` the direct effect of :math:`k` on :math:`j` and :math:`\tau_l` the effect of the perturbation on
    its own gene. The variance is that of the counts about the groups' means, with the controls' own error as one offset
    per gene; noise that genes share (hidden causes) is estimated from the correlation of the cells' residuals and
    subtracted. An edge is there with a small probability that each source has of its own, its coefficient normal, and
    the graph acyclic. Markov chains over graphs give the probability of every edge (``inclusion``): add, remove,
    replace and turn edges, all coefficients integrated out.

    *Selection*: the efficient score of each edge at 0, given all others, has a two-sided p-value; edges have a
    Benjamini–Hochberg adjusted p of at most `alpha` and an inclusion above .5, as far as the inclusions themselves
    expect no more than 1.5 `alpha` of them to be false. The p-values rest on the graph that was searched for: they are
    as good as it is. Intervals are those of the full information, all coefficients and strengths unknown, after
    selection.

    A perturbation that does not move its own gene has no edges out of it: its total effects are what can be known.
    Where the reverse of an edge has an effect that the network does not explain, the edge is flagged
    (``"loop, direction undetermined"``). The page "Two-stage or joint?" of the documentation says when to take which.

    Parameters
    ----------
    adata
        Cells × genes. If ``uns[descendants]`` is missing, :func:`argen_descendants` runs first.
    descendants
        Name of the descendant step. Of it the search takes cells, genes, covariates and depth; its tests, closure and
        family do not matter, the sums are those of a Poisson regression on the controls.
    alpha
        Nominal level of the false discovery rate; the page "Two-stage or joint?" says what it was in simulation.
    chains
        Number of Markov chains. `None`: 32 up to 25 genes, 8 from 100 on. A warning asks for more where two halves of
        them disagree.
    shifts
        Take out shifts of a whole row (composition, wrong size factors) or column (a response that all perturbations
        share) of the table where they are more than noise; with 15 genes or more.
    descendants_alpha
        Level of the descendant step if that has to run; default that of :func:`argen_descendants`.
    prior
        What is known beforehand, as in :func:`argen_dag`: ``source``, ``target``, ``rule`` (``"forbidden"``,
        ``"required"``, ``"before"``).
    rng
        Seed of the chains, or a generator that it is drawn from.
    n_jobs
        Threads, at most one per chain. `None` uses all that this process may run on; results do not depend on it.
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
        Key of the results in ``varp`` and ``uns``.
    copy
        Whether to return a changed copy instead of changing `adata`.
    **descendants_kwargs
        Arguments of :func:`argen_descendants` for when it has to run. If its result is there, arguments that differ
        from it are an error.

    Returns
    -------
    Returns `None` if `copy=False`, else a copy of `adata`. Sets the following fields:

    `.varp['argen_joint' | key_added]` : :class:`scipy.sparse.csr_matrix` (dtype ``float64``)
        Direct effects of the selected edges, [parent, child].
    `.var['argen_joint_order' | f'{key_added}_order']`, `.var['argen_joint_layer' | f'{key_added}_layer']`
        Position in the causal order, longest path from a root; −1 outside the network.
    `.uns['argen_joint' | key_added]` : :class:`dict`
        In ``tables``: ``edges`` (pairs with an inclusion of .01 or a p of .05, see :func:`argen.get.edges`), ``fit``
        (observed and predicted total effects with standardised residuals, see :func:`argen.get.fit`), ``strengths``
        (effect of each perturbation on its own gene, shifts), ``search`` (expected false edges, agreement of the
        chains, misfit), ``nodes``, ``order``, ``prior``; beside them ``settings`` and what every entry has.

    Raises
    ------
    argen.errors.StaleResultError
        The stored descendant step was made from other cells, genes, counts or perturbations.
    argen.errors.DesignError
        Fewer than three genes.
    argen.errors.InputError
        Unknown option, `descendants_kwargs` that contradict the stored step, prior knowledge that contradicts itself or
        requires an edge out of a perturbation that does not move its own gene; and all errors of
        :func:`argen_descendants`.

    See Also
    --------
    argen_dag : the two-stage search.
    argen.pl.argen_fit : what the network explains, and what it does not.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_joint(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> len(ag.get.edges(adata, key="argen_joint")) > 6
    True
    """
    check_level("alpha", alpha)
    check_option("shifts", shifts, (True, False))
    chains = None if chains is None else check_count("chains", chains, 2)
    threads, seed = resolve_n_jobs(n_jobs), read_seed(rng)
    backend, given = Backend.read(client, checkpoint, memory_limit), with_level(descendants_kwargs, descendants_alpha)
    names = {"descendants": descendants, "key_added": key_added, "kind": "network"}
    step = open_step(adata, argen_joint, given, **names, n_jobs=n_jobs, backend=backend)
    screen = step.screen
    if screen.n_genes < FEWEST_GENES:
        msg = (
            f"The joint search needs {FEWEST_GENES} genes that are perturbed and measured; the step has "
            f"{name_some(screen.genes)}. ag.tl.argen_dag searches with two."
        )
        raise DesignError(msg)
    known, prior_table = read_prior(prior, screen.genes, gene_names(adata, step.settings.gene_symbols))
    start = log.info("searching the causal network, all total effects at once")
    announce_compilation(joint=True)
    chains = chains or usual_chains(screen.n_genes)
    settings = JointSettings(descendants=descendants, alpha=alpha, chains=chains, shifts=shifts, seed=seed)
    run = Run(
        "ag.tl.argen_joint",
        step.made_from["data"],
        step.made_from | asdict(settings) | {"prior": prior_in_words(prior_table)},
    )
    with workers(threads, backend, run) as map_, progress_bars() as bar:
        table = effect_table(group_sums(screen, map_))
        network = search_joint(
            table,
            prior=known,
            alpha=alpha,
            chains=chains,
            seed=seed,
            shifts=shifts,
            map_=map_,
            track=bar("joint network, chains", chains),
        )
    _check_required(screen.genes, known.required, network)
    entry = joint_entry(key_added, settings, step, table, network, prior_table)
    _warn(screen.genes, network, chains)  # before anything is written: a warning may be an error
    adata = adata.copy() if copy else adata
    outdated = [diagnostic.key for diagnostic in diagnostics_of(adata, key_added)]
    write_step(adata, step)
    write_joint(adata, entry, step, network)
    if outdated:
        log.warning(f"made from the network that is replaced now, run them again: {name_some(outdated)} (adata.uns)")
    log.info("    finished", time=start, deep=_summary(key_added, network))
    return adata if copy else None


def _check_required(genes: tuple[str, ...], required: np.ndarray, network: JointNetwork) -> None:
    missing = required & ~network.selected
    if missing.any():
        names = [f"{genes[s]} → {genes[t]}" for s, t in zip(*np.nonzero(missing), strict=True)]
        msg = (
            f"prior requires {name_some(names)}, but the data do not determine the effect: the perturbation does not "
            "move its own gene. Leave these rows out."
        )
        raise InputError(msg)


def _warn(genes: tuple[str, ...], network: JointNetwork, chains: int) -> None:
    """What a user has to know before believing the edges."""
    if silent := [gene for gene, moves in zip(genes, network.instrument, strict=True) if not moves]:
        warn_user(
            f"{counted(len(silent), 'perturbation')} without an effect on the own gene, hence without edges: "
            f"{name_some(silent)}. Their total effects are in ag.get.pairs."
        )
    if network.is_heavy_tailed:
        warn_user(
            f"Heavy tails: rare cells with many counts make up the variance (the groups' usual variance is "
            f"{network.tail:.2f} of it). Little can be found in such sums; ag.tl.argen_dag finds more, of which a "
            "large part was false in simulation: see its calibration."
        )
    agreement = network.agreement
    if n := int(agreement.hinging.sum()):
        warn_user(
            f"{counted(n, 'edge')} would be selected, or not, were edges with a probability between .25 and .5 left "
            "out of the graph that the others are tested in: flagged 'unstable'."
        )
    if agreement.jaccard < POOR_JACCARD or agreement.largest_difference > POOR_DIFFERENCE:
        warn_user(
            f"Two halves of the chains share {agreement.jaccard:.0%} of their edges, and differ by up to "
            f"{agreement.largest_difference:.2f} in the probability of one: more chains than {chains} (chains=...) "
            "make the result firmer; the edges that only one half has are flagged 'unstable'."
        )


def _summary(key: str, network: JointNetwork) -> str:
    loops, n = int(network.loop.sum()), int(network.selected.sum())
    rest = f", {loops} of them with a reverse effect that is not explained" if loops else ""
    return (
        f"{counted(n, 'edge')} selected, {network.expected_false:.1f} of them expected to be false{rest}\n"
        f"added\n    {key!r}, direct effects (adata.varp)\n    {key!r}, edges, fit, order and parameters (adata.uns)\n"
        f"    {var_name(key, 'order')!r} and {var_name(key, 'layer')!r} of each gene (adata.var)"
    )
