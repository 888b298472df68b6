"""What is known from elsewhere about the pairs that a network was searched in."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from argen._bridge import log
from argen._bridge.gene_names import GeneNames, gene_names
from argen._bridge.genomics.chromosomes import read_assembly
from argen._bridge.genomics.positions import Positions, read_positions
from argen._bridge.modality import takes_mudata
from argen._bridge.outside.compared import (
    RANDOM,
    Candidates,
    known_symbols,
    other_networks,
    random_pairs,
    read_candidates,
)
from argen._bridge.outside.pair_tables import pair_sources
from argen._bridge.outside.places import Regions, chromosome_groups, place_sources
from argen._bridge.outside.sources import Source
from argen._bridge.outside.tables import SIGN, annotated, comparisons, genes_table, tests_table
from argen._bridge.results.entries import check_free, new_entry, write_entry
from argen._bridge.runtime import progress_bars, warn_user
from argen._bridge.validate import check_anndata, check_count, check_key, check_option, counted, name_some, read_seed
from argen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_evidence"]

# Distances (bp) between which a permutation that keeps distances keeps the number of edges: each 1.6 times the last.
_CLASSES = 1.6 ** np.arange(15, 41)
_MOST_SHOWN = 5000  # random pairs that are kept for plots
_ENDS = ("source", "target")
_RESERVED = ("source", "target", "kind", "coef", "selected", "network")


@takes_mudata
def argen_evidence(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    network: str = "argen_dag",
    responders: bool | str = False,
    positions: "str | Path | pd.DataFrame | None" = None,
    assembly: str | None = None,
    pairs: "Mapping[str, pd.DataFrame | str | Path] | None" = None,
    domains: "Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None" = None,
    compartments: "Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None" = None,
    boundaries: "Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None" = None,
    contacts: "Mapping[str, str | Path] | str | Path | None" = None,
    peaks: "Mapping[str, pd.DataFrame | str | Path] | None" = None,
    promoter: tuple[int, int] = (1000, 100),
    others: "Mapping[str, str] | Sequence[str] | str | None" = None,
    groups: Literal["chromosome"] | None = None,
    n_permutations: int = 1000,
    rng: int | np.random.Generator = 0,
    gene_symbols: str | None = None,
    key_added: str = "argen_evidence",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Hold the edges of a network against evidence from outside of the screen.

    Every pair that the search tested is annotated with what is known of it from elsewhere, and the edges are compared
    with three other sets of pairs: those that were ``"tested, not selected"``; ``"random pairs"``, all ordered pairs of
    a gene of the network and another one that are no edges (a million of them where there are more); and the edges of
    each network in `others` that this one has not, against those of this one that the other has not. (This is not
    :func:`argen.get.evidence`, which grades edges by what the *screen* says for and against them; hence the getter of
    this result is :func:`argen.get.outside_evidence`.)

    ======================  ======  ===========================================================
    column                  kind    of a pair
    ======================  ======  ===========================================================
    ``same_chromosome``     share   both genes are on one chromosome
    ``distance``            number  bp between the starts of transcription
    ``same_domain``         share   both start in one of `domains`
    ``same_compartment``    share   the values of `compartments` where they start have one sign
    ``boundaries_between``  number  of `boundaries` whose middles lie between them
    ``contact``             number  contact frequency of the bins in which they start
    ``peak``                share   the promoter of the target overlaps a peak of the source
    names of `pairs`        either  what the table says
    ======================  ======  ===========================================================

    All but the first and the last two kinds are known of pairs on one chromosome alone: the sign of a compartment is
    that of an eigenvector, which means nothing from one chromosome to the next.

    A share is compared by the odds ratio :math:`ad/(bc)` with the interval of Woolf (.5 is added to all four counts if
    one of them is 0) and by Fisher's exact test; a number by the medians, the probability that an edge has the larger
    one (``auc``) and Wilcoxon's rank-sum test; signs of a table with weights by Fisher's test of the signs of the edges
    against those of the table (``share_other``: the share that would agree if they were independent; most known
    regulation is activation, so that half is not what chance gives). All p-values are two-sided.

    Fisher's and Wilcoxon's tests take pairs to be independent, which they are not: they share genes, a hub of the
    network may be a hub of the evidence for reasons of its own, and neighbours share domains and contacts. Hence three
    permutation tests, each of `n_permutations` other choices of as many of the pairs: ``p_degree`` leaves every gene as
    many edges out and in as it has, ``p_distance`` as many edges in each class of distance (each 1.6 times as far as
    the last, from 1 kb on; other chromosome; unknown), ``p_both`` both. Believe of tables of regulation ``p_degree``
    and of domains, compartments and boundaries ``p_distance``. That takes pairs of one gene to be like others: where
    hubs of the network may be genes with much of the evidence (contacts of well-mapped bins), it is too small, and
    ``p_both`` is the one to quote. It is the strictest, and often there are no other choices: ``moved_both`` says which
    share of the edges they replace. What keeps degrees comes from a
    chain of exchanges of targets that starts at a hub :cite:p:`BesagClifford1989`, so that the level holds however
    slowly the chain mixes.

    Parameters
    ----------
    adata
        With the network.
    network
        Name of the network in `uns`: of :func:`argen_dag`, :func:`argen_joint`, another method, or imported. What was
        tested is what its table lists: all candidates, or, of a joint network, the pairs with an inclusion of .01 or a
        p of .05. Pairs that prior knowledge has forbidden or required are left out.
    responders
        Take in the edges to genes that are no nodes: ``True``, or the name of a result of :func:`argen_responders`.
    positions
        Where genes are: the path of a GTF file (features ``gene``; names or identifiers, whichever are those of the
        network), a table with ``gene`` (or the genes as index), ``chrom``, ``start`` (from 0), ``end`` and ``strand``
        or such a csv file, by default the columns of `var` of these names (``chromosome``, ``start``, …), if there are
        any. Without a strand the middle of the gene stands for its start, and there is no promoter.
    assembly
        What `positions` and all intervals are of, such as ``"hg38"``. It is held against what the GTF file, the
        cooler, and ``attrs["assembly"]`` of tables state, and against the ends of its chromosomes: intervals of
        another assembly cannot be told otherwise. It has to be one that bioframe knows. Not named, what is stated must
        agree, and ends are not checked.
    pairs
        Tables (or csv files) by name, with ``source`` and ``target``. Alone, or with ``weight`` (or ``mor``: above 0
        activation, below 0 repression, as in CollecTRI), they are a share: whether the table has the pair, known where
        the source is a source there and the target a target. With ``value`` they are a number, unknown of pairs that
        the table lacks. Pairs are directed: give undirected ones both ways.
    domains
        BED files or tables (``chrom``, ``start``, ``end``), by name, such as ``{"TAD": "tads.bed"}``; the column is
        ``same_TAD``. One alone is called ``domain``. Domains may overlap.
    compartments
        bedGraph files or tables with a fourth column, ``value``, whose sign tells A from B.
    boundaries
        BED files or tables of boundaries, such as those of domains.
    contacts
        Path of a ``.cool`` file, or ``"x.mcool::/resolutions/10000"``: balanced contacts if it has weights, else
        counts.
    peaks
        For each factor (a gene of the network) a BED file or table with its peaks.
    promoter
        Bases before and after the start of transcription.
    others
        Names of other networks in `uns` to compare with, or a mapping from what to call them to these names.
    groups
        ``"chromosome"``: only pairs on one chromosome take part, for networks that were searched so
        (``groups=`` of :func:`argen_dag`).
    n_permutations
        How many; 0 leaves them out. No p-value of theirs is below 2 / (n + 1).
    rng
        Seed, or a generator.
    gene_symbols
        Column of `var` whose names the tables may use beside ``var_names``. Default: that of the descendant step.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets `adata.uns[key_added]`, with the ``tables``

    ``candidates``
        Every pair that was tested: ``source``, ``target``, ``kind`` (``"network"``, ``"responder"``), ``coef``,
        ``selected``, and a column for each kind of evidence (shares 1 or 0; missing where unknown), and of tables with
        weights ``…_sign`` (1, −1).
    ``compared``
        The same of the edges of other networks (``network``) and of up to 5,000 random pairs.
    ``tests``
        See :func:`argen.get.outside_evidence`.
    ``genes``
        ``gene``, ``chromosome`` (without ``chr``), ``start``, ``end``, ``strand``, ``tss``, as they were used.

    and ``settings``, ``made_from`` (ids of the network and of what it was made from).

    Raises
    ------
    argen.errors.MissingResultError
        No network under `network` or in `others`.
    argen.errors.InputError
        There is no evidence at all; genes, chromosomes or factors that have nothing in common with the network; an
        assembly that bioframe does not know; intervals of another assembly; files or columns that are missing; a
        name that is taken.
    ImportError
        Intervals are read by bioframe, contacts by cooler: ``pip install "argen[genomics]"``.

    Warns
    -----
    argen.errors.ArgenWarning
        Genes without a position, or on several chromosomes; factors of `peaks` that are no nodes; evidence that is
        known of no edge at all.

    See Also
    --------
    argen.get.outside_evidence : the tables.
    argen.pl.argen_evidence : what they look like.
    argen.metrics.prior_overlap : the overlap with one table, as a single row.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> known = pd.DataFrame({"source": ["X1", "X1", "X2"], "target": ["X2", "X3", "X5"], "weight": [1, 1, -1]})
    >>> ag.tl.argen_evidence(adata, pairs={"literature": known}, n_permutations=100)
    >>> ag.get.outside_evidence(adata, table="tests")["comparison"].tolist()
    ['tested, not selected', 'random pairs', 'independent signs']
    """
    check_anndata(adata)
    check_key("key_added", key_added)
    check_option("groups", groups, ("chromosome", None))
    n_permutations, seed = check_count("n_permutations", n_permutations, 0), read_seed(rng)
    regions = Regions(domains, compartments, boundaries, contacts, peaks, _promoter(promoter))
    candidates = read_candidates(adata, network, responders)
    if key_added == network:
        msg = f"key_added={key_added!r} would overwrite the network of that name. Choose another name."
        raise InputError(msg)
    check_free(adata, key_added, "evidence")
    start = log.info("comparing the edges of the network with evidence from outside")
    names = gene_names(adata, gene_symbols or known_symbols(adata, candidates.entry))
    genome = read_assembly(assembly)
    places = read_positions(adata, candidates.genes, positions, names, genome)
    _check_given(places is None, regions, pairs, groups)
    sources = pair_sources(pairs, candidates.genes, names)
    if places is not None:
        _warn_of_places(places, names)
        nodes = candidates.genes[: candidates.n_nodes]
        sources = place_sources(places, regions, genome, nodes, names) + sources
    _check_names(sources)
    group = None if groups is None else chromosome_groups(places)
    if group is not None:
        candidates = candidates.within(group)
    networks = other_networks(adata, others, candidates, group)
    random = random_pairs(candidates, group, np.random.default_rng(seed))
    with progress_bars() as bar:
        compared = comparisons(candidates, networks, random)
        tests = tests_table(
            candidates, sources, compared, places, ends=_CLASSES, n_permutations=n_permutations, seed=seed,
            track=bar("evidence, comparisons", len(compared)),
        )  # fmt: skip
    tables = {
        "candidates": annotated(candidates.table, sources, candidates.source, candidates.target),
        "compared": _compared(candidates, sources, networks, random, seed),
        "tests": tests,
        "genes": genes_table(candidates.genes, places),
    }
    _warn_of_unknown(sources, tables["candidates"], names)
    settings = {
        "key": network,
        "responders": None if candidates.responders is None else candidates.responders.key,
        "assembly": assembly,
        "evidence": tuple(source.name for source in sources),
        "kinds": tuple(source.kind for source in sources),
        "others": tuple(networks),
        "promoter": regions.promoter,
        "groups": groups,
        "n_permutations": n_permutations,
        "seed": seed,
    }
    entry = new_entry(key_added, "evidence", settings, tables, candidates.made_from)
    adata = adata.copy() if copy else adata
    write_entry(adata, entry)
    log.info("    finished", time=start, deep=_summary(key_added, tests, candidates))
    return adata if copy else None


