"""Predictions for cells that were held out, beside baselines and controls."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Unpack

import numpy as np
import pandas as pd

from argen import tl
from argen._bridge.prediction.labels import effects_of_labels
from argen._bridge.runtime import resolve_n_jobs, warn_user
from argen._bridge.settings import DescendantOptions
from argen._bridge.validate import check_anndata, check_option, name_some
from argen._core.parallel import worker_pool
from argen.errors import DesignError, InputError

from ._split import hold_out, perturbation_labels
from ._what_if import what_if

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["what_if_screen"]

NETWORK, ADDED, MEAN, NOTHING = "network", "added up", "mean of the perturbations", "no change"
SHUFFLED, OTHER_CELLS = "network, shuffled", "other cells"
_KEY = "argen_predict"


def what_if_screen(
    adata: "AnnData",
    *,
    perturbation_key: str,
    control: str | Sequence[str] = "control",
    conditions: Literal["doubles", "singles"] = "doubles",
    separator: str = "+",
    search: Literal["argen_dag", "argen_joint"] | None = "argen_dag",
    genes: Sequence[str] | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> pd.DataFrame:
    """Predict cells that were held out: those of pairs of perturbations, or half of those of each perturbation.

    Half of the cells of every label and of the controls are held out (:func:`hold_out`), and their effects are what
    is to be predicted. The network is searched with the single perturbations of the other half: of pairs it has seen
    no cell. Beside it stand

    ``"added up"``
        the effects of the single perturbations in the first half, added up (for a single one: its own);
    ``"mean of the perturbations"``
        the mean of these effects over all single perturbations, for every condition;
    ``"no change"``
        zeros;
    ``"network, shuffled"``
        negative control: the network's predictions, each for another condition;
    ``"other cells"``
        positive control: the effects of the same condition in the first half of its cells.

    **A perturbation cannot be left out as a whole.** Without cells in which g is perturbed, g has no instrument: no
    edge out of it can be tested, :func:`argen.tl.argen_dag` has none, and would predict no change for whatever g does.
    What can be held out is cells, guides (a column of guides as `perturbation_key` of the observed effects), and
    combinations.

    Parameters
    ----------
    adata
        Cells × genes.
    perturbation_key, control
        Column of `obs` with the perturbation of each cell, and its label or labels for controls.
    conditions
        ``"doubles"``: labels of two or more perturbations, all of which have cells of their own; ``"singles"``: the
        others.
    separator
        What stands between the perturbations in a label.
    search
        The search, with its usual options; `None`: baselines alone, on all measured genes, for screens without a
        network.
    genes
        Genes to compare. Default: all those of the network; without one all measured genes, of which the effects on
        rare ones are mostly noise.
    rng
        Seed or generator, for the split and for shuffling.
    n_jobs
        Threads; default all that the process may use.
    **descendants_kwargs
        Arguments of :func:`argen.tl.argen_descendants`: `covariates`, `depth`, `layer`, ….

    Returns
    -------
    One row per predictor and condition: ``predictor``, ``condition``, ``n_genes`` (that are compared: those of the
    network that are not perturbed in the condition), and the scores of :func:`what_if`. Conditions with a gene that is
    not in the network are left out, as a warning says. In short:
    ``table.groupby("predictor").mean(numeric_only=True)``.

    Raises
    ------
    argen.errors.InputError
        No condition to predict; unknown column.
    argen.errors.DesignError
        Too few cells for a network.

    Warns
    -----
    argen.errors.ArgenWarning
        Conditions are left out.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2", n_cells=4000)
    >>> scores = ag.metrics.what_if_screen(
    ...     adata, perturbation_key="perturbation", conditions="singles", covariates=["L"], depth="depth"
    ... )
    >>> scores.groupby("predictor")["rmse"].mean().idxmax() != "network"
    True
    """
    check_anndata(adata)
    check_option("conditions", conditions, ("doubles", "singles"))
    check_option("search", search, ("argen_dag", "argen_joint", None))
    if not isinstance(separator, str) or not separator:
        msg = f"separator={separator!r} has to be a text that is not empty."
        raise InputError(msg)
    generator = np.random.default_rng(rng)
    given = {"perturbation_key": perturbation_key, "control": control, **descendants_kwargs}
    labels = perturbation_labels(adata, perturbation_key)
    is_double = np.array([separator in label for label in labels], dtype=bool)
    held_out = hold_out(adata, perturbation_key=perturbation_key, fraction=0.5, rng=generator).to_numpy()
    with worker_pool(resolve_n_jobs(n_jobs)) as map_:
        seen, _ = effects_of_labels(adata[~held_out].copy(), given, map_)
        observed, se = effects_of_labels(adata[held_out].copy(), given, map_)
    singles = [label for label in seen.index if separator not in label]
    parts = {label: label.split(separator) for label in observed.index if label in seen.index}
    wanted = {c: p for c, p in parts.items() if (len(p) > 1) == (conditions == "doubles") and set(p) <= set(singles)}
    measured = observed.columns.intersection(seen.columns)
    compared = measured if genes is None else measured.intersection(_known(genes, adata.var_names))
    trained = None
    if search is not None:
        trained = _train(adata[~held_out & ~is_double].copy(), search, given, n_jobs)
        nodes = trained.uns[search]["tables"]["order"].astype(str)
        compared = compared[compared.isin(nodes)]
        _warn_left_out([c for c, p in wanted.items() if not set(p) <= set(nodes)])
        wanted = {c: p for c, p in wanted.items() if set(p) <= set(nodes)}
    if not wanted:
        msg = (
            f"No label of adata.obs[{perturbation_key!r}] is left to predict ({conditions}, separator={separator!r}): "
            f"single perturbations with cells of their own are {name_some(singles)}."
        )
        raise InputError(msg)
    predicted = {
        ADDED: pd.DataFrame({c: seen.loc[p, compared].sum(skipna=False) for c, p in wanted.items()}).T,
        MEAN: pd.DataFrame({c: seen.loc[singles, compared].mean() for c in wanted}).T,
        NOTHING: pd.DataFrame(0.0, list(wanted), compared),
        OTHER_CELLS: seen.loc[list(wanted), compared],
    }
    if trained is not None:
        by_network = _by_network(trained, search, wanted, compared, n_jobs)
        predicted = {NETWORK: by_network, **predicted}
        if len(wanted) > 1:
            predicted[SHUFFLED] = _shuffled(by_network, generator)
    return _scores(predicted, observed.loc[list(wanted), compared], se, seen.loc[singles, compared].mean(), wanted)


def _known(genes: Sequence[str], there: pd.Index) -> pd.Index:
    named = pd.Index([genes] if isinstance(genes, str) else list(genes))
    if len(unknown := named.difference(there)):
        msg = f"genes names some that are not in adata.var_names: {name_some(map(repr, unknown))}."
        raise InputError(msg)
    return named


def _train(adata: "AnnData", search: str, given: dict[str, object], n_jobs: int | None) -> "AnnData":
    for key in [key for key in adata.uns if key.startswith("argen")]:
        del adata.uns[key]
    try:
        getattr(tl, search)(adata, **given, n_jobs=n_jobs)
    except DesignError as error:
        error.add_note("search=None compares the baselines alone.")
        raise
    return adata


def _warn_left_out(conditions: list[str]) -> None:
    if conditions:
        warn_user(f"Left out, since a perturbed gene is not in the network: {name_some(conditions)}.")


def _by_network(
    trained: "AnnData", search: str, wanted: dict[str, list[str]], genes: pd.Index, n_jobs: int | None
) -> pd.DataFrame:
    rows = {}
    for condition, parts in wanted.items():
        tl.argen_predict(trained, parts, network=search, intervals=search == "argen_joint", n_paths=0, n_jobs=n_jobs)
        table = trained.uns[_KEY]["tables"]["genes"]
        rows[condition] = pd.Series(table["effect"].to_numpy(float), table["gene"].astype(str)).reindex(genes)
    return pd.DataFrame(rows).T


def _shuffled(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Every row under the name of another one: a random cycle through all of them."""
    cycle = rng.permutation(len(table))
    names = np.empty(len(table), dtype=object)
    names[cycle] = table.index.to_numpy()[np.roll(cycle, 1)]
    return table.set_axis(names, axis=0)


def _scores(
    predicted: dict[str, pd.DataFrame],
    observed: pd.DataFrame,
    se: pd.DataFrame,
    mean: pd.Series,
    wanted: dict[str, list[str]],
) -> pd.DataFrame:
    """Scores of all predictors on the same genes, those that are perturbed left out."""
    observed = observed.copy()
    for condition, parts in wanted.items():
        observed.loc[condition, observed.columns.isin(parts)] = np.nan
    known = np.isfinite(observed)
    for table in predicted.values():
        known &= np.isfinite(table.loc[observed.index, observed.columns])
    observed = observed.where(known)
    parts = []
    for name, table in predicted.items():
        scores = what_if(table, observed, se=se, mean=mean)
        scores.insert(0, "n_genes", known.sum(axis=1))
        scores.insert(0, "predictor", name)
        parts.append(scores.rename_axis("condition").reset_index())
    table = pd.concat(parts, ignore_index=True)
    return table[["predictor", *table.columns.drop("predictor")]]
