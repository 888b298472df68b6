"""The table for a decision: grades and reasons from tables made by hand, and on a real screen."""

import anndata
import numpy as np
import pandas as pd
import pytest
from responder_screens import analysed
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.evidence.facts import Sources
from argen._bridge.evidence.rules import GRADES, RULES
from argen._bridge.evidence.table import COLUMNS, evidence_table
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

FINE = {"source": "A", "target": "B", "coef": 0.5, "se": 0.05, "z": 10.0, "p": 1e-20, "selected": True}
TWO_STAGE = FINE | {
    "p_robust": 1e-9, "F": 200.0, "direction": "one way", "loop": "", "required": False, "mde": 0.2, "verdict": "found",
    "flags": "",
}  # fmt: skip
JOINT = FINE | {"inclusion": 1.0, "required": False, "flags": ""}
STABLE, EVERY = {"stability": 0.97}, {"share": 1.0}


def finding(check, perturbations="", genes=""):
    return {"findings": pd.DataFrame({"check": [check], "perturbations": [perturbations], "genes": [genes]})}


def one_edge(two_stage=None, joint=None, stability=None, share=None, **more):
    """The row of an edge for which everything speaks but what is changed; ``False``: not computed."""

    def table(standard, changes):
        return None if changes is False else pd.DataFrame([standard | (changes or {})])

    ends = {"source": "A", "target": "B"}
    nothing = pd.DataFrame({name: [] for name in ("check", "perturbations", "genes")})
    sources = {
        "two_stage": table(TWO_STAGE, two_stage),
        "joint": table(JOINT, joint),
        "stability": table(ends | STABLE, stability),
        "sensitivity": table(ends | EVERY, share),
        "findings": nothing,
    }
    return evidence_table(Sources(**sources | more)).iloc[0]


def test_an_edge_that_nothing_speaks_against_is_strong():
    row = one_edge()
    assert row["grade"] == "strong"
    assert row["reasons"] == (
        "found by both searches; in every variation; stability 0.97; agreement of guides not computed"
    )


