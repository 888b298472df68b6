"""Smallest detectable effects, instruments, and the cells that an effect needs: against formulas and simulation."""

import io

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, poisson, t
from toy import KWARGS, toy

import argen as ag
from argen._core.diagnostics.power import (
    EdgeCounts,
    PairCounts,
    bh_level,
    edge_levels,
    edge_mde,
    quantile_of,
    score_mde,
    wald_mde,
    with_first_stage,
)
from argen.errors import InputError, MissingResultError, StaleResultError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


def test_edges(done):
    edges = ag.get.edges(done, selected=False)
    assert (edges["verdict"] == "found").tolist() == edges["selected"].tolist()
    np.testing.assert_array_equal(edges["mde"], edges[["mde_negative", "mde_positive"]].max(axis=1))
    formula = (norm.isf(edges["mde_level"] / 2) + norm.ppf(0.8)) * edges["se"]
    # knock-downs: a positive effect lowers the child and leaves fewer counts
    assert (edges["mde_positive"] > edges["mde_negative"]).all()
    middle, null = edges[["mde_positive", "mde_negative"]].mean(axis=1), edges["verdict"] == "tested"
    assert null.any()
    np.testing.assert_allclose(middle[null], formula[null], rtol=0.15)
    assert (ag.get.edges(done, selected=False, power=0.95)["mde"] > edges["mde"]).all()
    some = edges["threshold"] > 0
    np.testing.assert_allclose(edges["mde_level"][some], edges["threshold"][some])


def test_edges_without_their_descendant_step(done):
    adata = done.copy()
    del adata.uns["argen_descendants"]
    edges = ag.get.edges(adata, selected=False)
    formula = (norm.isf(edges["mde_level"] / 2) + norm.ppf(0.8)) * edges["se"]
    for name in ("mde", "mde_negative", "mde_positive"):
        np.testing.assert_allclose(edges[name], formula)
    other = done.copy()
    ag.tl.argen_descendants(other, **{**KWARGS, "covariates": None})
    pd.testing.assert_frame_equal(ag.get.edges(other, selected=False), edges)


def test_effects_of_the_naive_network_are_on_another_scale(done):
    adata = done.copy()
    ag.tl.argen_naive(adata)
    edges = ag.get.edges(adata, key="argen_naive", selected=False)
    formula = (norm.isf(edges["mde_level"] / 2) + norm.ppf(0.8)) * edges["se"]
    np.testing.assert_allclose(edges["mde_positive"], formula)
    np.testing.assert_array_equal(edges["mde_positive"], edges["mde_negative"])


@pytest.mark.parametrize("fdr", ["batch-bh", "bh"])
def test_level_where_nothing_was_found(done, fdr):
    adata = done.copy()
    ag.tl.argen_dag(adata, fdr=fdr, alpha=1e-290)
    edges = ag.get.edges(adata, selected=False)
    assert (edges["verdict"] == "tested").all()
    size = edges.groupby("batch")["p"].transform("size") if fdr == "batch-bh" else len(edges)
    np.testing.assert_allclose(edges["mde_level"], edges["alpha"] / size)
    assert (edges["mde"] > 1.0).all()


def test_levels_of_edges():
    batch = np.array([0, 0, -1, 1, 1, 1])
    alpha = np.array([0.02, 0.02, np.nan, 0.01, 0.01, 0.01])
    threshold = np.array([0.0, 0.0, np.nan, 0.005, 0.005, 0.005])
    np.testing.assert_allclose(edge_levels(batch, alpha, threshold), [0.01, 0.01, np.nan, 0.005, 0.005, 0.005])


def test_edges_with_many_counts_are_the_formula():
    level, se = np.full(2, 1e-3), np.array([0.1, 0.2])
    counts = EdgeCounts(np.full(2, 1e12), np.array([-1.0, 2.0]), np.full(2, 1e9), np.zeros(2))
    for coef in (np.zeros(2), np.array([0.3, -0.4])):
        for mde, formula in zip(
            edge_mde(coef, se, level, 0.8, counts), edge_mde(coef, se, level, 0.8, None), strict=True
        ):
            np.testing.assert_allclose(mde, formula, rtol=0.08)  # a gamma law is skewed on the log scale


