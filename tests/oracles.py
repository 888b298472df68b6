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


def joint_sandwich(
    data: DenseScreen, target: int, candidates: np.ndarray, instruments: list[np.ndarray], *, hc3=False
) -> dict[str, np.ndarray]:
    """Covariances of θ from the estimating equations of all stages at once, dense, by name.

    Stacked: with ψ_i the scores of all first stages and of the second one, V = J⁻¹ (Σ_i ψ_i ψ_i') J⁻ᵀ, J = −Σ_i ∂ψ_i.
    Murphy–Topel: the same with the scores of different stages taken to be uncorrelated. HC3: every residual divided by
    1 − its leverage in its own regression.
    """

    def regression(y, x):
        fit = poisson(y, x, data.depth)
        mu = fit.fittedvalues
        bread = np.linalg.inv(x.T @ (mu[:, None] * x))
        leverage = mu * np.einsum("ij,jk,ik->i", x, bread, x)
        return fit.params, mu, y - mu, (y - mu) / (1 - leverage if hc3 else 1)

    designs = [np.column_stack([data.indicators(used), data.nuisance]) for used in instruments]
    stages = [regression(data.counts[:, gene], x) for gene, x in zip(candidates, designs, strict=True)]
    etas = [x @ params for x, (params, *_) in zip(designs, stages, strict=True)]
    x2 = np.column_stack([*etas, data.indicators([target]), data.nuisance])
    params, mu, residual, weighted = regression(data.counts[:, target], x2)
    sizes = [x.shape[1] for x in [*designs, x2]]
    ends = np.cumsum(sizes)
    J, scores = np.zeros((ends[-1], ends[-1])), np.zeros((len(mu), ends[-1]))
    last = slice(ends[-2], ends[-1])
    for k, (x, (_, mu_k, _, weighted_k)) in enumerate(zip(designs, stages, strict=True)):
        block = slice(ends[k] - sizes[k], ends[k])
        J[block, block] = x.T @ (mu_k[:, None] * x)
        J[last, block] = params[k] * x2.T @ (mu[:, None] * x)
        J[last.start + k, block] -= residual @ x
        scores[:, block] = weighted_k[:, None] * x
    J[last, last] = x2.T @ (mu[:, None] * x2)
    scores[:, last] = weighted[:, None] * x2
    inverse, joint = np.linalg.inv(J), scores.T @ scores
    apart = np.zeros_like(joint)
    for end, size in zip(ends, sizes, strict=True):
        block = slice(end - size, end)
        apart[block, block] = joint[block, block]
    theta = slice(last.start, last.start + len(candidates))
    meats = {"stacked": joint, "murphy-topel": apart}
    return {name: (inverse @ meat @ inverse.T)[theta, theta] for name, meat in meats.items()}