def _promoter(promoter: object) -> tuple[int, int]:
    if not isinstance(promoter, Sequence) or isinstance(promoter, str) or len(promoter) != 2:
        msg = f"promoter={promoter!r}: give the bases before and after the start of transcription, such as (1000, 100)."
        raise InputError(msg)
    return tuple(check_count("promoter", one, 0) for one in promoter)


def _check_given(no_positions: bool, regions: Regions, pairs: object, groups: object) -> None:  # noqa: FBT001
    """Raise where there is nothing to compare with, or what is given needs positions."""
    needing = [*regions.given, *(["groups"] if groups is not None else [])]
    if no_positions and needing:
        msg = (
            f"{name_some(needing)}: the positions of the genes are needed. Give positions=, or columns 'chromosome', "
            "'start', 'end' and 'strand' in adata.var."
        )
        raise InputError(msg)
    if no_positions and pairs is None:
        msg = "There is no evidence: give pairs=, or positions= (and domains=, compartments=, contacts=, peaks=)."
        raise InputError(msg)


def _check_names(sources: Sequence[Source]) -> None:
    """Raise unless every kind of evidence has a name of its own, which a file can have as a column."""
    columns = [
        name for one in sources for name in ([one.name] if one.weight is None else [one.name, f"{one.name}_sign"])
    ]
    for name in columns:
        check_key("name of evidence", name)
        if name in _RESERVED or columns.count(name) > 1:
            msg = f"Two columns would be called {name!r}. Give the evidence another name."
            raise InputError(msg)


