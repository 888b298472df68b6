"""Which words are taken for controls, and how values become texts."""

import numpy as np
import pandas as pd
import pytest

from argen._bridge.guides.names import clean_text, looks_like_control

CONTROLS = """non-targeting Non_Targeting nontargeting NON-TARGETING_00025 non-target no-target NT NT1 NT-12 NTg3 NTC
    NTC_4 NTsgRNA1 control Control controls ctrl CTRL Ctrl_3 negctrl neg_ctrl negative negative_control Neg
    safe-targeting safe_targeting_7 safe-harbor scramble scrambled scrambled_2 non-targeting-control NT_guide_2"""
TARGETS = """STAT1 NT5E NT5C2 NTRK1 NTS NTN1 CONTROLLER CTRB1 SCRIB NEGR1 SAFB TARGET AAVS1 NTHL1 MYC-enh
    STAT1+ctrl A_ctrl notch1 NTF3"""


@pytest.mark.parametrize("name", CONTROLS.split())
def test_usual_spellings_of_controls(name):
    assert looks_like_control(name)


@pytest.mark.parametrize("name", TARGETS.split())
def test_genes_and_combinations_are_no_controls(name):
    assert not looks_like_control(name)


@pytest.mark.parametrize(
    ("values", "codes", "names"),
    [
        (["b", "a", " b"], [1, 0, 1], ["a", "b"]),
        ([2, 10, 2], [1, 0, 1], ["10", "2"]),
        ([2.0, np.nan, 1.0], [1, -1, 0], ["1", "2"]),
        ([0.5, 1.0], [0, 1], ["0.5", "1.0"]),
        ([True, False], [1, 0], ["False", "True"]),
        (["a", None, "", "nan", "<NA>", "None"], [0, -1, -1, -1, -1, -1], ["a"]),
        (["1", 1, "a"], [0, 0, 1], ["1", "a"]),
        ([np.nan, np.nan], [-1, -1], []),
        ([], [], []),
    ],
)
def test_texts_of_values(values, codes, names):
    found, texts = clean_text(pd.Series(values))
    assert found.tolist() == codes
    assert texts == names
    assert clean_text(pd.Series(values).astype("category"))[0].tolist() == codes
