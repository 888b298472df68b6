"""How good predictions of perturbations are: the numbers that the field reports."""

import numpy as np
import pandas as pd

from argen._bridge.validate import name_some
from argen._core.predict.scores import SCORES, Responses, score_responses
from argen.errors import InputError

__all__ = ["what_if"]


def what_if(
    predicted: pd.DataFrame,
    observed: pd.DataFrame,
    *,
    se: pd.DataFrame | None = None,
    mean: pd.Series | None = None,
    significant: pd.DataFrame | None = None,
) -> pd.DataFrame:
    r"""Compare predicted responses to perturbations with observed ones.

    All tables are conditions × genes, log fold changes against the controls. For a condition with the observed
    response :math:`d`, the predicted one :math:`x`, and the mean response :math:`m` of all perturbations, over the
    genes that have all three:

    ====================  =================================================================================
    score                 what it is
    ====================  =================================================================================
    ``pearson``           correlation of :math:`x` and :math:`d` over the genes
    ``cosine``            the same without taking out their means
    ``pearson_mean``      correlation of :math:`x - m` and :math:`d - m`: what is particular to the condition
    ``cosine_mean``       the same without taking out their means
    ``rmse``              :math:`\sqrt{\overline{(x - d)^2}}`
    ``weighted_rmse``     :math:`\sqrt{\sum_j w_j (x_j - d_j)^2}` with :math:`w_j \propto \min(z_j^2, 100)`, the squared
                          ratio of :math:`d` and its standard error: differential genes count
    ``weighted_r2``       :math:`1 - \sum w (x - d)^2 / \sum w (m - d)^2`: 0 is as good as the mean of the
                          perturbations, below 0 worse
    ``direction``         share of the significant genes whose sign is right; a prediction of 0 has none
    ``discrimination``    share of the other conditions whose observed response is farther from :math:`x` (mean
                          absolute distance): 1 is best, .5 chance
    ``retrieval``         share of the other conditions whose *predicted* response is less like :math:`d` (cosine of the
                          deviations from :math:`m`): 1 is best, .5 chance
    ====================  =================================================================================

    Correlations against controls are high for anything that all perturbations share, and errors over all genes are
    small for a prediction of no change: those with ``_mean``, the weighted ones and the last two are not
    deceived by that. Give the same table of baselines: zeros, ``mean`` in every row, the sum of single perturbations;
    predictions shuffled among the conditions; and other cells of the same conditions, which is as good as it gets.

    Parameters
    ----------
    predicted, observed
        Conditions × genes; those of `observed` count, and all have to be in `predicted`. Missing values are left out.
    se
        Standard errors of `observed`. Default: weights are equal.
    mean
        Mean response by gene, such as that of the perturbations that the predictor was given. Default: the mean of
        `observed`, which a predictor cannot know.
    significant
        Which genes differ from the controls. Default: ``|observed / se| > 3``; without `se` none.

    Returns
    -------
    One row per condition, one column per score.

    Raises
    ------
    argen.errors.InputError
        Conditions or genes of `observed` that another table does not have; duplicate labels.

    See Also
    --------
    what_if_screen : makes predictions for cells that were held out, with baselines and controls.

    Examples
    --------
    >>> import pandas as pd
    >>> import argen as ag
    >>> observed = pd.DataFrame({"A": [-1.0, 0.1], "B": [0.5, -0.8], "C": [0.2, 0.3]}, index=["x", "y"])
    >>> ag.metrics.what_if(0.9 * observed, observed)["discrimination"].tolist()
    [1.0, 1.0]
    """
    _check_labels("observed", observed)

    def like(name: str, table: pd.DataFrame) -> np.ndarray:
        _check_labels(name, table)
        absent = [*observed.index.difference(table.index), *observed.columns.difference(table.columns)]
        if absent:
            msg = f"{name} lacks conditions or genes of observed: {name_some(map(repr, absent))}."
            raise InputError(msg)
        return table.loc[observed.index, observed.columns].to_numpy()

    values = observed.to_numpy(np.float64)
    if se is None:
        z = np.full(values.shape, np.nan)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            z = values / like("se", se).astype(np.float64)
    moved = np.abs(z) > _SIGNIFICANT_Z if significant is None else like("significant", significant).astype(bool)
    if mean is None:
        centre = observed.mean().to_numpy(np.float64)
    else:
        centre = mean.reindex(observed.columns).to_numpy(np.float64)
    responses = Responses(like("predicted", predicted).astype(np.float64), values, centre, z, moved)
    return pd.DataFrame(score_responses(responses), index=observed.index, columns=list(SCORES))


_SIGNIFICANT_Z = 3.0


def _check_labels(name: str, table: object) -> None:
    if not isinstance(table, pd.DataFrame):
        msg = f"{name} has to be a DataFrame of conditions × genes, not {type(table).__name__}."
        raise InputError(msg)
    if not (table.index.is_unique and table.columns.is_unique):
        msg = f"{name} has conditions or genes twice: {name_some(table.index[table.index.duplicated()])}."
        raise InputError(msg)
