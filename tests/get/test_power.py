"""Smallest detectable effects, instruments, and the cells that an effect needs: against formulas and simulation."""

import io

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, poisson, t
from toy import KWARGS, toy

import argen as ag
from argen._core.power import PairCounts, bh_level, edge_levels, edge_mde, score_mde, wald_mde
from argen.errors import InputError


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


def test_edges(done):
    edges = ag.get.edges(done, selected=False)
    assert (edges["verdict"] == "found").tolist() == edges["selected"].tolist()
    factor = norm.isf(edges["mde_level"] / 2) + norm.ppf(0.8)
    np.testing.assert_allclose(edges["mde"], factor * edges["se"])
    higher = ag.get.edges(done, selected=False, power=0.95)
    np.testing.assert_allclose(higher["mde"] - edges["mde"], (norm.ppf(0.95) - norm.ppf(0.8)) * edges["se"])
    some = edges["threshold"] > 0
    np.testing.assert_allclose(edges["mde_level"][some], edges["threshold"][some])


@pytest.mark.parametrize("fdr", ["batch-bh", "bh"])
def test_level_where_nothing_was_found(done, fdr):
    adata = done.copy()
    ag.tl.argen_dag(adata, fdr=fdr, alpha=1e-290)
    edges = ag.get.edges(adata, selected=False)
    assert (edges["verdict"] == "tested").all()
    size = edges.groupby("batch")["p"].transform("size") if fdr == "batch-bh" else len(edges)
    np.testing.assert_allclose(edges["mde_level"], edges["alpha"] / size)
    assert np.isfinite(edges["mde"]).all()


def test_levels_of_edges():
    batch = np.array([0, 0, -1, 1, 1, 1])
    alpha = np.array([0.02, 0.02, np.nan, 0.01, 0.01, 0.01])
    threshold = np.array([0.0, 0.0, np.nan, 0.005, 0.005, 0.005])
    np.testing.assert_allclose(edge_levels(batch, alpha, threshold), [0.01, 0.01, np.nan, 0.005, 0.005, 0.005])


def test_edges_with_the_strength_of_their_instrument():
    """With F the first stage's share of the variance is taken at the effect that is sought."""
    level, power, base, F = 0.01, 0.8, 0.04, 40.0
    coef = np.array([0.0, 0.3, 0.3])
    strength = np.array([F, F, 6.0])
    se = np.sqrt(base + coef**2 / strength)
    mde = edge_mde(coef, se, np.full(3, level), power, strength)
    assert mde[0] == pytest.approx(mde[1])
    assert np.isinf(mde[2])  # no estimate can be z_{1−a/2} standard errors from 0
    bound = norm.isf(level / 2) * np.sqrt(base / (1 - norm.isf(level / 2) ** 2 / F))
    assert norm.sf((bound - mde[0]) / np.sqrt(base + mde[0] ** 2 / F)) == pytest.approx(power)
    assert bound / np.sqrt(base + bound**2 / F) == pytest.approx(norm.isf(level / 2))
    far = edge_mde(coef, se, np.full(3, level), power, np.full(3, 1e12))
    np.testing.assert_allclose(far, edge_mde(coef, se, np.full(3, level), power), rtol=1e-6)
    low = edge_mde(coef[:1], se[:1], np.array([level]), 0.2, strength[:1])
    assert norm.sf((bound - low[0]) / np.sqrt(base + low[0] ** 2 / F)) == pytest.approx(0.2)


def test_stored_strength_is_used(done):
    adata = done.copy()
    plain = ag.get.edges(adata, selected=False)
    adata.uns["argen_dag"]["edges"]["F"] = 30.0
    edges = ag.get.edges(adata, selected=False)
    columns = (edges[name].to_numpy() for name in ("coef", "se", "mde_level"))
    np.testing.assert_allclose(edges["mde"], edge_mde(*columns, 0.8, np.full(len(edges), 30.0)))
    assert (edges["mde"] != plain["mde"]).all()


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
    decrease, increase = wald_mde(*(np.array([x]) for x in (E, E, se, df)), level, power)
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
        lower, upper = wald_mde(expected, expected, se, np.array([n - 1.0]), level, 0.8)
    adata = _screen_of_copies(mu, np.concatenate([-lower, upper]), n, reps=reps, seed=3)
    table = ag.get.pairs(adata)
    for name in ("T0", "T1"):
        part = table[(table["target"] == name) & table["gene"].str.startswith("G")]
        assert (part["test"] == ("score" if mu * n < 50 else "wald")).all()
        assert (part["p"] <= level).mean() == pytest.approx(0.8, abs=3.3 * np.sqrt(0.16 / reps) + 0.03)


def _screen_of_copies(mu, tau, n, reps, seed, n_control=2000, phi=0.5):
    """Two targets with the effects `tau` on `reps` genes that are copies of each other."""
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
    obs = pd.DataFrame({"target": names, "depth": 1.0}, index=[f"c{i}" for i in range(len(names))])
    adata = anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=genes))
    ag.tl.argen_descendants(adata, target_key="target", depth="depth", min_cells=2)
    return adata


