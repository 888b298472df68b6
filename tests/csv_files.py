"""CSV files as pandas reads them without losing a digit."""

import pandas as pd

# From pandas 3.1 on every reader is exact, and the argument that asks for it deprecated.
EXACT = {} if tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1) else {"float_precision": "round_trip"}


def read_exact(path, **options):
    return pd.read_csv(path, **EXACT, **options)