def test_first_stage_makes_the_test_stricter():
    q, F, v = 3.0, np.array([12.0, 9.0, 1.0]), 0.01
    strict = with_first_stage(np.array(q), F)
    xi = strict[0] * np.sqrt(v)
    assert xi**2 == pytest.approx(q**2 * (v + xi**2 / F[0]))
    assert np.isinf(strict[1:]).all()
    counts = EdgeCounts(F, np.full(3, -1.0), np.full(3, 200.0), np.full(3, 0.1))
    mde = edge_mde(np.zeros(3), np.full(3, 0.1), np.full(3, 2 * norm.sf(q)), 0.8, counts)
    assert np.isfinite(mde[0][0])
    assert np.isinf(np.stack(mde)[:, 1:]).all()


def test_no_edge_is_known_better_than_its_total_effect():
    """A large estimate's variance is all of the first stage, and what is left of it may be negative."""
    arguments = np.array([2.0]), np.array([0.2]), np.array([0.01]), 0.8
    found = [edge_mde(*arguments, EdgeCounts(*map(np.array, ([90.0], [-0.5], [1e6], [s])))) for s in (0.05, 0.1)]
    np.testing.assert_allclose(np.stack(found[1]) / np.stack(found[0]), 2.0, rtol=0.1)


def test_direction_of_an_edge_through_an_activated_parent():
    counts = [EdgeCounts(np.array([50.0]), np.array([k]), np.array([30.0]), np.array([0.2])) for k in (-1.0, 1.0)]
    down, up = (edge_mde(np.zeros(1), np.array([0.25]), np.array([0.01]), 0.8, c) for c in counts)
    assert down[0] == up[1]
    assert down[1] == up[0]
    assert down[1] > down[0]


def test_stored_strength_is_used(done):
    adata = done.copy()
    plain = ag.get.edges(adata, selected=False)
    adata.uns["argen_dag"]["tables"]["edges"]["F"] = 30.0
    edges = ag.get.edges(adata, selected=False)
    null = edges["verdict"] == "tested"  # at a large estimate the first stage explains more of its variance
    assert (edges["mde"] > plain["mde"])[null].all()
    adata.uns["argen_dag"]["tables"]["edges"]["F"] = 1.0
    assert np.isinf(ag.get.edges(adata, selected=False)["mde"]).all()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_power_at_the_smallest_effect_of_edges(sign):
    """Triples a → b → c through the search; at mean counts of 5 and 100 cells, within .12 of the power."""
    from detectable_effects import EDGE_LEVEL, direct_effect

    rows = direct_effect(5.0, -1.5, 100, 100)
    row = next(row for row in rows if row["effect"] * sign > 0)
    assert row["level"] == EDGE_LEVEL
    assert row["power"] == pytest.approx(0.8, abs=0.15)


def test_singular_edges_are_not_testable():
    adata = toy()
    counts = adata.X.toarray()
    counts[:, adata.var_names.get_loc("B")] = counts[:, adata.var_names.get_loc("A")]
    adata.X = counts
    with pytest.warns(ag.errors.ArgenWarning, match="singular"):
        ag.tl.argen_dag(adata, **KWARGS, closure=True)
    edges = ag.get.edges(adata, selected=False)
    lost = edges["p"].isna()
    assert lost.any()
    assert (edges["verdict"][lost] == "not testable").all()
    assert edges.loc[lost, ["mde", "mde_level"]].isna().all(axis=None)


def test_networks_without_p_values(done):
    adata = done.copy()
    ag.tl.inspre(adata)
    assert not {"mde", "mde_level", "verdict"} & set(ag.get.edges(adata, key="inspre"))


def test_pairs(done):
    pairs = ag.get.pairs(done)
    r, m = pairs["significant"].sum(), len(pairs)
    np.testing.assert_allclose(pairs["mde_level"], r * 0.01 / m)
    assert (pairs["verdict"] == np.where(pairs["significant"], "found", "tested")).all()
    np.testing.assert_array_equal(pairs["mde"], pairs[["mde_decrease", "mde_increase"]].max(axis=1))
    assert (pairs["mde_decrease"] > pairs["mde_increase"]).all()  # a decrease leaves fewer counts
    assert (ag.get.pairs(done, power=0.95)["mde"] > pairs["mde"]).all()


def test_pairs_at_many_counts_are_the_formula():
    level, power, E, df = 1e-4, 0.8, 1e6, 200.0
    se = np.sqrt(0.01 + 1 / E)
    decrease, increase = wald_mde(*(np.array([x]) for x in (E, E, se)), quantile_of(level, df), power)
    formula = (t.isf(level / 2, df) + norm.ppf(power)) * se
    # a sum of gamma variables is somewhat skewed on the log scale
    np.testing.assert_allclose([decrease[0], increase[0]], formula, rtol=0.03)


