"""Compressed cells against all cells, and robust sets against exact arithmetic on all cells, however weak."""

import mpmath
import numpy as np
import pytest
from scipy import sparse
from screens import random_screen

from argen._core.dag import compressed
from argen._core.dag.compressed import EquationCells
from argen._core.dag.covariance import Solved, first_stage_matrix, spread
from argen._core.dag.influence import CellInfluence
from argen._core.dag.inverted import CHI2_95, Quadratics, confidence_sets, root_statistics
from argen._core.dag.robust import robust_tests
from argen._core.glm.reduced_form import fit_reduced_form
from argen._core.results import ConfidenceSet
from argen._core.screen import CONTROL, Covariates, build_screen

A, TARGET = np.array([0, 1]), 2


def forms_of(screen, *, hc3=False, phi=0.0):
    genes = [TARGET, *A.tolist()]
    sets = [np.arange(3), *[A] * 2]
    return genes, [fit_reduced_form(screen, g, s, hc3=hc3, phi=phi) for g, s in zip(genes, sets, strict=True)]


def combinations(screen, *, hc3=False, phi=0.0):
    """The same random combinations of influences, of all cells and of compressed ones."""
    genes, forms = forms_of(screen, hc3=hc3, phi=phi)
    influence = CellInfluence(screen, hc3=hc3)
    cells = EquationCells(influence, genes, forms)
    rng = np.random.default_rng(0)
    L = [rng.normal(size=(5, len(form.instruments))) for form in forms]
    weights = rng.normal(size=(5, 3))
    plain = influence.combine(genes, forms, [weights[:, [k]] * rows for k, rows in enumerate(L)])
    return influence, cells, forms, plain, cells.combine(cells.factors(L), weights)


@pytest.mark.parametrize("family", [{}, {"hc3": True}, {"phi": 0.3}])
@pytest.mark.parametrize("settings", [{"levels": 3, "dummies": 1}, {"levels": 1, "numeric": 0}, {"numeric": 2}])
def test_products_of_influences_are_those_of_all_cells(settings, family):
    """Genes 3 to 5 have no instrument: their cells are in the baseline with the controls."""
    screen = random_screen(3, n=1500, p=6, **settings).screen
    influence, cells, forms, plain, few = combinations(screen, **family)
    assert cells.n < influence.numeric.shape[1]
    np.testing.assert_allclose(few @ few.T, plain @ plain.T, rtol=1e-11)
    # Σ x IF of one form, by nuisance column and by group.
    by_column, by_group = cells.sums(1, few)
    form = forms[1]
    found = by_group[:, cells.places(form)] / form.S
    found = found - (by_column - by_group[:, cells.places(form)] @ form.W) @ form.H_inv @ form.W.T
    alone = influence.combine([0], [form], [np.eye(len(form.instruments))])
    np.testing.assert_allclose(found, plain @ alone.T, rtol=1e-9, atol=1e-12)


def test_a_large_baseline_takes_few_cells():
    screen = random_screen(3, n=6000, p=20, levels=2).screen
    influence, cells, *_ = combinations(screen)
    n_of_instruments = np.isin(influence.group, [0, 1, 2]).sum()
    assert cells.n == n_of_instruments + 2 * (2 * 3)  # strata × (scores, scores times the covariate)


def test_genes_that_are_nearly_collinear(monkeypatch):
    """Twins have the same counts, but for a cell or two; then no Cholesky factor is taken."""
    data = random_screen(3, n=1500, p=6)
    counts = data.counts.copy()
    counts[:, 1] = counts[:, 0]
    counts[0, 1] += 1
    covariates = Covariates(data.nuisance[:, :3].argmax(axis=1), np.zeros((1500, 0)), data.nuisance[:, 3:])
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, data.screen.genes)
    taken = []
    qr = np.linalg.qr
    monkeypatch.setattr(compressed.np.linalg, "qr", lambda *args, **kwargs: taken.append(1) or qr(*args, **kwargs))
    _, _, _, plain, few = combinations(screen)
    assert len(taken) == 3
    np.testing.assert_allclose(few @ few.T, plain @ plain.T, rtol=1e-10)


def test_a_stratum_without_counts_of_a_gene():
    data = random_screen(3, n=1500, p=6)
    counts, level = data.counts.copy(), data.nuisance[:, :3].argmax(axis=1)
    counts[level == 1, 0] = 0
    covariates = Covariates(level, np.zeros((1500, 0)), data.nuisance[:, 3:])
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, data.screen.genes)
    _, _, _, plain, few = combinations(screen)
    np.testing.assert_allclose(few @ few.T, plain @ plain.T, rtol=1e-10)


def solved_of(screen):
    genes, (own, *first) = forms_of(screen)
    inverse = np.linalg.inv(first_stage_matrix(A, first))
    return genes, Solved(TARGET, A, own, first, inverse, inverse @ own.effect[A])


