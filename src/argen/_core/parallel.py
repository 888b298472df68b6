"""One thread pool for the whole core: `nogil` kernels by gene, single-threaded libraries."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

__all__ = ["Map", "worker_pool"]

Map = Callable[..., Iterable]


@contextmanager
def worker_pool(n_jobs: int) -> Iterator[Map]:
    """Yield an ordered ``map`` over `n_jobs` threads.

    Every task is one gene or one block of fixed size, and results come in the order of the tasks, so that no number
    depends on `n_jobs`; BLAS and OpenMP are held to one thread for the same reason (and because it is faster so).
    """
    with threadpool_limits(limits=1):
        if n_jobs == 1:
            yield map
            return
        pool = ThreadPoolExecutor(n_jobs)
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)
