"""The same bits on a busy machine and with any number of threads."""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
from screens import random_screen

from argen._core.dag.search import search_dag
from argen._core.descendants.tests import fit_descendants
from argen._core.parallel import worker_pool
from argen._core.results import Relation

REPEATS = 12  # without the limits, one fit in two differs from the others


@contextmanager
def busy_machine(n=2):
    """Other processes that want every processor, so that threads finish in any order."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def bits(dag):
    return tuple(part.tobytes() for e in dag.equations for part in (e.coef, e.se))


def test_over_identified_equations_under_load():
    """No pool around the search, as in a user's own script of the core, and pools of several sizes."""
    screen = random_screen(21, n=6000, levels=30, numeric=1, log_mean=0.0).screen
    tests = fit_descendants(screen)
    relation = np.zeros((4, 4), dtype=bool)
    relation[[0, 1, 2, 1], [1, 2, 3, 3]] = True
    relation = Relation(np.full((4, 4), np.nan), relation, relation, np.empty((0, 2), dtype=int), ())

    def search(covariance, map_=map):
        return search_dag(
            screen, tests, relation, first_stage="ancestors", covariance=covariance, alpha=0.05, map_=map_
        )

    seen = {covariance: set() for covariance in ("stacked", "murphy-topel")}
    with busy_machine():
        for covariance, results in seen.items():
            dags = [search(covariance) for _ in range(REPEATS)]
            for n_jobs in (1, 2, 3):
                with worker_pool(n_jobs) as map_:
                    dags.append(search(covariance, map_))
            assert sum(e.general for e in dags[0].equations) >= 2
            results.update(map(bits, dags))
    assert [len(results) for results in seen.values()] == [1, 1]
