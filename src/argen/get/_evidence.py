"""What speaks for and against each edge, in one table."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from argen._bridge.diagnostics.guide_flags import with_tests_of
from argen._bridge.diagnostics.power import with_responder_mde
from argen._bridge.evidence.facts import Sources
from argen._bridge.evidence.table import evidence_table
from argen._bridge.modality import takes_mudata
from argen._bridge.prior_edges import read_prior_edges
from argen._bridge.responders.stored import read_responders, responders_of
from argen._bridge.results.entries import KINDS, Entry, find_entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import run_with_responders
from argen._bridge.results.tables import EDGE_KINDS
from argen._bridge.runtime import warn_user
from argen.errors import InputError
from argen.get._opened import OpenedNetwork
from argen.get._responders import edges_to_responders

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["evidence", "evidence_of", "findings_of"]

Say = Callable[[str], None]

# What is looked for unless it is named: only what a user has named must be there.
TWO_STAGE, JOINT, CHECK = "argen_dag", "argen_joint", "argen_check"
_J_COLUMNS = ["J_p", "J_padj", "J_p_equation", "J_padj_equation", "J_flag", "disagrees"]


@takes_mudata
def evidence(
    adata: "AnnData | MuData",
    *,
    key: str = TWO_STAGE,
    joint: str | None = JOINT,
    stability: str | None = "argen_stability",
    sensitivity: str | None = "argen_sensitivity",
    overidentification: str | None = "argen_overidentification",
    check: str | None = CHECK,
    known: "pd.DataFrame | str | Path | None" = None,
    responders: bool | str = False,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    r"""Everything that speaks for and against each edge, with a grade: one table for a decision.

    Reads what has been computed and puts it side by side, for every pair that either search looked at.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`, or another search.
    key
        Name of the network. That of a joint search is put beside ``"argen_dag"``.
    joint
        Name of the joint network to put beside it. A usual name need not be there; `None`: none is put beside.
    stability, sensitivity, overidentification
        Names of the diagnostics of `key`. What was made from another network is not used, and a warning says so.
    check
        Name of the check. Where it has not run, the findings of the descendant step are used.
    known
        A network from the literature, such as :func:`argen.datasets.collectri`: table with ``source``, ``target`` and,
        if it is signed, ``weight``, or the path of such a csv file. It is named and does not change a grade.
    responders
        Also the edges to genes that are no nodes: ``True``, or the name of the result of
        :func:`argen.tl.argen_responders` for `key`. ``kind`` then tells ``"network"`` from ``"responder"``. Responders
        of the other network are put beside them if they were computed. Their stability counts if it was made from
        the very result that is graded; else it is not used, and a warning says so.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per pair, the best grade first, then the largest \|z\|. ``grade`` is ``"strong"``, ``"moderate"``,
    ``"weak"``, ``"doubtful"`` or ``"not selected"`` (by either search), an ordered category; ``reasons`` is a text,
    what decides first, such as "hangs on the direction of JAK2⇄STAT1; found by both searches; stability 0.97".

    A selected edge is strong unless a reason speaks against it, and as low as the worst of them: over the rules r that
    hold for it, grade = max :math:`g_r` in the order of the five.

    * *doubtful*: the joint search does not find it.
    * *weak*: only the joint search finds it, or with a probability below .9, as unstable, or without a direction; its
      source is on a loop that the joint search does not resolve (responders); F below 10; the robust p-value is above
      .05; guides of the source disagree about it; it hangs on a loop that was not reversed; stability below .5; in less
      than .9 of the variations; its ends are neighbours, or in one shared programme.
    * *moderate*: probability below .99; stability below .8; not in every variation; guides disagree about the
      equation; found whichever way its loops are cut; required by prior knowledge; another finding of
      :func:`argen.get.check` concerns its source or target; nothing but its own search was asked about it.

    What was not computed is named and neither helps nor hurts.

    ``selected``, ``selected_joint``; ``coef``, ``se``, ``ci_low``, ``ci_high`` (95 %), ``p``, ``padj`` of the search in
    ``estimate`` (``"two-stage"``, and ``"joint"`` for pairs that are no candidates there); ``p_robust``, ``F``,
    ``loop``, ``direction``, ``J_p``, ``J_flag``, ``mde``, ``verdict`` (:func:`argen.get.edges`); ``inclusion``,
    ``coef_joint``, ``ci_low_joint``, ``ci_high_joint``; ``stability``, ``share`` of the variations, ``coef_low`` and
    ``coef_high`` (range over them); ``checks`` (findings that concern its ends), ``prior`` (``"required"``,
    ``"before"``, ``"forbidden"``, ``"known"``, ``"known, other sign"``).

    How often each grade is right in simulated screens is measured on the page :doc:`/diagnostics/evidence`.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`, or nothing under another name that is not the usual one.
    argen.errors.InputError
        `known` is no table with ``source`` and ``target``, or the network was read by
        :func:`argen.io.read_network`, of which nothing is known that its edges could be graded by.

    Warns
    -----
    argen.errors.ArgenWarning
        A diagnostic, the check or the other network was made from something else, and is not used.

    See Also
    --------
    argen.report : the same, and what it rests on, as a page.
    argen.pl.argen_network : the network with grades as line styles.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_joint(adata)
    >>> table = ag.get.evidence(adata)
    >>> table["grade"].iloc[0], table["reasons"].iloc[0].split("; ")[0]
    ('strong', 'found by both searches')
    """
    return evidence_of(
        OpenedNetwork(adata, key, gene_symbols=gene_symbols),
        joint=joint,
        stability=stability,
        sensitivity=sensitivity,
        overidentification=overidentification,
        check=check,
        known=known,
        responders=responders,
        say=warn_user,
    )


def evidence_of(
    named: OpenedNetwork,
    *,
    joint: str | None = JOINT,
    stability: str | None = "argen_stability",
    sensitivity: str | None = "argen_sensitivity",
    overidentification: str | None = "argen_overidentification",
    check: str | None = CHECK,
    known: "pd.DataFrame | str | Path | None" = None,
    responders: bool | str = False,
    say: Say = lambda _: None,
) -> pd.DataFrame:
    """:func:`evidence` of a network that is open; `say` is told of what is older than it and therefore left out."""
    adata, names = named.adata, named.names
    if named.entry.settings["method"] == "imported":
        msg = (
            f"adata.uns[{named.entry.key!r}] is a network that was read from elsewhere: nothing that its edges could "
            "be graded by is known. ag.metrics.compare puts it beside a network of ag.tl.argen_dag."
        )
        raise InputError(msg)
    literature = None if known is None else read_prior_edges(known, names.names, "known")
    first, second = _searches(named, joint, say)
    results = [_result_for_responders(named, network, responders) for network in (first, second)]
    shown = first or second
    beside: dict[str, Entry | None] = dict.fromkeys(("stability", "sensitivity", "overidentification"))
    if first is not None:
        named = {"stability": stability, "sensitivity": sensitivity, "overidentification": overidentification}
        beside = {kind: _diagnostic(adata, name, kind, first.entry, say) for kind, name in named.items()}
    found = (None, None) if check is None else findings_of(adata, shown.step, check, say)
    findings, neighbours = (None if table is None else names.rename(table) for table in found)
    sensitive = beside["sensitivity"]
    shared = {
        "search": "" if first is None else _SEARCHES.get(first.entry.settings["method"], first.entry.key),
        "findings": findings,
        "neighbours": neighbours,
        "known": literature,
    }
    of_network = Sources(
        two_stage=None if first is None else _candidates(first, beside["overidentification"]),
        joint=None if second is None else second.candidates,
        stability=_edges_of(names, beside["stability"]),
        sensitivity=_edges_of(names, sensitive),
        loops_reversed=sensitive is not None and _reverses_loops(sensitive),
        guides_compared=beside["overidentification"] is not None,
        rules=shown.shown.tables.get("prior"),
        **shared,
    )
    if responders is False:
        return evidence_table(of_network)
    leaves = [_candidates_to_responders(*pair) for pair in zip((first, second), results, strict=True)]
    draws = _draws_of_responders(beside["stability"], results[0], say)
    edges = _edges_of(names, draws, "responders")
    return evidence_table(of_network, Sources(*leaves, stability=edges, kind=EDGE_KINDS[1], **shared))


_SEARCHES = {"argen": "two-stage search"}


def _searches(named: OpenedNetwork, joint: str | None, say: Say) -> tuple[OpenedNetwork | None, OpenedNetwork | None]:
    """The two-stage (or another) network and the joint one, of which `named` is either; None where there is none."""
    adata, key = named.adata, named.entry.key
    is_joint = named.entry.settings["method"] == "joint"
    other = None
    if joint is not None and (is_joint or joint != key):
        entry = _optional(adata, TWO_STAGE if is_joint else joint, "network", (TWO_STAGE, JOINT))
        other = None if entry is None else OpenedNetwork(adata, entry.key, gene_symbols=named.names.gene_symbols)
    if other is not None and other.entry.made_from["data"] != named.entry.made_from["data"]:
        say(
            f"adata.uns[{other.entry.key!r}] was made from other data than the network in adata.uns[{key!r}] and is "
            "not used: run it again."
        )
        other = None
    return (other, named) if is_joint else (named, other)


def _optional(adata: "AnnData", name: str, kind: str, usual: tuple[str, ...]) -> Entry | None:
    """An entry that need not be there under its usual name."""
    entry = find_entry(adata, name)
    if name in usual and (entry is None or entry.kind != kind):
        return None
    return read_entry(adata, name, kind)


def _diagnostic(adata: "AnnData", name: str | None, kind: str, network: Entry, say: Say) -> Entry | None:
    """A diagnostic, if it was made from this very network."""
    entry = None if name is None else _optional(adata, name, kind, (f"argen_{kind}",))
    if entry is None or entry.made_from["network"] == network.id:
        return entry
    if entry.settings["key"] == network.key or name != f"argen_{kind}":
        say(
            f"adata.uns[{name!r}] was made from another network than the one in adata.uns[{network.key!r}] now and is "
            f"not used: run {KINDS[kind].function} again."
        )
    return None


def findings_of(
    adata: "AnnData", step: Entry | None, name: str, say: Say
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Findings and pairs of neighbours of a check, or the findings of the step itself where there is no check of it."""
    entry = _optional(adata, name, "check", (CHECK,))
    if entry is not None and step is not None and entry.made_from.get("descendants") == step.id:
        return entry.tables["findings"], entry.tables.get("neighbours")
    if entry is not None:
        say(
            f"adata.uns[{name!r}] was made from another descendant step than the network and is not used: run "
            "ag.tl.argen_check again."
        )
    return (None, None) if step is None else (step.tables.get("findings"), None)