DISAGREE = {"J_p": 1e-6, "J_flag": "edge, equation"}
CASES = {
    "joint search does not have it": ({"joint": {"selected": False}}, "doubtful", "not found by the joint search"),
    "only joint search, unsure": (
        {"two_stage": {"selected": False}, "joint": {"inclusion": 0.97}}, "weak", "not found by the two-stage search",
    ),
    "only joint search, sure": (
        {"two_stage": {"selected": False}}, "moderate", "not found by the two-stage search, sure in the joint search",
    ),
    "robust test": ({"two_stage": {"p_robust": 0.3}}, "weak", "robust test does not agree (p 0.3)"),
    "unlikely": ({"joint": {"inclusion": 0.6}}, "weak", "inclusion 0.60"),
    "likely": ({"joint": {"inclusion": 0.95}}, "moderate", "inclusion 0.95"),
    "weak instruments": ({"two_stage": {"F": 4.0}}, "weak", "weak instruments (F 4.0)"),
    "guides, edge": ({"two_stage": DISAGREE, "guides_compared": True}, "weak", "guides of A disagree about it (J)"),
    "guides, equation": (
        {"two_stage": {"J_p": 0.2, "J_flag": "equation"}}, "moderate", "guides disagree about the equation of B (J)",
    ),
    "required": ({"two_stage": {"required": True}}, "moderate", "put there by prior knowledge, not tested"),
    "loop": (
        {"two_stage": {"loop": "C⇄A, C⇄B"}, "joint": False},
        "weak", "hangs on the direction of C⇄A and 1 other loop",
    ),
    "loop, reversed too": (
        {"two_stage": {"loop": "C⇄A"}, "joint": False, "loops_reversed": True},
        "moderate", "size hangs on the direction of C⇄A",
    ),
    "loop, joint search sure": ({"two_stage": {"loop": "C⇄A"}}, "moderate", "size hangs on the direction of C⇄A"),
    "loop, joint search unsure": (
        {"two_stage": {"loop": "C⇄A"}, "joint": {"inclusion": 0.95}}, "weak", "hangs on the direction of C⇄A",
    ),
    "joint, direction": (
        {"joint": {"flags": "loop, direction undetermined"}}, "weak", "direction undetermined in the joint search",
    ),
    "joint, source on a loop": (
        {"joint": {"loop": "A⇄C"}}, "weak", "the joint search cannot tell A from the other end of a loop",
    ),
    "joint, unstable": ({"joint": {"flags": "unstable"}}, "weak", "unstable in the joint search"),
    "shaky": ({"stability": {"stability": 0.3}, "joint": False}, "weak", "stability 0.30"),
    "shaky, joint search sure": ({"stability": {"stability": 0.3}}, "moderate", "stability 0.30"),
    "not quite stable": ({"stability": {"stability": 0.7}}, "moderate", "stability 0.70"),
    "only without shifts": (
        {"share": {"share": 0.95, "lost_in": "shifts kept"}},
        "weak", "there only because shifts were taken out",
    ),
    "some variations": ({"share": {"share": 0.75}}, "weak", "in 75% of the variations"),
    "some variations, named": (
        {"share": {"share": 0.75, "lost_in": "edges alpha 0.001; ties"}},
        "weak", "in 75% of the variations (not: edges alpha 0.001, ties)",
    ),
    "most variations": ({"share": {"share": 0.95}}, "moderate", "in 95% of the variations"),
    "nothing was asked": (
        {"joint": False, "stability": False, "share": False}, "moderate", "nothing but its search was asked about it",
    ),
    "neighbours": (
        {"neighbours": pd.DataFrame({"perturbation": ["B"], "gene": ["A"]})},
        "weak", "A and B are neighbours, which share knock-downs",
    ),
    "programme": (finding("shared programme", "A, B, C, D"), "weak", "both ends are in one shared programme"),
    "programme, one end": (finding("shared programme", "A, C, D, E", "X"), "strong", "found by both searches"),
    "shifted source": (finding("composition", "A"), "moderate", "all effects of A are shifted (composition)"),
    "heavy target": (finding("composition", "", "B"), "moderate", "B carries much of the depth (composition)"),
    "shifted target": (finding("composition", "B"), "strong", "found by both searches"),
    "common response": (
        finding("common response", "", "B"), "moderate", "most perturbations move B (common response)",
    ),
    "common response of the source": (finding("common response", "", "A"), "strong", "found by both searches"),
    "unequal guides": (finding("guides", "A, C"), "moderate", "guides of A are unequal"),
    "survivors": (finding("survivors", "A"), "moderate", "few cells of A are left (survivors)"),
    "unsupported": (finding("controls", "A"), "moderate", "cells of A without controls of their kind"),
    "active control": (finding("controls", "", "B"), "moderate", "a control guide moves B"),
    "covariates": (finding("covariates", "A"), "moderate", "covariates take in the effect of A"),
    "a batch ranks no edge below another": (finding("batch"), "strong", "found by both searches"),
    "not selected": (
        {"two_stage": {"selected": False, "verdict": "tested"}, "joint": {"selected": False}},
        "not selected", "an effect of 0.2 would be found",
    ),
    "not testable": (
        {"two_stage": {"selected": False, "verdict": "not testable"}, "joint": False},
        "not selected", "could not be tested",
    ),
    "forbidden": (
        {"two_stage": {"selected": False, "verdict": "not testable", "flags": "forbidden"}, "joint": False},
        "not selected", "forbidden by prior knowledge",
    ),
    "no verdict": (
        {"two_stage": False, "joint": {"selected": False}}, "not selected", "found by no search",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_rule_alone_sets_the_grade(case):
    changes, grade, words = CASES[case]
    row = one_edge(**changes)
    assert row["grade"] == grade
    assert row["reasons"].split("; ")[0] == words


def test_every_rule_is_tried():
    """The words of each, its facts filled in, are the first reason of a case above."""
    first = {words for _, _, words in CASES.values()}
    for rule in RULES:
        beginning = rule.words.split("{")[0]
        end = rule.words.rsplit("}", 1)[-1] if "{" in rule.words else ""
        assert any(words.startswith(beginning) and words.endswith(end) for words in first), rule.words


def test_the_worst_reason_counts_and_comes_first():
    row = one_edge(stability={"stability": 0.7}, two_stage={"F": 3.0}, joint={"selected": False, "inclusion": 0.2})
    assert row["grade"] == "doubtful"
    assert row["reasons"].startswith(
        "not found by the joint search; inclusion 0.20; weak instruments (F 3.0); stability"
    )


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("joint", "joint search not computed"),
        ("two_stage", "two-stage search not computed"),
        ("stability", "stability not computed"),
        ("share", "variations not computed"),
    ],
)
def test_what_was_not_computed_is_said_and_neither_helps_nor_hurts(missing, words):
    row = one_edge(**{missing: False})
    assert words in row["reasons"].split("; ")
    assert words not in one_edge()["reasons"]
    assert row["grade"] == ("strong" if missing != "two_stage" else one_edge()["grade"])
    assert "checks not computed" in one_edge(findings=None)["reasons"]
    assert one_edge(findings=None)["grade"] == "strong"


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("joint", "responders of a joint network not computed"),
        ("two_stage", "responders of a two-stage network not computed"),
        ("stability", "stability not computed"),
    ],
)
def test_of_edges_to_responders_what_could_be_computed_is_said(missing, words):
    reasons = one_edge(**{missing: False}, share=False, kind="responder")["reasons"].split("; ")
    assert words in reasons
    assert "variations not computed" not in reasons
    assert "agreement of guides not computed" not in reasons


