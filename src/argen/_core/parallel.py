"""One thread pool for the whole core: `nogil` kernels by gene, single-threaded libraries."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from threadpoolctl import threadpool_limits

__all__ = ["BlockTask", "Map", "single_threaded", "worker_pool"]

Map = Callable[..., Iterable]


@dataclass(frozen=True, slots=True)
class BlockTask:
    """A task that may run in another process, and whose results may be kept in files.

    Every map takes it as the function that it is. One that has a cluster sends `data` there once and then blocks of
    items; one that has a checkpoint names a block by what all of this holds. Whatever is no block task runs on threads.

    Attributes
    ----------
    function
        Of a module, not a closure: ``function(data, item, **options)``, whose result depends on nothing else.
    data
        What all items share, mostly a :class:`~argen._core.screen.Screen`.
    options
        Arguments by name.
    per_block
        Items of a block. It is fixed: no number, and no file, depends on how many workers there are.
    """

    function: Callable[..., Any]
    data: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    per_block: int = 8

    def __call__(self, item: Any) -> Any:
        return self.function(self.data, item, **self.options)


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
