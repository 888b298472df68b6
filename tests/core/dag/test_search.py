"""The search's estimates against explicit two-stage fits, and its shortcuts against the long way."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
from oracles import joint_sandwich, poisson, two_stage
from scipy import sparse
from screens import chr6like_screen, random_screen

from argen._core.dag.search import search_dag
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.tests import fit_descendants
from argen._core.parallel import worker_pool
from argen._core.results import EdgeStatus, Relation
from argen._core.screen import Covariates, build_screen

pytestmark = pytest.mark.slow

RELATIONS = {
    # name: pairs (ancestor, descendant); closed unless said
    "chain": [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
    "cycle": [(a, b) for a in range(4) for b in range(4) if a != b],
    "cycle with a tail": [(0, 1), (1, 0), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)],
    "not closed": [(0, 1), (1, 2), (2, 3), (1, 3)],
    "not closed, with a cycle": [(0, 1), (1, 0), (1, 2), (2, 3)],
}
SQUARE = ["chain", "cycle", "cycle with a tail"]


@pytest.fixture(scope="module", params=[0, 1], ids=["batch and numeric", "three numeric"])
def data(request):
    settings = [{"levels": 3, "numeric": 1}, {"levels": 1, "numeric": 3}][request.param]
    return random_screen(21, n=1200, log_mean=1.0, **settings)


@pytest.fixture(scope="module")
def tests(data):
    return fit_descendants(data.screen)


def relation_of(pairs, p=4):
    matrix = np.zeros((p, p), dtype=bool)
    matrix[tuple(np.transpose(pairs))] = True
    return Relation(np.full((p, p), np.nan), matrix, matrix, np.empty((0, 2), dtype=int), ())


def search(data, tests, pairs, first_stage="ancestors", covariance="murphy-topel"):
    return search_dag(
        data.screen, tests, relation_of(pairs), first_stage=first_stage, covariance=covariance, alpha=0.05
    )


def explicit(data, pairs, order, target, first_stage):
    """Candidates and instruments of one equation, from the definitions alone."""
    descends = set(pairs)
    left = order[: list(order).index(target)]
    A = np.array(sorted(k for k in left if (k, target) in descends))
    own = [sorted({k} | {a for a in left if (a, k) in descends}) for k in A]
    return A, [list(A)] * len(A) if first_stage == "shared" else own


@pytest.mark.parametrize("first_stage", ["ancestors", "shared"])
@pytest.mark.parametrize("name", RELATIONS)
def test_every_equation_against_the_explicit_two_stage_fit(data, tests, name, first_stage):
    pairs = RELATIONS[name]
    dag = search(data, tests, pairs, first_stage)
    naive = search(data, tests, pairs, first_stage, "naive")
    n_checked = 0
    for equation, plain in zip(dag.equations, naive.equations, strict=True):
        A, instruments = explicit(data, pairs, dag.order, equation.target, first_stage)
        np.testing.assert_array_equal(equation.candidates, A)
        theta, V, V_naive = two_stage(data, equation.target, A, instruments)
        np.testing.assert_allclose(equation.coef, theta, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(equation.se, np.sqrt(np.diag(V)), rtol=1e-6)
        np.testing.assert_allclose(plain.se, np.sqrt(np.diag(V_naive)), rtol=1e-6)
        assert np.all(equation.status == EdgeStatus.OK)
        n_checked += len(A)
    assert n_checked == len(dag.source) >= 3


@pytest.mark.parametrize("hc", ["HC0", "HC3"])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared"])
@pytest.mark.parametrize("name", RELATIONS)
def test_covariances_against_the_joint_sandwich(data, tests, name, first_stage, hc):
    """Every path, stacked and Murphy–Topel, against the estimating equations of all stages at once."""
    pairs = RELATIONS[name]
    found = {
        covariance: search_dag(
            data.screen, tests, relation_of(pairs), first_stage=first_stage, covariance=covariance, alpha=0.05, hc=hc
        )
        for covariance in ("stacked", "murphy-topel")
    }
    ratios = []
    for stacked, apart in zip(*(dag.equations for dag in found.values()), strict=True):
        A, instruments = explicit(data, pairs, found["stacked"].order, stacked.target, first_stage)
        expected = joint_sandwich(data, stacked.target, A, instruments, hc3=hc == "HC3")
        np.testing.assert_allclose(stacked.se, np.sqrt(np.diag(expected["stacked"])), rtol=1e-6)
        np.testing.assert_allclose(apart.se, np.sqrt(np.diag(expected["murphy-topel"])), rtol=1e-6)
        np.testing.assert_array_equal(stacked.coef, apart.coef)
        ratios += (stacked.se / apart.se).tolist()
    assert np.ptp(ratios) > 0.01  # the hidden factor makes the stages correlated


def test_which_path_each_relation_takes(data, tests):
    for name, pairs in RELATIONS.items():
        general = [e.general for e in search(data, tests, pairs).equations]
        assert any(general) == (name not in SQUARE)
        assert not any(e.general for e in search(data, tests, pairs, "shared").equations)


def test_the_second_term_of_the_general_covariance_matters(data, tests):
    """The over-identified standard errors could not agree with the full formula if C_k lacked its second term."""
    pairs = RELATIONS["not closed"]
    dag = search(data, tests, pairs)
    shares = []
    for equation in dag.equations:
        A, instruments = explicit(data, pairs, dag.order, equation.target, "ancestors")
        _, V, _ = two_stage(data, equation.target, A, instruments)
        _, truncated, _ = two_stage(data, equation.target, A, instruments, second_term=False)
        shares.append(np.abs(np.diag(truncated) / np.diag(V) - 1).max())
    general = np.array([e.general for e in dag.equations])
    assert np.max(np.array(shares)[general]) > 1e-3
    assert np.max(np.array(shares)[~general]) < 1e-9


def test_condition_number_is_that_of_the_first_stages(data, tests):
    dag = search(data, tests, RELATIONS["chain"])
    equation = next(e for e in dag.equations if len(e.candidates) == 3)
    A, instruments = explicit(data, RELATIONS["chain"], dag.order, equation.target, "ancestors")
    M = np.zeros((3, 3))
    for k, (gene, used) in enumerate(zip(A, instruments, strict=True)):
        fit = poisson(data.counts[:, gene], np.column_stack([data.indicators(used), data.nuisance]), data.depth)
        M[[list(A).index(i) for i in used], k] = fit.params[: len(used)]
    assert equation.condition == pytest.approx(np.linalg.cond(M, 1), rel=1e-5)


def test_shared_work_of_an_acyclic_relation_changes_nothing():
    """A strict order takes the shortcut of shared first-stage variances; a far cycle turns it off."""
    data = random_screen(5, p=8, n=2500, log_mean=1.0)
    tests = fit_descendants(data.screen)
    chain = [(a, b) for a in range(6) for b in range(a + 1, 6)]
    short = search_dag(
        data.screen, tests, relation_of(chain, 8), first_stage="ancestors", covariance="murphy-topel", alpha=0.05
    )
    long = search_dag(
        data.screen,
        tests,
        relation_of([*chain, (6, 7), (7, 6)], 8),
        first_stage="ancestors",
        covariance="murphy-topel",
        alpha=0.05,
    )
    edges = {(s, t): (c, e) for s, t, c, e in zip(long.source, long.target, long.coef, long.se, strict=True)}
    assert len(short.source) == 15
    for s, t, coef, se in zip(short.source, short.target, short.coef, short.se, strict=True):
        np.testing.assert_allclose((coef, se), edges[s, t], rtol=1e-7)


@pytest.mark.parametrize("closure", [True, False, "acyclic"])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared"])
def test_no_cycle_whatever_the_relation(closure, first_stage):
    screen = chr6like_screen()
    tests = fit_descendants(screen)
    relation = descendant_relation(tests, closure, 0.05)
    dag = search_dag(screen, tests, relation, first_stage=first_stage, covariance="murphy-topel", alpha=0.05)
    graph = nx.DiGraph(zip(dag.source.tolist(), dag.target.tolist(), strict=True))
    assert nx.is_directed_acyclic_graph(graph)
    position = np.argsort(dag.order)
    assert np.all(position[dag.source] < position[dag.target])
    assert dag.selected.sum() > 30


def test_results_do_not_depend_on_threads():
    screen = chr6like_screen()
    tests = fit_descendants(screen)
    relation = descendant_relation(tests, closure=True, alpha=0.05)
    results = []
    for n in (1, 2, 3):
        with worker_pool(n) as map_:
            results.append(
                search_dag(
                    screen,
                    tests,
                    relation,
                    first_stage="ancestors",
                    covariance="murphy-topel",
                    alpha=0.05,
                    map_=map_,
                )
            )
    for other in results[1:]:
        for name in ("order", "source", "target", "coef", "se", "p", "selected", "alpha", "threshold"):
            np.testing.assert_array_equal(getattr(results[0], name), getattr(other, name))


def test_a_singular_system_has_no_estimate_and_names_its_causes(data, tests):
    """Two candidates whose knock-downs are proportional: M has no inverse."""
    from argen._core.dag import equations as module

    pairs = [(0, 2), (1, 2), (0, 1), (1, 0), (0, 3), (1, 3), (2, 3)]
    original = module.first_stage_matrix

    def proportional(A, forms):
        M = original(A, forms)
        M[:, -1] = 2 * M[:, 0]
        return M

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "first_stage_matrix", proportional)
        dag = search(data, tests, pairs)
    singular = [e for e in dag.equations if len(e.candidates) > 1]
    assert singular
    for equation in singular:
        assert np.all(equation.status == EdgeStatus.SINGULAR)
        assert np.isnan(equation.coef).all()
        assert len(equation.culprits) == 1
    involved = np.isin(dag.target, [e.target for e in singular])
    assert not dag.selected[involved].any()
    assert np.all(dag.batch[involved] == -1)
    assert all(e.condition > 1e10 for e in singular)


def test_a_gene_of_unknown_knock_down_is_nobodys_candidate(data, tests):
    effect = tests.effect.copy()
    effect[1, 1] = np.nan
    dag = search(data, replace(tests, effect=effect), RELATIONS["chain"])
    touched = (dag.source == 1) | (dag.target == 1)
    assert np.all(dag.status[touched] == EdgeStatus.UNTESTABLE)
    assert np.isnan(dag.p[touched]).all()
    assert np.isfinite(dag.p[~touched]).all()
    theta, _, _ = two_stage(data, 2, np.array([0]), [[0]])
    assert dag.coef[(dag.source == 0) & (dag.target == 2)] == pytest.approx(theta, abs=1e-7)


def separated_chain(seed, mean, knock_down, n=20):
    """K → L → T, T rare and L's effect on it strong: the cells of K hold no counts of T."""
    rng = np.random.default_rng(seed)
    target = np.r_[np.repeat([0, 1, 2], [n, 300, 300]), np.full(4000, -1)]
    log_k = np.where(target == 0, np.log(knock_down), 0.0)
    log_l = -0.5 * log_k + np.where(target == 1, -1.0, 0.0)
    log_t = -3.5 * log_l + np.where(target == 2, -1.0, 0.0)
    means = np.exp(np.column_stack([log_k, log_l, log_t])) * [3.0, 3.0, mean]
    counts = rng.poisson(means).astype(float)
    counts[target == 0, 2] = 0
    nothing = np.zeros((len(target), 0))
    covariates = Covariates(np.zeros(len(target), int), nothing, nothing)
    return build_screen(sparse.csc_array(counts), target, np.ones(len(target)), covariates, ["k", "l", "t"])


