"""Arguments that cannot be: every refusal names the thing and the cure."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import argen as ag
from argen.errors import InputError

CYCLE = pd.DataFrame({"parent": ["A", "B", "C"], "child": ["B", "C", "A"], "coef": [0.1, 0.2, 0.3]})
EDGE = {"parent": ["X1"], "child": ["X2"]}

REFUSED = [
    # presets and options
    ({"preset": "paper_fig3"}, "paper_fig3.*'paper_fig2', 'paper_medium', 'k562_like'"),
    ({"rng": "seed"}, "rng='seed'.*Generator"),
    ({"rng": -1}, "rng=-1"),
    ({"guide_counts": "yes"}, "guide_counts='yes'.*True, False"),
    # sizes
    ({"genes": 0}, "genes=0"),
    ({"genes": 2.5}, "genes=2.5"),
    ({"genes": []}, "genes is empty"),
    ({"perturbations": 0}, "perturbations=0"),
    ({"n_controls": -5}, "n_controls=-5.*at least 1"),
    ({"n_controls": True}, "n_controls=True"),
    ({"cells_per_perturbation": 0}, "cells_per_perturbation=0"),
    ({"genes": 3, "cells_per_perturbation": [10, 0, 10]}, "cells_per_perturbation"),
    ({"genes": 3, "cells_per_perturbation": [10, 10]}, "cells_per_perturbation.*3 of them"),
    ({"n_cells": 0}, "n_cells=0"),
    ({"guides_per_target": 0}, "guides_per_target=0"),
    ({"control_guides": 0}, "control_guides=0"),
    ({"n_confounders": -1}, "n_confounders=-1"),
    ({"batch_covariates": {"gem": 0}}, r"batch_covariates\['gem'\]=0"),
    # networks
    ({"dag": CYCLE}, "not acyclic: .*A → B.*Take one"),
    ({"dag": np.eye(3)}, "not acyclic"),
    ({"genes": 10, "n_edges": 46}, "n_edges=46.*45 pairs"),
    ({"n_edges": 3, "n_parents": (1, 2)}, "n_parents and n_edges"),
    ({"n_parents": (3, 1)}, "n_parents"),
    ({"n_parents": 2}, "n_parents=2 is not a pair"),
    ({"dag": "dense"}, "dag='dense'.*'random'"),
    ({"dag": np.zeros((2, 3))}, r"dag has shape \(2, 3\)"),
    ({"dag": [["a", "b"], ["c", "d"]]}, "dag is neither"),
    ({"dag": 3}, "dag is neither"),
    ({"dag": pd.DataFrame({"parent": ["A"], "child": ["B"]})}, "no column 'coef'.*weight.*parent, child"),
    ({"dag": pd.DataFrame({"parent": ["A", "A"], "child": ["B", "B"], "coef": [1, 2]})}, "more than once: A → B"),
    ({"dag": pd.DataFrame({"parent": ["A"], "child": ["B"], "coef": ["much"]})}, "NaN or infinite"),
    (
        {"preset": "paper_fig2", "dag": pd.DataFrame({"parent": ["Y"], "child": ["X1"], "coef": [1]})},
        "names Y.*no gene",
    ),
    ({"preset": "paper_fig2", "genes": 5}, "dag names .*no gene"),
    ({"preset": "paper_fig2", "n_edges": 5}, "n_edges would change nothing.*dag='random'"),
    # names
    ({"genes": ["A", "B", "A"]}, "genes holds names more than once: A"),
    ({"genes": ["A", ""]}, "genes=''"),
    ({"genes": ["A", 3]}, "genes=3 is not a name"),
    ({"genes": 5, "perturbations": 6}, "perturbations=6.*genes .5."),
    ({"perturbations": ["GATA1"]}, "perturbations names GATA1"),
    ({"preset": "paper_fig2", "omit": ("X7", "X9")}, "omit names X9.*known: X1"),
    ({"omit": 7}, "omit=7 is not a list"),
    ({"genes": 2, "omit": ["G1", "G2"]}, "omit leaves no perturbed gene"),
    ({"genes": 3, "perturbations": ["G1"], "omit": "G1"}, "omit leaves no perturbed gene"),
    ({"genes": ["control", "A"]}, "called 'control'.*another name"),
    # numbers and values
    ({"depth_mean": 0}, "depth_mean=0 .*larger than 0"),
    ({"noise_sd": -0.5}, "noise_sd=-0.5"),
    ({"dispersion": (-1, 0.5)}, "dispersion"),
    ({"dispersion": np.nan}, "dispersion=nan"),
    ({"edge_effect": (0.5, 0.2)}, "edge_effect.*larger number first"),
    ({"edge_effect": [0.1, 0.2]}, "edge_effect has shape"),
    ({"knockdown": (1, 2, 3)}, "knockdown is a tuple of 3"),
    ({"knockdown": "strong"}, "knockdown='strong' is not a number"),
    ({"genes": 4, "knockdown": [-1.0, -2.0]}, r"knockdown has shape \(2,\), expected \(4,\)"),
    ({"genes": 2, "knockdown": [-1.0, np.inf]}, "knockdown holds values that are not finite"),
    ({"genes": 2, "knockdown": {"G1": -1}}, "knockdown has no value for G2"),
    ({"genes": 2, "knockdown": {"G1": -1, "G2": -1, "G3": -1}}, "knockdown names G3"),
    ({"genes": 3, "n_confounders": 2, "confounder_effect": np.ones((2, 3))}, r"\(2, 3\), expected \(3, 2\)"),
    ({"guides_per_target": 2, "guide_efficacy": [1, 0.5, 0.2]}, r"guide_efficacy has shape \(3,\), expected \(2,\)"),
    ({"intercept": 40.0}, "means explode.*smaller"),
    ({"genes": 60, "n_parents": (20, 30), "edge_effect": 2.0}, "means explode"),
    ({"off_targets": 100}, "off_targets=100.*20"),
    ({"genes": 1, "off_targets": 1}, "second gene"),
    # covariates
    ({"numeric_covariates": ["L"]}, "numeric_covariates=.*mapping"),
    ({"numeric_covariates": {"depth": 1.0}}, "cannot be called 'depth'"),
    ({"numeric_covariates": {"a/b": 1.0}}, "cannot be called 'a/b'"),
    ({"numeric_covariates": {3: 1.0}}, "covariate name=3"),
    ({"numeric_covariates": {"L": 1.0}, "batch_covariates": {"L": 2}}, "L is both"),
    # arguments that would change nothing
    ({"confounder_effect": 0.3}, "confounder_effect.*n_confounders"),
    ({"depth_log_sd": 0.3, "preset": "paper_fig2"}, "depth_log_sd.*log-normal"),
    ({"n_cells": 100, "n_controls": 50}, "n_cells.*n_controls would fix.*one or the other"),
    ({"depth_log_sd": -0.1}, "depth_log_sd=-0.1.*at least 0"),
    ({"off_target_effect": -1.0}, "off_target_effect.*off_targets"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_refused_with_its_name_and_the_cure(options, message):
    with pytest.raises(InputError, match=message):
        ag.datasets.simulate(**options)


MATRIX = np.array([[0, 0.5, 0], [0, 0, -0.3], [0, 0, 0]])


@pytest.mark.parametrize(
    "dag",
    [
        MATRIX,
        MATRIX.tolist(),
        sparse.csc_matrix(MATRIX),
        sparse.coo_array(MATRIX),
        pd.DataFrame(MATRIX, index=["G1", "G2", "G3"], columns=["G1", "G2", "G3"]),
        pd.DataFrame({"source": ["G1", "G2"], "target": ["G2", "G3"], "weight": [0.5, -0.3]}),
        pd.DataFrame({"from": ["G1", "G2", "G1"], "to": ["G2", "G3", "G3"], "coef": [0.5, -0.3, 0.0]}),
    ],
    ids=["dense", "list", "csc", "coo array", "labelled", "decoupler", "from-to with a zero"],
)
def test_a_network_may_come_in_many_forms(dag):
    adata = ag.datasets.simulate(dag=dag)
    assert adata.var_names.tolist() == ["G1", "G2", "G3"]
    np.testing.assert_array_equal(adata.varp["truth"].toarray(), MATRIX)


def test_a_labelled_network_goes_by_its_labels():
    labelled = pd.DataFrame(MATRIX, index=["G1", "G2", "G3"], columns=["G1", "G2", "G3"])
    adata = ag.datasets.simulate(
        genes=["G3", "G2", "G1", "G0"], dag=labelled.loc[["G2", "G1", "G3"], ["G2", "G1", "G3"]]
    )
    truth = pd.DataFrame(adata.varp["truth"].toarray(), index=adata.var_names, columns=adata.var_names)
    np.testing.assert_array_equal(truth.loc[["G1", "G2", "G3"], ["G1", "G2", "G3"]], MATRIX)
    assert truth.abs().sum().sum() == pytest.approx(0.8)


def test_an_empty_network_and_a_random_one_in_place_of_the_presets():
    assert ag.datasets.simulate(n_edges=0).varp["truth"].nnz == 0
    adata = ag.datasets.simulate("paper_fig2", dag="random", genes=12, n_edges=30, n_cells=100)
    assert adata.varp["truth"].nnz == 30


def test_a_preset_with_the_other_assignment():
    adata = ag.datasets.simulate("paper_fig2", n_controls=100, cells_per_perturbation=10)
    assert adata.n_obs == 180
    assert ag.datasets.simulate("paper_medium", genes=5, n_cells=200).n_obs == 200


def test_given_arrays_are_not_changed():
    values = np.full(20, -1.0)
    values.flags.writeable = False
    ag.datasets.simulate(knockdown=values, intercept=values)