def test_bh_level():
    p = np.array([0.1, 0.2, np.nan, 0.3])
    assert bh_level(p, 0, 0.05) == pytest.approx(0.05 / 3)
    assert bh_level(p, 2, 0.05) == pytest.approx(0.1 / 3)
    assert np.isnan(bh_level(np.array([np.nan]), 0, 0.05))


def test_score_test_of_poisson_counts_has_the_power_that_is_promised():
    """Without over-dispersion and with endless controls the count is Poisson and the figures are exact."""
    level, power = 1e-3, 0.8
    for expected in (2.0, 12.0, 40.0):
        n = np.array([100.0])
        counts = PairCounts(np.array([expected]), n, np.array([1e9]), np.array([expected / 100]), np.zeros(1))
        decrease, increase = score_mde(counts, level, power)
        k = 4 * expected  # Pearson III of a Poisson count: skewness 1/√E
        top = np.ceil(expected + (_gamma_isf(k, level / 2) - k) / 2)
        assert poisson.sf(top - 1, expected * np.exp(increase[0])) == pytest.approx(power, abs=1e-3)
        if expected < -np.log(level / 2):  # not even no counts at all would be significant
            assert np.isinf(decrease[0])
        else:
            bottom = np.floor(expected + (_gamma_ppf(k, level / 2) - k) / 2)
            assert poisson.cdf(bottom, expected * np.exp(-decrease[0])) == pytest.approx(power, abs=1e-3)


def _gamma_isf(k, p):
    from scipy.stats import gamma

    return gamma.isf(p, k)


def _gamma_ppf(k, p):
    from scipy.stats import gamma

    return gamma.ppf(p, k)


@pytest.mark.parametrize("mu", [0.3, 2.0])
def test_power_at_the_smallest_effect_of_pairs(mu):
    """Gamma–Poisson counts through the pairwise tests themselves; ± 3.3 Monte-Carlo errors and a tolerance of .03."""
    n, n_control, phi, level, reps = 100, 2000, 0.5, 1e-3, 400
    expected, se = np.array([n * mu]), np.sqrt((1 / mu + phi) * np.array([1 / n + 1 / n_control]))
    if mu * n < 50:
        cells = np.array([float(n)]), np.array([float(n_control)])
        lower, upper = score_mde(PairCounts(expected, *cells, np.array([mu]), np.array([phi])), level, 0.8)
    else:
        lower, upper = wald_mde(expected, expected, se, quantile_of(level, n - 1.0), 0.8)
    adata = _screen_of_copies(mu, np.concatenate([-lower, upper]), n, reps=reps, seed=3)
    table = ag.get.pairs(adata)
    for name in ("T0", "T1"):
        part = table[(table["source"] == name) & table["target"].str.startswith("G")]
        assert (part["test"] == ("score" if mu * n < 50 else "wald")).all()
        assert (part["p"] <= level).mean() == pytest.approx(0.8, abs=3.3 * np.sqrt(0.16 / reps) + 0.03)


def _screen_of_copies(mu, tau, n, reps, seed, n_control=2000, phi=0.5):
    """Two perturbations with the effects `tau` on `reps` genes that are copies of each other."""
    rng = np.random.default_rng(seed)
    labels = np.array(["control"] * n_control + ["T0"] * n + ["T1"] * n)
    log_mean = np.zeros(len(labels)) + (labels == "T0") * tau[0] + (labels == "T1") * tau[1]
    mean = np.repeat(mu * np.exp(log_mean)[:, None], max(reps, 2), axis=1)
    counts = rng.poisson(mean * rng.gamma(1 / phi, phi, mean.shape))
    own = rng.poisson(mu, (len(labels), 2))
    genes = [*(f"G{i}" for i in range(mean.shape[1])), "T0", "T1"]
    extra = rng.permutation(np.repeat(genes[:-2], 2))
    fillers = np.arange(len(labels), len(labels) + len(extra))  # two cells of every gene, so that it is in the network
    names = [*labels, *extra]
    X = np.vstack([np.hstack([counts, own]), rng.poisson(mu, (len(fillers), len(genes)))]).astype(np.float32)
    obs = pd.DataFrame({"perturbation": names, "depth": 1.0}, index=[f"c{i}" for i in range(len(names))])
    adata = anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=genes))
    # A perturbation that moves every gene by the same factor looks like a wrong depth: its effects have to stay.
    ag.tl.argen_descendants(adata, perturbation_key="perturbation", depth="depth", min_cells=2, adjust=None)
    return adata