def test_ranked_by_grade_then_by_test_statistic():
    rows = [("B", -3, True, 99), ("C", 9, True, 5), ("D", 30, False, 99), ("E", 4, True, 99)]
    two = pd.DataFrame([TWO_STAGE | dict(zip(("target", "z", "selected", "F"), row, strict=True)) for row in rows])
    two["verdict"] = np.where(two["selected"], "found", "tested")
    table = evidence_table(Sources(two, stability=two[["source", "target"]].assign(stability=0.9)))
    assert table["target"].tolist() == ["E", "B", "C", "D"]
    assert table["grade"].astype(str).tolist() == ["strong", "strong", "weak", "not selected"]
    assert table["grade"].cat.ordered
    assert tuple(table["grade"].cat.categories) == GRADES
    assert tuple(table) == COLUMNS


def test_pairs_of_the_joint_search_alone_have_its_estimate():
    joint = pd.DataFrame([JOINT, JOINT | {"target": "C", "coef": -0.7}])
    table = evidence_table(Sources(pd.DataFrame([TWO_STAGE]), joint)).set_index("target")
    assert table.loc["C", ["estimate", "coef", "coef_joint"]].tolist() == ["joint", -0.7, -0.7]
    assert table.loc["B", ["estimate", "coef", "coef_joint"]].tolist() == ["two-stage", 0.5, 0.5]
    assert np.isnan(table.loc["C", "F"])


def test_literature_and_rules_are_named_and_change_no_grade():
    known = pd.DataFrame({"source": ["A"], "target": ["B"], "weight": [1.0]})
    rules = pd.DataFrame({"source": ["A"], "target": ["B"], "rule": ["before"]})
    row = one_edge(known=known, rules=rules)
    assert row["prior"] == "before; known"
    assert "known" in row["reasons"].split("; ")
    other = one_edge(known=known.assign(weight=-1.0))
    assert other["prior"] == "known, other sign"
    assert "known with the other sign" in other["reasons"].split("; ")
    assert row["grade"] == other["grade"] == one_edge(known=known.assign(weight=np.nan))["grade"] == "strong"


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


@pytest.fixture(scope="module")
def diagnosed(done):
    adata = done.copy()
    ag.tl.argen_joint(adata, n_jobs=1)
    ag.tl.argen_stability(adata, n_draws=20, rng=7, n_jobs=1)
    ag.tl.argen_sensitivity(adata, alphas=[0.01], n_jobs=1)
    return adata