def exact_polynomial(screen, k):
    """Coefficients of δ²V² − χ²|Rc|² from the influence of every cell, in 60 digits; and V."""
    genes, solved = solved_of(screen)
    influence = CellInfluence(screen, hc3=False)
    exact = np.vectorize(mpmath.mpf, otypes=[object])
    forms = [solved.own, *solved.first]
    parts = [
        exact(influence.combine([g], [form], [spread(np.eye(2), A, form)]))
        for g, form in zip(genes, forms, strict=True)
    ]
    inverse, theta = exact(solved.inverse), exact(solved.coef)
    own, *first = (inverse @ part for part in parts)  # 2 × n each
    u = own - sum(c * part for c, part in zip(theta, first, strict=True))
    v = [u @ u[k], u @ first[k][k] + first[k] @ u[k], first[k] @ first[k][k]]  # V_·k(δ), δ raises u by δ IF_k
    four = [u[k], *(sum(vj[l] * first[l][k] for l in range(2)) for vj in v)]
    V = [vj[k] for vj in v]
    c = [V, [0, 1], [0, 0, 1], [0, 0, 0, 1]]
    dV = [0, *V]
    polynomial = [mpmath.mpf(0)] * 7
    for i in range(4):
        for j in range(4):
            polynomial[i + j] += dV[i] * dV[j]
    for i in range(4):
        for j in range(4):
            product = CHI2_95 * (four[i] @ four[j])
            for a, x in enumerate(c[i]):
                for b, y in enumerate(c[j]):
                    polynomial[a + b] -= product * x * y
    return polynomial, solved.coef[k]


# Knock-downs, and the digits of the ends that are left: the weaker, the more cancels.
@pytest.mark.parametrize(("knock_down", "digits"), [(-1.0, 1e-11), (-0.1, 1e-10), (-0.01, 1e-8), (0.0, 1e-8)])
def test_sets_against_exact_arithmetic(knock_down, digits):
    mpmath.mp.dps = 60
    for seed in range(3):
        screen = random_screen(seed, n=600, p=4, levels=2, knock_down=knock_down).screen
        _, solved = solved_of(screen)
        found = robust_tests(CellInfluence(screen, hc3=False), solved)
        for k in range(2):
            polynomial, theta = exact_polynomial(screen, k)

            def rejected(value, polynomial=polynomial, theta=theta):
                delta = mpmath.mpf(float(theta)) - mpmath.mpf(float(value))
                return sum(c * delta**i for i, c in enumerate(polynomial)) > 0

            # The polynomial has a root within the digits of each end, and p says on which side 0 is.
            low, high, shape = found.low[k], found.high[k], found.shape[k]
            for end in (low, high):
                if np.isfinite(end):
                    assert rejected(end * (1 - digits)) != rejected(end * (1 + digits))
            assert rejected(0.0) == (found.p[k] < 0.05)
            if shape in (ConfidenceSet.INTERVAL, ConfidenceSet.LINE):
                reach = np.abs([x for x in (low, high, theta) if np.isfinite(x)]).max()
                grid = np.concatenate([-np.logspace(3, -4, 80), np.logspace(-4, 3, 80)]) * reach
                assert [rejected(x) for x in grid] == [bool(x < low or x > high) for x in grid]


def test_sets_of_all_shapes():
    """R = diag(1, a, b, d) with V = 1 + δ²: unbounded on both sides, bounded, everything."""
    variance = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    root = np.stack([np.diag([1.0, 0.0, 0.0, x]) for x in (0.0, 1.0, 1.0)])
    found = Quadratics(variance, root)
    low, high, shape = confidence_sets(np.array([0.5, 0.5, 0.5]), found)
    assert shape.tolist()[0] == ConfidenceSet.INTERVAL
    np.testing.assert_allclose([low[0], high[0]], [-np.sqrt(CHI2_95), np.sqrt(CHI2_95)])
    for i in range(3):
        grid = np.linspace(-60.0, 60.0, 4001)
        inside = root_statistics(np.tile(grid, (3, 1)), found)[i] ** 2 <= CHI2_95
        hull = (grid >= low[i]) & (grid <= high[i])
        assert not (inside & ~hull).any()
        if shape[i] in (ConfidenceSet.INTERVAL, ConfidenceSet.RAY, ConfidenceSet.LINE):
            np.testing.assert_array_equal(inside, hull)
    assert len(set(shape.tolist())) > 1


def test_controls_alone_are_a_baseline():
    """Every perturbation an instrument: what is compressed are the controls."""
    data = random_screen(8, n=2500, p=3, controls=0.6)
    influence, cells, _, plain, few = combinations(data.screen)
    assert cells.n < influence.numeric.shape[1] - 0.9 * (data.target == CONTROL).sum() + 100
    np.testing.assert_allclose(few @ few.T, plain @ plain.T, rtol=1e-11)
