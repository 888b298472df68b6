"""A real cluster of two processes: the bits of threads, whatever dies on the way."""

import os
import pickle
import signal
import subprocess
import sys
from threading import Thread

import anndata as ad
import cluster_tasks
import numpy as np
import pytest
from cluster_screens import analysed, blocks, equations, screen
from scipy import sparse
from threadpoolctl import threadpool_info
from toy import KWARGS, assert_same

import argen as ag
from argen._bridge import log
from argen._bridge.cluster import dask_map, remote
from argen._bridge.cluster.checkpoint import Checkpoint
from argen._bridge.cluster.versions import versions
from argen._bridge.cluster.workers import Backend, workers
from argen._core.counts import GeneCounts
from argen._core.parallel import BlockTask
from argen.errors import ClusterError, CountsError, InputError

FITS = "argen._core.descendants.tests._dispersion_and_fits"


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    return tmp_path_factory.mktemp("ends")


@pytest.fixture(scope="module")
def cluster(ends):
    from distributed import LocalCluster

    os.environ[cluster_tasks.FOLDER] = str(ends)  # before the workers start, which inherit it
    size = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with LocalCluster(**size, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster:
        yield cluster
    del os.environ[cluster_tasks.FOLDER]


@pytest.fixture
def client(cluster):
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
        yield client


@pytest.fixture(scope="module")
def on_threads():
    return analysed(client=False)


def test_all_tools_have_the_bits_of_threads(client):
    def all_tools(client, n_jobs):
        adata, how = screen(), {"client": client, "n_jobs": n_jobs}
        ag.tl.argen_dag(adata, first_stage="ancestors", family="negative_binomial", **KWARGS | how)
        ag.tl.argen_responders(adata, **how)
        ag.tl.argen_joint(adata, chains=3, **how)
        ag.tl.argen_responders(adata, network="argen_joint", key_added="of_joint", **how)
        return adata

    assert_same(all_tools(client, 1), all_tools(False, 2))


@pytest.mark.parametrize("covariance", ["murphy-topel", "stacked"])
@pytest.mark.parametrize("first_stage", ["shrunk", "shared"])
def test_equations_are_solved_on_workers_with_the_bits_of_threads(client, monkeypatch, first_stage, covariance):
    """Those of responders whole, those of the nodes tested there, where the reduced forms hang on each other too."""
    monkeypatch.setattr("argen._bridge.responders.blocks.GENES_PER_BLOCK", 3)
    went, results = set(), dask_map.DaskBlocks.results

    def seen(self, task, blocks):
        went.add(task.function.__name__)
        return results(self, task, blocks)

    monkeypatch.setattr(dask_map.DaskBlocks, "results", seen)
    how = {"first_stage": first_stage, "covariance": covariance}
    assert_same(equations(client=client, n_jobs=1, **how), equations(client=False, n_jobs=2, **how))
    assert {"_instruments", "_equation", "_saturated_form"} <= went


def test_blocks_of_responders_of_a_joint_network_are_tasks(client, monkeypatch):
    monkeypatch.setattr("argen._bridge.responders.joint.GENES_PER_BLOCK", 2)
    adata = screen()
    ag.tl.argen_descendants(adata, **KWARGS | {"client": False}, responders="all")
    ag.tl.argen_joint(adata, chains=2, client=False)
    ran_there, run = [], dask_map.DaskBlocks.results
    monkeypatch.setattr(
        dask_map.DaskBlocks, "results", lambda self, task, blocks: ran_there.append(task) or run(self, task, blocks)
    )
    results = [
        ag.tl.argen_responders(adata, network="argen_joint", client=where, n_jobs=n_jobs, copy=True)
        for where, n_jobs in ((client, 1), (False, 1), (False, 2))
    ]
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])
    assert "_edges_of_block" in {task.function.__name__ for task in ran_there}


def test_data_and_options_are_sent_once(client, monkeypatch):
    """Options that stay the same while tasks take turns, such as first stages, too."""
    sent, scatter = [], client.scatter
    monkeypatch.setattr(client, "scatter", lambda values, **how: sent.append(values[0].value) or scatter(values, **how))
    first, second = {"but": 100}, {"but": 200}
    with workers(1, Backend(client)) as map_:
        for data in (2, 3):
            for options in (first, second, first):
                found = list(map_(BlockTask(cluster_tasks.squared, data, options), range(9)))
                assert found == [data * i**2 for i in range(9)]
    assert sent == [2, first, second, 3]