def test_numbers_are_those_of_the_other_tables(diagnosed):
    before = diagnosed.copy()
    table = ag.get.evidence(diagnosed).set_index(["source", "target"])
    assert_same(before, diagnosed)
    edges = ag.get.edges(diagnosed, selected=False).set_index(["source", "target"])
    names = ["coef", "se", "ci_low", "ci_high", "p", "padj", "p_robust", "F", "mde"]
    pd.testing.assert_frame_equal(table.loc[edges.index, names], edges[names])
    joint = ag.get.edges(diagnosed, key="argen_joint", selected=False).set_index(["source", "target"])
    pd.testing.assert_series_equal(table.loc[joint.index, "inclusion"], joint["inclusion"])
    stability = ag.get.stability(diagnosed).set_index(["source", "target"])["stability"]
    pd.testing.assert_series_equal(table.loc[stability.index, "stability"], stability)
    share = ag.get.sensitivity(diagnosed).set_index(["source", "target"])["share"]
    share = share[share.index.isin(table.index)]  # variations have pairs that are no candidates here
    assert set(edges.index[edges["selected"]]) <= set(share.index)
    pd.testing.assert_series_equal(table.loc[share.index, "share"], share)
    assert set(table.index[table["selected"]]) == set(edges.index[edges["selected"]])


def test_the_same_from_either_network(diagnosed):
    pd.testing.assert_frame_equal(ag.get.evidence(diagnosed), ag.get.evidence(diagnosed, key="argen_joint"))


def test_edges_to_responders_are_graded_beside_those_of_the_network():
    adata = analysed().copy()
    network = ag.get.evidence(adata)
    table = ag.get.evidence(adata, responders=True)
    of_network = table[table["kind"] == "network"].drop(columns="kind").reset_index(drop=True)
    pd.testing.assert_frame_equal(of_network, network)
    leaves = table[table["kind"] == "responder"].set_index(["source", "target"])
    edges = ag.get.responders(adata, selected=False).query("tested").set_index(["source", "target"])
    assert set(leaves.index) == set(edges.index)
    names = ["coef", "se", "ci_low", "ci_high", "p", "padj", "p_robust", "F", "mde", "selected"]
    pd.testing.assert_frame_equal(leaves.loc[edges.index, names], edges[names])
    assert str(leaves.loc[("C", "D"), "grade"]) == "moderate"  # nothing but its search was asked about it
    ag.tl.argen_joint(adata, n_jobs=1)
    ag.tl.argen_responders(adata, network="argen_joint", n_jobs=1, key_added="leaves")
    both = ag.get.evidence(adata, responders=True).query("kind == 'responder'").set_index(["source", "target"])
    assert str(both.loc[("C", "D"), "grade"]) == "strong"
    assert both.loc[("C", "D"), "reasons"].startswith("found by both searches")
    inclusion = ag.get.responders(adata, key="leaves", selected=False).set_index(["source", "target"])["inclusion"]
    pd.testing.assert_series_equal(both.loc[inclusion.index, "inclusion"], inclusion)
    pd.testing.assert_frame_equal(
        ag.get.evidence(adata, key="argen_joint", responders="leaves"), ag.get.evidence(adata, responders=True)
    )


def test_stability_of_edges_to_responders_is_among_the_evidence():
    adata = analysed().copy()
    ag.tl.argen_stability(adata, n_draws=20, rng=7, n_jobs=1)
    before = ag.get.evidence(adata, responders=True).query("kind == 'responder'")
    assert before["reasons"].str.contains("stability not computed").iloc[0]
    ag.tl.argen_stability(adata, n_draws=20, rng=7, n_jobs=1, responders=True)
    table = ag.get.evidence(adata, responders=True).query("kind == 'responder'").set_index(["source", "target"])
    draws = ag.get.stability(adata, responders=True).query("kind == 'responder'").set_index(["source", "target"])
    known = draws.index[draws.index.isin(table.index)]
    assert ("C", "D") in known
    pd.testing.assert_series_equal(table.loc[known, "stability"], draws.loc[known, "stability"])
    assert "stability" in table.loc[("C", "D"), "reasons"]


