"""One thread pool for the whole core: `nogil` kernels by gene, single-threaded libraries."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

__all__ = ["Map", "single_threaded", "worker_pool"]

Map = Callable[..., Iterable]


def single_threaded() -> threadpool_limits:
    """Hold BLAS and OpenMP to one thread, as a context: the order of their sums is not to hang on who comes first.

    The limit is that of the libraries which are loaded by now, and for OpenMP that of the calling thread: a function
    that loads such a library itself, or may run in a worker, asks for it again.
    """
    return threadpool_limits(limits=1)


@contextmanager
def worker_pool(n_jobs: int) -> Iterator[Map]:
    """Yield an ordered ``map`` over `n_jobs` threads.

    Every task is one gene or one block of fixed size, and results come in the order of the tasks, so that no number
    depends on `n_jobs`; BLAS and OpenMP are held to one thread for the same reason (and because it is faster so).
    """
    with single_threaded():
        if n_jobs == 1:
            yield map
            return
        pool = ThreadPoolExecutor(n_jobs)
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)