def _warn_of_places(places: Positions, names: GeneNames) -> None:
    """Name genes without a position."""
    lost = places.table.loc[~places.known, "gene"]
    if len(lost):
        warn_user(
            f"{len(lost)} of the {len(places.known)} genes have no position, so that nothing from places is known of "
            f"their pairs: {name_some(map(names.show, lost))}."
        )


def _warn_of_unknown(sources: Sequence[Source], annotated: "pd.DataFrame", names: GeneNames) -> None:
    """Name evidence that is known of no edge at all, whose tests say nothing; for tables the names of both sides."""
    edges = annotated[annotated["selected"].to_numpy(bool)]
    unknown = [one for one in sources if edges[one.name].isna().all()]
    for one in unknown:
        if one.names:
            ours = " and ".join(f"the {end}s {name_some(map(names.show, edges[end].unique()), 3)}" for end in _ENDS)
            warn_user(
                f"pairs[{one.name!r}] says nothing of any of the {counted(len(edges), 'edge')}, so that its tests have "
                f"n = 0: it has {one.names}, the edges {ours}."
            )
    if of_places := [one.name for one in unknown if not one.names]:
        warn_user(f"Known of no edge, so that their tests have n = 0: {name_some(of_places)}.")


def _compared(
    candidates: Candidates,
    sources: Sequence[Source],
    networks: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
    random: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> "pd.DataFrame":
    """Edges of other networks, and some random pairs, with the evidence."""
    import pandas as pd

    n = len(random[0])
    some = np.sort(np.random.default_rng(seed).choice(n, min(n, _MOST_SHOWN), replace=False))
    parts = [*networks.items(), (RANDOM, (random[0][some], random[1][some], np.full(len(some), np.nan)))]
    genes = np.array(candidates.genes, dtype=object)
    tables = []
    for label, (source, target, coef) in parts:
        table = pd.DataFrame({"source": genes[source], "target": genes[target], "network": label, "coef": coef})
        tables.append(annotated(table, sources, source, target))
    return pd.concat(tables, ignore_index=True)


def _summary(key: str, tests: "pd.DataFrame", candidates: Candidates) -> str:
    of_tables = tests[tests["kind"] != SIGN]
    n, n_kinds = int(candidates.table["selected"].sum()), of_tables["evidence"].nunique()
    return f"{counted(n, 'edge')} and {counted(n_kinds, 'kind')} of evidence\nadded\n    {key!r}, tables (adata.uns)"
