"""The map of a tool: threads or a cluster, with or without a checkpoint."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argen._bridge import log
from argen._bridge.cluster.checkpoint import COUNTS, Checkpoint, Run
from argen._bridge.cluster.dask_map import DaskBlocks, find_client
from argen._bridge.memory_limit import read_limit, reading_with
from argen._bridge.runtime import resolve_n_jobs
from argen._bridge.validate import counted
from argen._core.parallel import BlockTask, Map, worker_pool
from argen.errors import InputError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["HERE", "Backend", "Run", "workers"]

Blocks = Iterable[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Backend:
    """Where block tasks run, and where finished blocks are kept: threads, and nowhere, unless something is named.

    Attributes
    ----------
    client
        ``distributed.Client`` or None.
    checkpoint
        Folder or None.
    memory_limit
        Bytes that counts on disk may take while they are laid out; None for the usual.
    """

    client: "Client | None" = None
    checkpoint: Path | None = None
    memory_limit: int | None = None

    @classmethod
    def read(
        cls, client: "Client | bool | None", checkpoint: "str | Path | None", memory_limit: "str | float | None"
    ) -> "Backend":
        """The arguments that a user gave, checked."""
        if checkpoint is not None and (not isinstance(checkpoint, str | Path) or str(checkpoint) == ""):
            msg = f"checkpoint={checkpoint!r}: give the path of a folder, or None."
            raise InputError(msg)
        if checkpoint is not None and Path(checkpoint).is_file():
            msg = f"checkpoint={str(checkpoint)!r} is a file: give the path of a folder, which is made if need be."
            raise InputError(msg)
        folder = None if checkpoint is None else Path(checkpoint)
        return cls(find_client(client), folder, None if memory_limit is None else read_limit(memory_limit))

    def reading(self) -> AbstractContextManager[None]:
        """While counts on disk are read: they are laid out in the folder of the checkpoint, which all workers see."""
        return reading_with(self.memory_limit, None if self.checkpoint is None else self.checkpoint / COUNTS)


HERE = Backend()


@contextmanager
def workers(n_jobs: int | None, backend: Backend = HERE, run: Run | None = None) -> Iterator[Map]:
    """Yield an ordered ``map`` with the contract of :func:`~argen._core.parallel.worker_pool`.

    A :class:`~argen._core.parallel.BlockTask` over more than one item runs on the client of `backend` if it has one,
    and its blocks are kept if it has a checkpoint. Everything else (closures, which would drag what they hold along;
    tasks within tasks; single items, of which there is nothing to share) runs on `n_jobs` threads. Items of a block
    task are looked at once the results are asked for, results come in the order of the items and an exception of a task
    as it is. Numbers depend on none of this.

    Parameters
    ----------
    n_jobs
        Threads, as a user gives them.
    backend
        Client and checkpoint.
    run
        The step that a checkpoint is opened for.
    """
    with worker_pool(resolve_n_jobs(n_jobs)) as threads:
        kept = None if backend.checkpoint is None or run is None else Checkpoint(backend.checkpoint, run)
        remote = None if backend.client is None else DaskBlocks(backend.client)
        if remote is None and kept is None:
            yield threads
            return
        try:
            yield _Mixed(threads, remote, kept)
        finally:
            if remote is not None:
                remote.close()
            if kept is not None and (kept.n_read or kept.n_computed):
                log.info(f"    checkpoint: {counted(kept.n_read, 'block')} read, {kept.n_computed} computed")


@dataclass(frozen=True, slots=True)
class _Mixed:
    """A map that sends every task where it belongs."""

    threads: Map
    remote: DaskBlocks | None
    kept: Checkpoint | None

    def __call__(self, function: Callable, *iterables: Iterable) -> Iterable:
        if not isinstance(function, BlockTask) or len(iterables) != 1:
            return self.threads(function, *iterables)
        return self._results(function, list(iterables[0]))

    def _results(self, task: BlockTask, items: list) -> Iterator:
        blocks = [items[lo : lo + task.per_block] for lo in range(0, len(items), task.per_block)]
        is_remote = self.remote is not None and len(items) > 1
        compute = self.remote.results if is_remote else self._on_threads
        found = compute(task, blocks) if self.kept is None else _with_checkpoint(task, blocks, compute, self.kept)
        for block in found:
            yield from block

    def _on_threads(self, task: BlockTask, blocks: Blocks) -> Iterator[list]:
        """Item by item, since there may be more threads than blocks."""
        blocks = list(blocks)
        results = iter(self.threads(task, [item for block in blocks for item in block]))
        for block in blocks:
            yield list(islice(results, len(block)))


def _with_checkpoint(task: BlockTask, blocks: list, compute: Callable, kept: Checkpoint) -> Iterator[list]:
    """Blocks that are kept are read when their turn comes, the others computed, and kept before they are handed on."""
    names = [kept.name_of(task, block) for block in blocks]
    is_there = [(kept.folder / name).exists() for name in names]
    missing = compute(task, [block for block, there in zip(blocks, is_there, strict=True) if not there])
    for name, block, there in zip(names, blocks, is_there, strict=True):
        found = kept.read(name) if there else next(missing)
        if found is None:  # taken away since it was seen
            found, there = [task(item) for item in block], False
        if not there:
            kept.write(name, found)
        yield found