def test_targets(done):
    table = ag.get.perturbations(done)
    assert list(table.columns) == [
        "perturbation", "status", "reason", "n_cells", "n_supported", "effect", "se", "ci_low", "ci_high", "z", "p",
        "test", "flags", "n_descendants", "z_squared", "weak", "n_significant", "n_skipped", "cycle",
        "n_candidate_edges", "n_edges", "n_indirect", "min_F",
    ]  # fmt: skip
    np.testing.assert_allclose(table["z_squared"], (table["effect"] / table["se"]) ** 2)
    np.testing.assert_allclose(table["ci_high"] - table["ci_low"], 2 * 1.959963984540054 * table["se"])
    every = ag.get.edges(done, selected=False)
    for edges, name in ((every, "n_candidate_edges"), (every[every["selected"]], "n_edges")):
        counts = edges["source"].value_counts()
        assert table[name].tolist() == [int(counts.get(target, 0)) for target in table["perturbation"]]


def test_smallest_strength_of_the_edges(done):
    adata = done.copy()
    edges = adata.uns["argen_dag"]["tables"]["edges"]
    edges["F"] = np.arange(1.0, len(edges) + 1)
    table = ag.get.perturbations(adata).set_index("perturbation")["min_F"]
    for target in table.index:
        mine = edges["F"][edges["source"].astype(str) == target]
        assert (np.isnan(table[target]) and mine.empty) or table[target] == mine.min()


def test_weak_and_dropped_targets():
    adata = toy()
    adata.obs.loc[adata.obs_names[-1], "gene"] = "nobody"
    with pytest.warns(ag.errors.ArgenWarning, match="dropped"):
        ag.tl.argen_descendants(adata, **KWARGS)
    stored = adata.uns["argen_descendants"]["tables"]["perturbations"]
    stored.loc[0, ["effect", "se"]] = [-0.3, 0.1]
    table = ag.get.perturbations(adata)
    assert table["weak"].tolist() == [True, False, False, False, pd.NA]  # the last is dropped
    assert not {"n_candidate_edges", "n_edges", "min_F"} & set(table)


def test_networks_of_another_step_do_not_count(done):
    adata = done.copy()
    ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": None})
    assert "n_edges" not in ag.get.perturbations(adata)
    ag.tl.argen_dag(adata, key_added="new")
    assert "n_edges" in ag.get.perturbations(adata, network="new")
    assert "n_edges" not in ag.get.perturbations(adata)  # argen_dag is still of the old step
    assert "n_edges" not in ag.get.perturbations(adata, network=False)
    ag.tl.argen_naive(adata)
    assert "n_edges" in ag.get.perturbations(adata, network="argen_naive")


@pytest.mark.parametrize("read", ["get.perturbations", "pl.argen_perturbations", "pl.argen_descendants"])
def test_a_network_that_is_named_must_be_of_the_step(done, read):
    module, name = read.split(".")
    function = getattr(getattr(ag, module), name)
    adata = done.copy()
    with pytest.raises(MissingResultError, match=r"uns\['nope'\] is missing.*Made from it: argen_dag\."):
        function(adata, network="nope")
    with pytest.raises(MissingResultError, match=r"'argen_descendants'\] holds a descendant step, not a result"):
        function(adata, network="argen_descendants")
    with pytest.raises(InputError, match="network=3 is not the name of a network"):
        function(adata, network=3)
    adata.uns["other_step"] = adata.uns["argen_descendants"]
    with pytest.raises(
        InputError, match=r"'argen_dag' was made from the descendant step 'argen_descendants', not from"
    ):
        function(adata, key="other_step", network="argen_dag")
    ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": None})
    with pytest.raises(
        StaleResultError, match=r"not made from the descendant step .* now\. Run ag\.tl\.argen_dag again"
    ):
        function(adata, network="argen_dag")


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_the_same_from_a_file(done, tmp_path, suffix):
    path = tmp_path / f"done.{suffix}"
    getattr(done, f"write_{suffix}")(path)
    stored = getattr(anndata, f"read_{suffix}")(path)
    pd.testing.assert_frame_equal(ag.get.perturbations(stored), ag.get.perturbations(done), check_dtype=False)
    for get in (ag.get.pairs, ag.get.edges):
        text = [io.StringIO() for _ in range(2)]
        for adata, buffer in zip((stored, done), text, strict=True):
            get(adata).to_csv(buffer)
        assert text[0].getvalue() == text[1].getvalue()