def test_contract_of_the_map(client):
    items = list(range(21))
    with workers(1, Backend(client)) as map_:
        assert list(map_(BlockTask(cluster_tasks.squared, 2), items)) == [2 * i**2 for i in items]
        by_two, by_three = (map_(BlockTask(cluster_tasks.squared, k), items) for k in (2, 3))
        assert list(zip(by_two, by_three, strict=True)) == [(2 * i**2, 3 * i**2) for i in items]  # at the same time
        places = list(map_(BlockTask(cluster_tasks.where, None), items))
        assert {pid for pid, _ in places} == set(client.run(os.getpid).values())
        assert {n for _, n in places} == {1}
        odd = (np.ones(3, dtype=bool), np.arange(9.0))  # the second one after three bytes
        for there, back in map_(BlockTask(cluster_tasks.aligned, odd, {"options": odd}), [odd] * 3):
            assert there
            assert back[1].flags.aligned
        assert list(map_(lambda a, b: a + b, [1, 2], [3, 4])) == [4, 6]  # no block task: here
        assert next(iter(map_(BlockTask(cluster_tasks.where, None), [0])))[0] == os.getpid()  # one alone: here
        with pytest.raises(LookupError, match="no 13"):
            list(map_(BlockTask(cluster_tasks.squared, 2, {"but": 13}), items))


def test_the_active_client_is_used_but_not_within_a_worker(cluster):
    from distributed import Client

    with Client(cluster) as client:
        assert dask_map.find_client(None) is client
        assert dask_map.find_client(False) is None
        assert not client.submit(cluster_tasks.finds_a_client, pure=False).result()
    assert dask_map.find_client(None) is None
    with pytest.raises(InputError, match="closed"):
        dask_map.find_client(client)
    with pytest.raises(InputError, match=r"'somewhere'.*distributed\.Client"):
        dask_map.find_client("somewhere")


@pytest.mark.parametrize("task", [cluster_tasks.ends_a_worker, cluster_tasks.ends_all_workers])
def test_workers_that_are_killed_midway_cost_no_number(client, on_threads, ends, monkeypatch, task):
    before = client.run(os.getpid).values()
    name = "one" if task is cluster_tasks.ends_a_worker else "all"
    (ends / name).write_text(" ".join(map(str, before)))
    monkeypatch.setattr(FITS, task)
    assert_same(analysed(client=client), on_threads)
    assert [path.name.partition("-")[0] for path in ends.glob(f"{name}*")] == [name]
    assert not (ends / name).exists()
    (killer,) = ends.glob(f"{name}-*")
    killer.unlink()


def test_a_block_that_kills_whoever_takes_it(client, cluster, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)  # the first death is one too many
    with (
        pytest.raises(ClusterError, match="died again and again on the same blocks of genes"),
        workers(1, Backend(client)) as map_,
    ):
        list(map_(BlockTask(cluster_tasks.always_ends, None), range(2)))


KILLED = """
import os, signal, sys
from distributed import Client
from argen._bridge.cluster.checkpoint import Checkpoint
from cluster_screens import analysed
write, written = Checkpoint.write, []

def then_die(self, name, results):
    write(self, name, results)
    written.append(name)
    if len(written) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

Checkpoint.write = then_die
if __name__ == "__main__":
    with Client(sys.argv[1], set_as_default=False) as client:
        analysed(client=client, checkpoint=sys.argv[2])
"""