def test_stability_of_another_result_for_responders_is_left_out():
    adata = analysed().copy()
    ag.tl.argen_responders(adata, first_stage="ancestors", key_added="other")
    ag.tl.argen_stability(adata, n_draws=20, rng=7, n_jobs=1, responders="other")
    assert ag.get.evidence(adata, responders="other").query("kind == 'responder'")["stability"].notna().any()
    words = r"made from another result than the one in adata\.uns\['argen_responders'\] and are not used: "
    with pytest.warns(ArgenWarning, match=words + r"run ag\.tl\.argen_stability\(responders='argen_responders'\)"):
        table = ag.get.evidence(adata, responders=True)
    leaves = table[table["kind"] == "responder"]
    assert leaves["stability"].isna().all()
    found = leaves[leaves["selected"]]
    assert len(found) > 0
    assert found["reasons"].str.contains("stability not computed").all()
    of_network = table[table["kind"] == "network"].drop(columns="kind").reset_index(drop=True)
    pd.testing.assert_frame_equal(of_network, ag.get.evidence(adata))  # that of the network counts, and nothing is said
    assert of_network["stability"].notna().any()
    del adata.uns["other"]
    ag.tl.argen_joint(adata, n_jobs=1)
    ag.tl.argen_responders(adata, network="argen_joint", n_jobs=1)
    with pytest.warns(
        ArgenWarning, match=r"a result that is not there any more .*argen_stability\(responders='other'\) again"
    ):
        leaves = ag.get.evidence(adata, key="argen_joint", responders=True).query("kind == 'responder'")
    assert leaves["stability"].isna().all()


def test_stability_of_a_result_that_was_replaced_under_its_name_is_left_out():
    adata = analysed().copy()
    ag.tl.argen_stability(adata, n_draws=20, rng=7, n_jobs=1, responders=True)
    before = ag.get.evidence(adata, responders=True)
    ag.tl.argen_responders(adata)  # the same again
    pd.testing.assert_frame_equal(ag.get.evidence(adata, responders=True), before)
    ag.tl.argen_responders(adata, alpha=1e-12)
    with pytest.warns(ArgenWarning, match="are not used"):
        table = ag.get.evidence(adata, responders=True)
    assert table.loc[table["kind"] == "responder", "stability"].isna().all()
    del adata.uns["argen_stability"]["made_from"]["responders"]
    with pytest.warns(ArgenWarning, match="are not used"):
        ag.get.evidence(adata, responders=True)


def test_edges_to_responders_have_to_be_there():
    adata = analysed().copy()
    with pytest.raises(MissingResultError, match="other"):
        ag.get.evidence(adata, responders="other")
    ag.tl.argen_dag(adata, **KWARGS, alpha=0.01)
    with pytest.raises(StaleResultError, match="argen_responders"):
        ag.get.evidence(adata, responders=True)


def test_what_is_named_must_be_there_and_none_leaves_out(diagnosed, done):
    assert "stability not computed" in ag.get.evidence(diagnosed, stability=None)["reasons"].iloc[0]
    alone = ag.get.evidence(done)
    assert "joint search not computed" in alone["reasons"].iloc[0]
    assert alone["inclusion"].isna().all()
    for name in ("joint", "stability", "sensitivity", "overidentification", "check"):
        with pytest.raises(MissingResultError, match="other"):
            ag.get.evidence(diagnosed, **{name: "other"})
    with pytest.raises(MissingResultError):
        ag.get.evidence(toy())
    with pytest.raises(InputError, match="no column 'target'"):
        ag.get.evidence(done, known=pd.DataFrame({"source": ["A"]}))


def test_older_diagnostics_are_left_out_with_a_warning(diagnosed):
    adata = diagnosed.copy()
    ag.tl.argen_dag(adata, **KWARGS, alpha=0.01)
    with pytest.warns(ArgenWarning, match="made from another network") as record:
        table = ag.get.evidence(adata)
    assert len(record) == 2
    assert table["stability"].isna().all()
    assert table["share"].isna().all()


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_the_same_from_a_file(diagnosed, tmp_path, kind):
    path = tmp_path / f"screen.{kind}"
    getattr(diagnosed, f"write_{kind}")(path)
    read = getattr(anndata, f"read_{kind}")(path)
    pd.testing.assert_frame_equal(ag.get.evidence(read), ag.get.evidence(diagnosed))