@pytest.mark.parametrize("get", [ag.get.edges, ag.get.pairs])
def test_power_is_checked(done, get):
    with pytest.raises(InputError, match="power=80 is not a level between 0 and 1"):
        get(done, power=80)


@pytest.mark.parametrize("tau", [-0.5, 0.5])
def test_cells_needed_solves_its_formula(tau):
    """At many counts the law of the count is normal and the equation is (t + z) √v = |τ|."""
    mu, phi, controls, level, power = 200.0, 0.3, 3000, 1e-4, 0.9
    n = ag.metrics.cells_needed(
        tau, mean_count=mu, knockdown=None, dispersion=phi, n_controls=controls, level=level, power=power
    )

    def z(n):
        se = np.sqrt((1 / (mu * np.exp(tau)) + phi) / n + (1 / mu + phi) / controls)
        return abs(tau) / se - t.isf(level / 2, n - 1) - norm.ppf(power)

    assert isinstance(n, int)
    assert z(n + 4) > 0 > z(n - 4)


def test_cells_needed_of_an_edge_are_the_larger_of_both_steps():
    how = {"mean_count": 2.0, "n_controls": 3000}
    edge = ag.metrics.cells_needed(0.4, knockdown=-1.5, level=1e-6, pair_level=0.5, **how)
    pair = ag.metrics.cells_needed(-0.6, knockdown=None, level=1e-6, **how)
    assert ag.metrics.cells_needed(0.4, knockdown=-1.5, level=0.5, pair_level=1e-6, **how) == pair
    assert ag.metrics.cells_needed(0.4, knockdown=-1.5, level=1e-6, pair_level=1e-6, **how) == max(edge, pair)
    weak = ag.metrics.cells_needed(0.4, knockdown=-1.5, parent_mean_count=0.05, **how)
    assert weak > ag.metrics.cells_needed(0.4, knockdown=-1.5, **how)


def test_cells_needed_are_the_fewest():
    from argen._core.diagnostics.power import _power, quantile_of

    n, mu, phi, controls = ag.metrics.cells_needed(-0.6, mean_count=1.0, knockdown=None), 1.0, 0.5, 2000
    power = [
        _power(
            np.array(-0.6), np.array(m * mu), np.array(phi / m + (1 / mu + phi) / controls), quantile_of(1e-3, m - 1)
        )
        for m in (float(n - 1), float(n))
    ]
    assert power[0] < 0.8 <= power[1]


def test_cells_needed_of_arrays_and_impossible_screens():
    cells = ag.metrics.cells_needed([[0.2], [0.5]], mean_count=[0.1, 1, 10], knockdown=-1.5)
    assert cells.shape == (2, 3)
    assert (np.diff(cells, axis=0) < 0).all()
    assert (np.diff(cells, axis=1) < 0).all()
    assert ag.metrics.cells_needed(0.05, mean_count=0.1, knockdown=-1.5, n_controls=100) == np.inf
    assert ag.metrics.cells_needed(5.0, mean_count=1e6, knockdown=None, dispersion=0.0) <= 5
    assert ag.metrics.cells_needed(-0.5, mean_count=1, knockdown=None) > ag.metrics.cells_needed(
        0.5, mean_count=1, knockdown=None
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effect": 0}, "effect=0 cannot be found"),
        ({"knockdown": 0.0}, "knockdown=0 cannot be found"),
        ({"effect": np.nan}, "effect=nan has to be finite"),
        ({"knockdown": np.inf}, "knockdown=inf has to be finite"),
        ({"effect": "big"}, "effect='big' is not a number"),
        ({"mean_count": 0}, "mean_count=0 has to be positive"),
        ({"parent_mean_count": -1}, "parent_mean_count=-1 has to be positive"),
        ({"n_controls": 0}, "n_controls=0 has to be positive"),
        ({"dispersion": -0.1}, "dispersion=-0.1 is negative"),
        ({"level": 0}, "level=0 is not between 0 and 1"),
        ({"pair_level": 2}, "pair_level=2 is not between 0 and 1"),
        ({"power": 1.0}, "power=1.0 is not between 0 and 1"),
        ({"effect": [1, 2], "mean_count": [1, 2, 3]}, r"do not broadcast to one shape: effect \(2,\), mean_count"),
    ],
)
def test_cells_needed_names_what_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        ag.metrics.cells_needed(**{"effect": 0.5, "mean_count": 1.0, "knockdown": -1.0, **arguments})
