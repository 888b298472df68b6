"""Blocks of items on the workers of a ``dask.distributed`` client."""

import pkgutil
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from itertools import islice
from typing import TYPE_CHECKING, Any

from argen._bridge import log
from argen._bridge.cluster.remote import Parcel, Rest, check_versions, own_versions, run_block
from argen._bridge.cluster.versions import versions
from argen._core.parallel import BlockTask
from argen.errors import ClusterError, InputError

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskBlocks", "find_client"]

_ARGEN = "argen:__version__"
# Blocks with what will be their results, in order.
_Flying = deque[tuple[Sequence[Any], "Future"]]
RETRIES = 3
# Blocks that are computed or wait for it: enough for a cluster that grows with its queue, few enough for the memory of
# the client, which holds their results until their turn comes.
IN_FLIGHT = 16
# How many are on the workers at a time. Tasks of two kinds may take turns, with large options that stay the same.
_KEPT = {"data": 1, "options": 2}


def find_client(client: "Client | bool | None") -> "Client | None":
    """The client to use: the one that was given, or the active one of this process; None is threads.

    ``distributed`` is never imported here: whoever has a client has imported it. A task of dask that calls argen stays
    in its worker, since a worker that waits for others can be what these wait for.
    """
    if client is False:
        return None
    distributed = sys.modules.get("distributed")
    if client is None:
        return _active(distributed) if distributed is not None else None
    if distributed is None or not isinstance(client, distributed.Client):
        msg = f"client={client!r}: give a distributed.Client, None for the active one, or False for threads."
        raise InputError(msg)
    if client.asynchronous or client.status != "running":
        what = "asynchronous" if client.asynchronous else client.status
        msg = f"client={client!r} is {what}: give one that is connected and not asynchronous."
        raise InputError(msg)
    return client


def _active(distributed: Any) -> "Client | None":
    try:
        distributed.get_worker()
    except ValueError:
        pass
    else:
        return None
    try:
        client = distributed.client.default_client()
    except ValueError:  # there is none
        return None
    return None if client.asynchronous or client.status != "running" else client


class DaskBlocks:
    """Computes blocks on a cluster; data and options of a task go there once, to all workers.

    Parameters
    ----------
    client
        Connected; its workers must have what this process has.

    Raises
    ------
    InputError
        They have not; checked now, and again by every worker that joins later.
    """

    def __init__(self, client: "Client") -> None:
        self._client = client
        self._sent: dict[str, list[tuple[Any, Future]]] = {kind: [] for kind in _KEPT}
        self._flying: list[_Flying] = []  # of every map that is not at its end: one may be asked for within another
        self._check_workers()

    def results(self, task: BlockTask, blocks: Iterable[Sequence[Any]]) -> Iterator[list]:
        """Results of the blocks, in their order; not many blocks are on their way at a time.

        A worker that dies costs its blocks, which others do again. If the data are lost with all workers that had them,
        they are sent again.
        """
        todo, lost = iter(blocks), 0
        flying: _Flying = deque()
        self._flying.append(flying)
        while True:
            self._fill(task, todo, flying)
            if not flying:
                return
            try:
                found = self._result(flying[0][1])
            except CancelledError as error:  # the data are gone with the workers that had them
                lost += 1
                if lost > RETRIES:
                    raise _died(error) from error
                self._send_again(task, flying)
            else:
                lost = 0
                flying.popleft()
                yield found

    def close(self) -> None:
        """Stop what is on its way, and take the data from the workers."""
        self._client.cancel([future for flying in self._flying for _, future in flying])
        self._flying.clear()
        self._forget()

    def _fill(self, task: BlockTask, todo: Iterator[Sequence[Any]], flying: _Flying) -> None:
        most = max(IN_FLIGHT, 2 * sum(self._client.nthreads().values()))
        for block in islice(todo, max(0, most - len(flying))):
            flying.append((block, self._submit(task, block)))

    def _submit(self, task: BlockTask, block: Sequence[Any]) -> "Future":
        data, options = self._on_workers("data", task.data), self._on_workers("options", task.options)
        rest = Rest(task.function, versions())
        return self._client.submit(run_block, data, options, rest, Parcel(block), pure=False, retries=RETRIES)

    def _result(self, future: "Future") -> list:
        from distributed import KilledWorker

        try:
            return future.result().value
        except KilledWorker as error:
            raise _died(error) from error

    def _on_workers(self, kind: str, value: Any) -> "Future":
        """Where a value is on the cluster, sent unless it is there; what was sent of this kind before may go."""
        there = next((pair for pair in self._sent[kind] if pair[0] is value), None)
        others = [pair for pair in self._sent[kind] if pair[0] is not value][: _KEPT[kind] - 1]
        self._sent[kind] = others  # what has to go goes before what takes its place
        if there is None:
            self._wait()
            there = value, *self._client.scatter([Parcel(value)], broadcast=True, hash=False)
        self._sent[kind] = [there, *others]
        return there[1]

    def _forget(self) -> None:
        self._sent = {kind: [] for kind in _KEPT}

    def _send_again(self, task: BlockTask, flying: _Flying) -> None:
        blocks = [block for block, _ in flying]
        self._client.cancel([future for _, future in flying])
        self._forget()
        flying.clear()
        flying.extend((block, self._submit(task, block)) for block in blocks)

    def _wait(self) -> None:
        if not self._client.nthreads():
            log.info("    waiting for a worker of the cluster")
            self._client.wait_for_workers(1)

    def _check_workers(self) -> None:
        """Ask the workers that are there: an environment that does not fit is said before the work."""
        here = versions()
        try:
            self._client.run(pkgutil.resolve_name, _ARGEN)  # argen's own functions could not be sent without it
            answers = self._client.run(own_versions)
        except ImportError as error:
            msg = (
                f"The workers of the cluster cannot import argen ({error}). Install it there, or run on threads with "
                "client=False."
            )
            raise InputError(msg) from error
        for worker, there in sorted(answers.items()):
            check_versions(here, there, f"Worker {worker}")


def _died(error: Exception) -> ClusterError:
    return ClusterError(
        f"Workers died again and again on the same blocks of genes, mostly for want of memory ({error}). Give the "
        "workers more memory, or fewer threads each; finished blocks of a checkpoint are kept."
    )