def test_targets(done):
    table = ag.get.targets(done)
    assert list(table.columns) == [
        "target", "status", "reason", "n_cells", "effect", "se", "ci_low", "ci_high", "z", "p", "test", "flags",
        "n_descendants", "z_squared", "weak", "n_candidate_edges", "n_edges",
    ]  # fmt: skip
    np.testing.assert_allclose(table["z_squared"], (table["effect"] / table["se"]) ** 2)
    np.testing.assert_allclose(table["ci_high"] - table["ci_low"], 2 * 1.959963984540054 * table["se"])
    every = ag.get.edges(done, selected=False)
    for edges, name in ((every, "n_candidate_edges"), (every[every["selected"]], "n_edges")):
        counts = edges["source"].value_counts()
        assert table[name].tolist() == [int(counts.get(target, 0)) for target in table["target"]]


def test_smallest_strength_of_the_edges(done):
    adata = done.copy()
    edges = adata.uns["argen_dag"]["edges"]
    edges["F"] = np.arange(1.0, len(edges) + 1)
    table = ag.get.targets(adata).set_index("target")["min_F"]
    for target in table.index:
        mine = edges["F"][edges["source"].astype(str) == target]
        assert (np.isnan(table[target]) and mine.empty) or table[target] == mine.min()


def test_weak_and_dropped_targets():
    adata = toy()
    adata.obs.loc[adata.obs_names[-1], "gene"] = "nobody"
    with pytest.warns(ag.errors.ArgenWarning, match="dropped"):
        ag.tl.argen_descendants(adata, **KWARGS)
    stored = adata.uns["argen_descendants"]["targets"]
    stored.loc[0, ["effect", "se"]] = [-0.3, 0.1]
    table = ag.get.targets(adata)
    assert table["weak"].tolist() == [True, False, False, False, True]
    assert not {"n_candidate_edges", "n_edges", "min_F"} & set(table)


def test_networks_of_another_step_do_not_count(done):
    adata = done.copy()
    ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": None})
    assert "n_edges" not in ag.get.targets(adata)
    ag.tl.argen_dag(adata, key_added="new")
    assert "n_edges" in ag.get.targets(adata, network="new")
    assert "n_edges" not in ag.get.targets(adata, network="nothing")
    ag.tl.argen_naive(adata)
    assert "n_edges" in ag.get.targets(adata, network="argen_naive")


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_the_same_from_a_file(done, tmp_path, suffix):
    path = tmp_path / f"done.{suffix}"
    getattr(done, f"write_{suffix}")(path)
    stored = getattr(anndata, f"read_{suffix}")(path)
    pd.testing.assert_frame_equal(ag.get.targets(stored), ag.get.targets(done), check_dtype=False)
    for get in (ag.get.pairs, ag.get.edges):
        text = [io.StringIO() for _ in range(2)]
        for adata, buffer in zip((stored, done), text, strict=True):
            get(adata).to_csv(buffer)
        assert text[0].getvalue() == text[1].getvalue()


@pytest.mark.parametrize("get", [ag.get.edges, ag.get.pairs])
def test_power_is_checked(done, get):
    with pytest.raises(InputError, match="power=80 is not a level between 0 and 1"):
        get(done, power=80)


def test_cells_needed_solves_its_formula():
    theta, kappa, mu, phi, controls, level, power = 0.4, -1.2, 0.8, 0.3, 3000, 1e-4, 0.9
    n = ag.metrics.cells_needed(
        theta, mean_count=mu, knockdown=kappa, dispersion=phi, n_controls=controls, level=level, power=power,
        parent_mean_count=2.0,
    )  # fmt: skip

    def z(n):
        def v(tau, mu):
            return (1 / (mu * np.exp(tau)) + phi) / n + (1 / mu + phi) / controls

        return abs(theta) / np.sqrt((v(theta * kappa, mu) + theta**2 * v(kappa, 2.0)) / kappa**2)

    wanted = norm.isf(level / 2) + norm.ppf(power)
    assert isinstance(n, int)
    assert z(n) >= wanted > z(n - 1)


def test_cells_needed_of_arrays_and_impossible_screens():
    cells = ag.metrics.cells_needed([[0.2], [0.5]], mean_count=[0.1, 1, 10], knockdown=-1.5)
    assert cells.shape == (2, 3)
    assert (np.diff(cells, axis=0) < 0).all()
    assert (np.diff(cells, axis=1) < 0).all()
    assert ag.metrics.cells_needed(0.05, mean_count=0.1, knockdown=-1.5, n_controls=100) == np.inf
    assert ag.metrics.cells_needed(5.0, mean_count=1e6, knockdown=None, dispersion=0.0) == 1
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
        ({"power": 1.0}, "power=1.0 is not between 0 and 1"),
        ({"effect": [1, 2], "mean_count": [1, 2, 3]}, r"do not broadcast to one shape: effect \(2,\), mean_count"),
    ],
)
def test_cells_needed_names_what_cannot_be(arguments, message):
    with pytest.raises(InputError, match=message):
        ag.metrics.cells_needed(**{"effect": 0.5, "mean_count": 1.0, "knockdown": -1.0, **arguments})
