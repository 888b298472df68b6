"""Slow, dense, independent computations to hold the core against."""

import numpy as np
import statsmodels.api as sm
from screens import DenseScreen


def poisson(y: np.ndarray, x: np.ndarray, depth: np.ndarray):
    """statsmodels' Poisson fit with HC0 covariance."""
    model = sm.GLM(y, x, family=sm.families.Poisson(), offset=np.log(depth))
    return model.fit(tol=1e-13, tol_criterion="params", maxiter=200, cov_type="HC0")


def two_stage(
    data: DenseScreen, target: int, candidates: np.ndarray, instruments: list[np.ndarray], *, second_term=True
):
    """Explicit two-stage fit with the full Murphy–Topel covariance; returns θ, murphy-topel V, naive V.

    V = A⁻¹ (B + Σ_k C_k V_k C_k') A⁻¹ with C_k = Σ_i μ_i θ_k x₂x₁' − e_k Σ_i (y_i − μ_i) x₁'.
    """
    first, etas = [], []
    for gene, used in zip(candidates, instruments, strict=True):
        x1 = np.column_stack([data.indicators(used), data.nuisance])
        fit = poisson(data.counts[:, gene], x1, data.depth)
        first.append((x1, fit.cov_params()))
        etas.append(x1 @ fit.params)
    x2 = np.column_stack([*etas, data.indicators([target]), data.nuisance])
    y = data.counts[:, target]
    fit = poisson(y, x2, data.depth)
    mu = fit.fittedvalues
    bread = np.linalg.inv(x2.T @ (mu[:, None] * x2))
    meat = x2.T @ (((y - mu) ** 2)[:, None] * x2)
    naive = bread @ meat @ bread
    for k, (x1, covariance) in enumerate(first):
        C = fit.params[k] * x2.T @ (mu[:, None] * x1)
        if second_term:
            C[k] -= (y - mu) @ x1
        meat = meat + C @ covariance @ C.T
    m = len(candidates)
    return fit.params[:m], (bread @ meat @ bread)[:m, :m], naive[:m, :m]