def test_a_client_that_is_killed_takes_up_where_it_was(client, on_threads, tmp_path, capsys):
    folder = tmp_path / "kept"
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    command = [sys.executable, str(script), client.scheduler.address, str(folder)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert len(list(folder.glob("*.block"))) == 5
    with log.shown(2):
        assert_same(analysed(client=client, checkpoint=folder), on_threads)
    n_read, n_computed = blocks(capsys.readouterr().err)
    assert (n_read, n_read + n_computed) == (5, len(list(folder.glob("*.block"))))
    with log.shown(2):
        assert_same(analysed(client=False, checkpoint=folder), on_threads)  # threads read what a cluster wrote
    assert blocks(capsys.readouterr().err) == (n_read + n_computed, 0)


def test_an_interrupted_run_changes_nothing_and_can_go_on(client, on_threads, tmp_path, monkeypatch, capsys):
    write = Checkpoint.write

    def interrupted(self, name, results):
        write(self, name, results)
        if self.n_computed == 3:
            signal.raise_signal(signal.SIGINT)

    adata = screen()
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ag.tl.argen_descendants(adata, **KWARGS, client=client, checkpoint=tmp_path)
    signal.signal(signal.SIGINT, handler)
    assert_same(adata, screen())
    capsys.readouterr()
    with log.shown(2):
        ag.tl.argen_descendants(adata, **KWARGS, client=client, checkpoint=tmp_path)
    assert blocks(capsys.readouterr().err)[0] == 3
    assert_same(adata, on_threads)


def test_a_count_that_is_none_is_said_before_any_work(client, tmp_path):
    adata = screen()
    last = adata.X.tolil()
    last[-1, -1] = 0.5
    adata.X = last.tocsr()
    before = adata.copy()
    with pytest.raises(CountsError):
        ag.tl.argen_descendants(adata, **KWARGS, client=client, checkpoint=tmp_path / "kept")
    assert_same(adata, before)
    assert not (tmp_path / "kept").exists()


def test_workers_with_other_versions_are_refused(client, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(dask_map, "versions", lambda: versions() | {"numba": "0.1"})
        with pytest.raises(InputError, match=r"Worker tcp://\S+ of the cluster has numba .*, this process numba 0\.1"):
            analysed(client=client)
    with monkeypatch.context() as patch:
        patch.setattr(dask_map, "_ARGEN", "no_argen_here:__version__")
        with pytest.raises(InputError, match=r"cannot import argen \(No module named 'no_argen_here'\)"):
            analysed(client=client)
    late = remote.Rest(cluster_tasks.squared, versions() | {"code": "another"})
    with pytest.raises(InputError, match="another source of argen"):  # as in a worker that joined later
        remote.run_block(*map(remote.Parcel, (1, {})), late, remote.Parcel([1]))


def test_one_thread_until_the_last_task_ends():
    def most():
        return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")

    before, seen = most(), []
    first, second = remote._one_thread(), remote._one_thread()
    first.__enter__()
    other = Thread(target=lambda: (second.__enter__(), seen.append(most())))
    other.start()
    other.join()
    first.__exit__(None, None, None)
    seen.append(most())
    second.__exit__(None, None, None)
    assert np.array_equal(seen, [1, 1])
    assert most() == before


def test_workers_read_counts_from_the_files_of_the_client(client, tmp_path):
    """From a file that is larger than its limit would like: the bits of memory, and the counts beside the blocks."""
    adata = screen()
    expected = analysed(n_jobs=1)
    adata.write_h5ad(tmp_path / "x.h5ad")
    disk = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    how = {"client": client, "checkpoint": tmp_path / "kept", "memory_limit": "300MB"}
    ag.tl.argen_descendants(disk, **KWARGS | how)
    assert disk.uns["argen_descendants"]["id"] == expected.uns["argen_descendants"]["id"]
    (counts,) = (tmp_path / "kept" / "counts").iterdir()
    assert (counts / "index.json").is_file()
    disk.file.close()


def test_a_screen_is_sent_with_its_own_genes_alone():
    """A store of all genes of the object stays where it is."""
    whole = sparse.random_array((400, 300), density=0.5, format="csc", rng=np.random.default_rng(0))
    counts = GeneCounts.of_matrix(whole).of_genes([7, 250])
    sent = pickle.dumps(counts)
    assert len(sent) < 20_000 < len(pickle.dumps(whole))
    back = pickle.loads(sent)
    np.testing.assert_array_equal(back.matrix().toarray(), counts.matrix().toarray())
    assert back.content_digest() == counts.content_digest() != GeneCounts.of_matrix(whole).content_digest()