def _candidates(network: OpenedNetwork, guides: Entry | None) -> pd.DataFrame:
    """Candidates with the tests of the comparison of guides that is asked for, and of no other."""
    table = network.candidates.drop(columns=_J_COLUMNS, errors="ignore")
    return table if guides is None else with_tests_of(network.names.entry(guides), table)


def _edges_of(names: ShownNames, diagnostic: Entry | None, table: str = "edges") -> pd.DataFrame | None:
    if diagnostic is None or table not in diagnostic.tables:
        return None
    return names.table(diagnostic.tables[table])


def _result_for_responders(named: OpenedNetwork, network: OpenedNetwork | None, responders: object) -> Entry | None:
    """The result for responders of either network; that of the one that was `named` has to be there."""
    if responders is False or network is None:
        return None
    if network.entry.key == named.entry.key:
        return read_responders(named.adata, network.entry, responders)
    return responders_of(named.adata, network.entry)


def _candidates_to_responders(network: OpenedNetwork | None, result: Entry | None) -> pd.DataFrame | None:
    """Candidate edges to responders that were tested."""
    if network is None or result is None:
        return None
    table = edges_to_responders(network.adata, network.names, network.entry, result.key, selected=False)
    table = with_responder_mde(table, network.power)
    return table[table["tested"]] if "tested" in table else table


def _draws_of_responders(stability: Entry | None, result: Entry | None, say: Say) -> Entry | None:
    """A stability analysis, if its edges to responders are of this very result."""
    if stability is None or "responders" not in stability.tables:
        return None
    if result is not None and stability.made_from.get("responders") == result.id:
        return stability
    gone = "a result that is not there any more"
    other = gone if result is None else f"another result than the one in adata.uns[{result.key!r}]"
    say(
        f"The edges to responders in adata.uns[{stability.key!r}] were made from {other} and are not used: run "
        f"{run_with_responders(stability, None if result is None else result.key)} again."
    )
    return None


def _reverses_loops(sensitivity: Entry) -> bool:
    return "loop reversed" in set(sensitivity.tables["variations"]["choice"].astype(str))