@pytest.mark.parametrize("mean", [0.001, 0.003])
def test_a_group_without_counts_makes_no_edge(mean):
    """There is no direct effect of K on T; a stand-in for −∞ that grew as counts got rarer made one."""
    pairs = [(0, 1), (0, 2), (1, 2)]
    found = []
    for seed in range(20):
        screen = separated_chain(seed, mean, 0.3)
        dag = search_dag(
            screen,
            fit_descendants(screen),
            relation_of(pairs, 3),
            first_stage="ancestors",
            covariance="murphy-topel",
            alpha=0.05,
        )
        edge = (dag.source == 0) & (dag.target == 2)
        assert dag.status[edge][0] in (EdgeStatus.SEPARATED, EdgeStatus.UNTESTABLE)
        found.append(bool(dag.selected[edge][0]))
    assert sum(found) <= 1  # 20 draws at a level below 0.05


def test_threads_do_not_change_the_general_path():
    screen = random_screen(31, p=5, n=1500).screen
    tests = fit_descendants(screen)
    relation = relation_of([(0, 1), (1, 2), (2, 3), (1, 3), (3, 4)], 5)
    results = []
    for n in (1, 2, 1):
        with worker_pool(n) as map_:
            dag = search_dag(
                screen, tests, relation, first_stage="ancestors", covariance="murphy-topel", alpha=0.05, map_=map_
            )
        assert any(e.general for e in dag.equations)
        results.append(dag)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].coef, other.coef)
        np.testing.assert_array_equal(results[0].se, other.se)
