"""Networks of SDCD on the screens that ``networks.py screens FOLDER`` wrote, as ``FOLDER/sdcd*.csv``.

Runs in an environment with SDCD and without argen; see ``networks.py`` for the commands. Its usual settings but for the
number of epochs: 400 in either stage instead of 2,000, with the penalty of cycles rising five times as fast, so that it
ends where it usually does. With 2,000 a screen takes more than ten minutes of processor time.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["WANDB_MODE"] = "disabled"
EPOCHS = {"stage1_kwargs": {"n_epochs": 400}, "stage2_kwargs": {"n_epochs": 400, "gamma_increment": 0.025}}


def main(folder: Path) -> None:
    """Write the edges of every screen."""
    from sdcd.models import SDCD
    from sdcd.utils import create_intervention_dataset

    for path in sorted(folder.glob("screen*.npz")):
        data, start = np.load(path), time.perf_counter()
        cells = pd.DataFrame(data["z"].astype(np.float32))
        cells["perturbation_label"] = ["obs" if gene < 0 else int(gene) for gene in data["perturbation"]]
        model = SDCD()
        dataset = create_intervention_dataset(cells, perturbation_colname="perturbation_label")
        model.train(dataset, finetune=True, **EPOCHS)
        adjacency, genes = model.get_adjacency_matrix(threshold=True), data["genes"]
        source, target = np.nonzero(adjacency)
        edges = pd.DataFrame({"source": genes[source], "target": genes[target]})
        edges.to_csv(folder / path.name.replace("screen", "sdcd").replace(".npz", ".csv"), index=False)
        print(f"{path.name}: {len(edges)} edges, {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
