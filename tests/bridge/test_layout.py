"""Counts on disk are laid out by genes in one pass: what is refused, what is left, what is found again."""

import errno
import gc
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy import sparse
from toy import KWARGS, assert_same, set_count, toy

import argen as ag
from argen._bridge import layout, leftovers, memory_limit, row_sources
from argen._bridge.counts import read_counts
from argen._bridge.leftovers import OWNER, own
from argen._bridge.memory_limit import LEAST, read_limit, reading_with, scratch_folder
from argen._core import stored_counts
from argen.errors import CountsError, InputError


@pytest.fixture
def small_pieces(monkeypatch):
    """Pieces of about forty cells, blocks of two genes."""
    monkeypatch.setattr(row_sources, "_FIRST_ROWS", 40)
    monkeypatch.setattr(layout, "_PIECE", 1e-6)
    monkeypatch.setattr(layout, "_MOST_GENES", 2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder for the counts that a user named."""
    monkeypatch.setenv("ARGEN_COUNTS_DIR", str(tmp_path / "counts"))
    return tmp_path / "counts"


def backed(adata, path):
    adata.write_h5ad(path)
    return ad.read_h5ad(path, backed="r")


def test_sums_cells_and_genes_are_those_of_memory(folder, small_pieces, tmp_path):
    adata = toy()
    set_count(adata, adata.obs_names == "cell7", "B", 300)  # one gene needs two bytes
    memory, disk = read_counts(adata, None), read_counts(backed(adata, tmp_path / "x.h5ad"), None)
    assert len(disk.store.types) == 4
    assert sorted(disk.store.types) == ["<u2", "|u1", "|u1", "|u1"]
    weights = np.random.default_rng(0).uniform(size=(2, 440))
    np.testing.assert_allclose(disk.gene_sums(weights), memory.gene_sums(weights), rtol=1e-12)
    np.testing.assert_array_equal(disk.cell_totals(), memory.cell_totals())
    np.testing.assert_array_equal(disk.genes_per_cell(), memory.genes_per_cell())
    rows = np.random.default_rng(1).permutation(440)[:100]
    some = [counts.of([6, -1, 0, 3], rows) for counts in (disk, memory)]
    np.testing.assert_array_equal(some[0].matrix().toarray(), some[1].matrix().toarray())


def test_what_is_no_gene_is_left_out_and_need_not_be_counts(folder, small_pieces, tmp_path):
    adata = toy()
    adata.var["feature_types"] = ["Gene Expression"] * 6 + ["Antibody Capture"]
    values = adata.X.toarray()
    values[3, 6] = -1.5
    adata.X = sparse.csr_matrix(values)
    found = read_counts(backed(adata, tmp_path / "x.h5ad"), None)
    np.testing.assert_array_equal(found.of(range(6)).matrix().toarray(), adata.X[:, :6].toarray())
    assert found.shape == (440, 6)


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan])
def test_what_is_no_count_in_the_last_piece_is_refused_and_nothing_is_left(value, folder, small_pieces, tmp_path):
    adata = toy()
    adata.X[-1, adata.X[-1].indices[0]] = value
    disk, messages = backed(adata, tmp_path / "x.h5ad"), []
    for some in (disk, adata):
        with pytest.raises(CountsError, match=r"adata\.X holds .*") as error:
            ag.tl.argen_descendants(some, **KWARGS)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
    assert not disk.uns
    assert list(folder.iterdir()) == []


def test_rounding_and_scaled_counts_are_told_as_of_memory(folder, small_pieces, tmp_path):
    adata = toy()
    adata.X.data *= np.float32(1 + 1e-6)
    counts = [read_counts(some, None) for some in (adata, backed(adata, tmp_path / "x.h5ad"))]
    assert counts[0].rounding == counts[1].rounding
    assert counts[1].rounding.n > 100
    adata = toy()
    per_cell = np.random.default_rng(0).normal(1e4, 30.0, (440, 1)) / adata.X.sum(axis=1)
    adata.X = sparse.csr_matrix(np.rint(adata.X.multiply(per_cell)).astype(np.float32))
    counts = [read_counts(some, None) for some in (adata, backed(adata, tmp_path / "y.h5ad"))]
    first, second = (counts[i].scaled for i in (0, 1))
    assert (first.total, first.spread, str(first.unit)) == (second.total, second.spread, "nan")


def test_the_next_step_and_a_new_reader_find_the_layout(folder, tmp_path, monkeypatch):
    disk = backed(toy(), tmp_path / "x.h5ad")
    ag.tl.argen_descendants(disk, **KWARGS)
    (laid_out,) = folder.iterdir()
    times = {file.name: file.stat().st_mtime_ns for file in laid_out.iterdir()}
    assert len(times) == 3
    monkeypatch.setattr(layout, "_lay_out", None)  # cannot be called
    ag.tl.argen_dag(disk)
    again = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    ag.tl.argen_descendants(again, **KWARGS)
    assert again.uns["argen_descendants"]["id"] == disk.uns["argen_descendants"]["id"]
    assert {file.name: file.stat().st_mtime_ns for file in laid_out.iterdir()} == times


def test_a_file_that_was_written_anew_is_read_anew(folder, tmp_path):
    disk = backed(toy(), tmp_path / "x.h5ad")
    ag.tl.argen_descendants(disk, **KWARGS)
    first = disk.uns["argen_descendants"]["made_from"]["data"]
    disk.file.close()
    disk = backed(toy(seed=1), tmp_path / "x.h5ad")
    ag.tl.argen_descendants(disk, **KWARGS)
    assert disk.uns["argen_descendants"]["made_from"]["data"] != first
    assert len(list(folder.iterdir())) == 2


def test_a_file_that_changes_while_it_is_read_is_refused(folder, small_pieces, tmp_path, monkeypatch):
    disk = backed(toy(), tmp_path / "x.h5ad")
    read = layout.by_gene

    def read_and_touch(counts):
        os.utime(tmp_path / "x.h5ad", ns=(1, 1))
        return read(counts)

    monkeypatch.setattr(layout, "by_gene", read_and_touch)
    with pytest.raises(InputError, match=r"The file of adata\.X changed while it was read"):
        ag.tl.argen_descendants(disk, **KWARGS)
    assert not disk.uns
    assert list(folder.iterdir()) == []


def test_a_full_disk_is_named_with_the_cure_and_nothing_is_left(folder, tmp_path, monkeypatch):
    disk = backed(toy(), tmp_path / "x.h5ad")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(layout, "_join", full)
    with pytest.raises(InputError, match=rf"{folder} cannot be written \(No space left on device\).* ARGEN_COUNTS_DIR"):
        ag.tl.argen_descendants(disk, **KWARGS)
    assert not disk.uns
    assert list(folder.iterdir()) == []


def test_ctrl_c_leaves_nothing(folder, tmp_path, monkeypatch):
    disk = backed(toy(), tmp_path / "x.h5ad")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(layout, "_join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ag.tl.argen_descendants(disk, **KWARGS)
    assert not disk.uns
    assert list(folder.iterdir()) == []


def test_files_that_are_removed_are_missed_by_name_and_made_anew_by_the_next_call(folder, tmp_path):
    disk = backed(toy(), tmp_path / "x.h5ad")
    counts = read_counts(disk, None)
    for file in folder.rglob("genes-*"):
        file.unlink()
    with pytest.raises(InputError, match=r"genes-000000-\d+\.bin, where the counts were laid out, is gone, cut short"):
        counts.of([0]).dense(0)
    ag.tl.argen_descendants(disk, **KWARGS)
    assert len(list(folder.rglob("genes-*"))) == 1


@pytest.mark.parametrize("file", ["index.json", "index.npz", "genes-*.bin"])
def test_a_file_that_is_cut_short_is_made_anew(folder, tmp_path, file):
    disk = backed(toy(), tmp_path / "x.h5ad")
    expected = read_counts(disk, None).of(range(7)).matrix().toarray()
    (laid_out,) = folder.iterdir()
    (cut,) = laid_out.glob(file)
    cut.write_bytes(cut.read_bytes()[:10])
    again = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    np.testing.assert_array_equal(read_counts(again, None).of(range(7)).matrix().toarray(), expected)


@pytest.mark.parametrize("at", [2, -2], ids=["cells", "counts"])
@pytest.mark.parametrize("read", ["of a gene", "of all genes"])
def test_a_byte_that_was_altered_is_told_by_name(folder, tmp_path, monkeypatch, small_pieces, at, read):
    disk = backed(toy(), tmp_path / "x.h5ad")
    expected = read_counts(disk, None).of(range(7)).matrix().toarray()
    (laid_out,) = folder.iterdir()
    file = laid_out / "genes-000002-000004.bin"
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
    monkeypatch.setattr(stored_counts, "_checked", {})  # as in another process
    again = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    counts = read_counts(again, None)
    np.testing.assert_array_equal(counts.of([0, 1, 4, 5, 6]).matrix().toarray(), expected[:, [0, 1, 4, 5, 6]])
    with pytest.raises(InputError) as error:
        counts.cell_totals() if read == "of all genes" else counts.of([2, 3]).matrix()
    for words in (f"{file}, where the counts were laid out, is damaged", f"Delete the folder {laid_out} and run again"):
        assert words in str(error.value)
    with pytest.raises(InputError, match="is damaged"):
        ag.tl.argen_descendants(again, **KWARGS)
    assert not again.uns
    shutil.rmtree(laid_out)
    np.testing.assert_array_equal(read_counts(again, None).of(range(7)).matrix().toarray(), expected)


def test_a_folder_that_was_divided_anew_is_never_read_with_the_old_division(folder, tmp_path, monkeypatch):
    """Another process may lay the counts out anew, with another limit, while this one holds them."""
    disk = backed(toy(), tmp_path / "x.h5ad")
    monkeypatch.setattr(layout, "_MOST_GENES", 2)
    counts = read_counts(disk, None)
    expected = counts.of(range(7)).matrix().toarray()
    (laid_out,) = folder.iterdir()
    shutil.rmtree(laid_out)
    monkeypatch.setattr(layout, "_MOST_GENES", 3)
    other = read_counts(ad.read_h5ad(tmp_path / "x.h5ad", backed="r"), None)
    np.testing.assert_array_equal(other.of(range(7)).matrix().toarray(), expected)
    with pytest.raises(InputError, match=r"genes-000004-000006\.bin, where the counts were laid out, is gone"):
        counts.of([4]).dense(0)
    np.testing.assert_array_equal(read_counts(disk, None).of(range(7)).matrix().toarray(), expected)


def test_a_disk_that_fails_for_a_moment_is_told_and_removes_nothing(folder, tmp_path, monkeypatch):
    disk = backed(toy(), tmp_path / "x.h5ad")
    read_counts(disk, None)
    (laid_out,) = folder.iterdir()
    before, read_text = laid_out.stat().st_ino, Path.read_text

    def failing(self, *args, **how):
        if self.name == "index.json":
            raise OSError(errno.EIO, "Input/output error")
        return read_text(self, *args, **how)

    monkeypatch.setattr(Path, "read_text", failing)
    again = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    with pytest.raises(InputError, match=rf"{laid_out}, where the counts .*cannot be read: Input/output error"):
        ag.tl.argen_descendants(again, **KWARGS)
    assert laid_out.stat().st_ino == before
    assert list(folder.iterdir()) == [laid_out]


def test_a_process_checks_a_gene_once(folder, tmp_path, monkeypatch):
    counts = read_counts(backed(toy(), tmp_path / "x.h5ad"), None)
    monkeypatch.setattr(stored_counts, "_checked", {})
    calls, checksum = [], stored_counts.checksum
    monkeypatch.setattr(stored_counts, "checksum", lambda *arrays: calls.append(1) or checksum(*arrays))
    for _ in range(2):
        counts.of([1, 2]).matrix()
        pickle.loads(pickle.dumps(counts)).cell_totals()
    assert len(calls) == 7


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_a_lazy_file_that_was_written_anew_is_never_taken_for_the_old_one(folder, tmp_path, kind):
    """The name of a dask array stays the same; its folder is called by what is in it."""
    found = []
    for seed in (0, 1, 0):
        adata, path, new = toy(seed=seed), tmp_path / f"x.{kind}", tmp_path / f"new.{kind}"
        adata.write_zarr(new) if kind == "zarr" else adata.write_h5ad(new)
        shutil.rmtree(path, ignore_errors=True)
        new.replace(path)
        lazy = ad.experimental.read_lazy(path)
        found.append(read_counts(lazy, None).of(range(7)).matrix().toarray())
        np.testing.assert_array_equal(found[-1], adata.X.toarray())
    assert len(list(folder.iterdir())) == 2


def test_dask_arrays_of_one_name_are_not_mixed_up():
    from dask import array

    for seed in (0, 1):
        adata = toy(seed=seed)
        values = adata.X.toarray()
        adata.X = array.from_array(values, chunks=(100, 7), name="counts")
        np.testing.assert_array_equal(read_counts(adata, None).of(range(7)).matrix().toarray(), values)


def test_steps_of_a_lazy_object_read_it_once(tmp_path, monkeypatch):
    toy().write_h5ad(tmp_path / "x.h5ad")
    lazy, calls = ad.experimental.read_lazy(tmp_path / "x.h5ad"), []
    lay_out = layout._lay_out
    monkeypatch.setattr(layout, "_lay_out", lambda *a: calls.append(1) or lay_out(*a))
    ag.tl.argen_descendants(lazy, **KWARGS)
    ag.tl.argen_dag(lazy)
    assert len(calls) == 1


def test_the_last_of_two_objects_of_a_file_removes_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("ARGEN_COUNTS_DIR", raising=False)
    first = backed(toy(), tmp_path / "x.h5ad")
    second = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    folder = read_counts(first, None).store.folder
    assert read_counts(second, None).store.folder == folder
    first.file.close()
    del first
    gc.collect()
    ag.tl.argen_descendants(second, **KWARGS)
    second.file.close()
    del second
    gc.collect()
    assert not folder.exists()


def test_threads_that_read_one_file_at_once(tmp_path, folder):
    toy().write_h5ad(tmp_path / "x.h5ad")
    objects = [ad.read_h5ad(tmp_path / "x.h5ad", backed="r") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        totals = list(pool.map(lambda adata: read_counts(adata, None).cell_totals(), objects))
    for total in totals:
        np.testing.assert_array_equal(total, toy().X.sum(axis=1).A1)
    assert len(list(folder.iterdir())) == 1


def test_threads_make_one_scratch_folder(monkeypatch, temporary):
    """The second one would go at once, with what its thread lays out there."""
    monkeypatch.setattr(memory_limit, "_make_scratch_folder", cache(memory_limit._make_scratch_folder.__wrapped__))
    with ThreadPoolExecutor(8) as pool:
        folders = {id(folder): folder for folder in pool.map(lambda _: scratch_folder(), range(64))}
    (folder,) = folders.values()
    assert [str(path) for path in temporary.iterdir()] == [folder.name]
    folder.cleanup()


def test_a_folder_stays_while_a_thread_has_it(tmp_path, monkeypatch):
    """Objects of one file come and go in several threads; the first makes the folder, the last one removes it."""
    monkeypatch.delenv("ARGEN_COUNTS_DIR", raising=False)
    toy().write_h5ad(tmp_path / "x.h5ad")
    expected = toy().X.toarray()

    def read(_):
        adata = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
        counts = read_counts(adata, None)
        adata.file.close()
        return counts.of(range(7)).matrix().toarray()

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(read, range(60)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("storage", ["memory", "backed", "lazy"])
def test_threads_that_analyse_one_object(tmp_path, monkeypatch, storage):
    monkeypatch.delenv("ARGEN_COUNTS_DIR", raising=False)
    expected, adata = toy(), toy()
    ag.tl.argen_descendants(expected, **KWARGS)
    if storage != "memory":
        adata.write_h5ad(tmp_path / "x.h5ad")
    if storage == "backed":
        adata = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    elif storage == "lazy":
        adata = ad.experimental.read_lazy(tmp_path / "x.h5ad")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: ag.tl.argen_descendants(adata, **KWARGS, key_added=key), "abcd"))
    assert {adata.uns[key]["id"] for key in "abcd"} == {expected.uns["argen_descendants"]["id"]}


def test_a_folder_named_later_is_used(tmp_path):
    """As by a checkpoint, which the workers of a cluster see."""
    disk = backed(toy(), tmp_path / "x.h5ad")
    first = read_counts(disk, None).store.folder
    with reading_with(None, tmp_path / "shared"):
        assert read_counts(disk, None).store.folder.parent == tmp_path / "shared" != first.parent


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARGEN_COUNTS_DIR", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"file cannot be written .* ARGEN_COUNTS_DIR"):
        read_counts(backed(toy(), tmp_path / "x.h5ad"), None)


def test_a_folder_that_nobody_named_goes_with_the_object(tmp_path, monkeypatch):
    monkeypatch.delenv("ARGEN_COUNTS_DIR", raising=False)
    disk = backed(toy(), tmp_path / "x.h5ad")
    before = set(Path(scratch_folder().name).iterdir())
    read_counts(disk, None)
    (folder,) = set(Path(scratch_folder().name).iterdir()) - before
    assert (folder / "index.json").is_file()
    disk.file.close()
    del disk
    gc.collect()
    assert not folder.exists()


# Lays counts out, and stops in the middle: killed, or alive until its input ends.
STOPS = """
import os, signal, sys
import anndata as ad
from argen._bridge import layout
from argen._bridge.counts import read_counts

def stop(*_):
    print("stopped", flush=True)
    os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == "killed" else sys.stdin.read()

layout._join = stop
read_counts(ad.read_h5ad(sys.argv[1], backed="r"), None)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """A temporary directory of its own, for this process and those that it starts."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path / "temporary"


def started(path, end):
    """A process that has begun to lay out a file, by now killed or not."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", STOPS, str(path), end], **pipes)
    assert process.stdout.readline() == "stopped\n"
    if end == "killed":
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    return process


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")
@pytest.mark.parametrize("named", [True, False], ids=["named", "temporary"])
def test_what_killed_processes_left_goes_and_what_living_ones_work_in_stays(tmp_path, temporary, monkeypatch, named):
    if named:
        monkeypatch.setenv("ARGEN_COUNTS_DIR", str(tmp_path / "counts"))
    else:
        monkeypatch.delenv("ARGEN_COUNTS_DIR", raising=False)
    where, pattern = (tmp_path / "counts", "unfinished-*") if named else (temporary, "argen-counts-*")
    disk = backed(toy(), tmp_path / "x.h5ad")
    live = started(tmp_path / "x.h5ad", "alive")
    (of_live,) = where.glob(pattern)
    started(tmp_path / "x.h5ad", "killed")
    (of_killed,) = set(where.glob(pattern)) - {of_live}
    others = [where / pattern.replace("*", name) for name in ("unknown", "elsewhere", "torn", "endless")]
    for folder in others:
        folder.mkdir()
    owner = json.loads((of_killed / OWNER).read_text())
    (others[1] / OWNER).write_text(json.dumps(owner | {"where": ["another host", *owner["where"][1:]]}))
    (others[2] / OWNER).write_text(json.dumps(owner)[:20])
    (others[3] / OWNER).write_text(json.dumps(owner | {"pid": float("inf")}))
    reused = where / pattern.replace("*", "reused")
    reused.mkdir()
    (reused / OWNER).write_text(json.dumps(owner | {"pid": os.getpid()}))  # a number that is another's by now
    fresh = cache(memory_limit._make_scratch_folder.__wrapped__)  # as in a new process
    monkeypatch.setattr(layout, "scratch_folder", fresh)
    found = read_counts(disk, None)
    np.testing.assert_array_equal(found.of(range(7)).matrix().toarray(), toy().X.toarray())
    assert {of_live, *others} <= set(where.glob(pattern))
    assert not of_killed.exists()
    assert not reused.exists()
    live.communicate()
    assert not (found.store.folder / OWNER).exists()
    if not named:
        fresh().cleanup()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process was started")
def test_a_process_lives_as_long_as_one_of_its_threads():
    """Its state is that of its first thread, which may be gone before the others."""
    code = """
import ctypes, sys, threading
threading.Thread(target=sys.stdin.readline).start()
print("started", flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout.readline() == "started\n"
        state = Path(f"/proc/{process.pid}/stat")
        for _ in range(500):
            if state.read_text().rpartition(")")[2].split()[0] == "Z":
                break
            time.sleep(0.01)
        assert state.read_text().rpartition(")")[2].split()[0] == "Z"
        assert leftovers._started(process.pid) is not None
        process.kill()
        process.wait()
    assert leftovers._started(process.pid) is None


def test_folders_of_others_and_links_stay(tmp_path, monkeypatch):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    folder = tmp_path / "unfinished-1"
    folder.mkdir()
    own(folder)
    owner = json.loads((folder / OWNER).read_text())
    (folder / OWNER).write_text(json.dumps(owner | {"pid": int(gone.stdout)}))
    link = tmp_path / "unfinished-2"
    link.symlink_to(folder)
    leftovers.remove_leftovers([link])
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: -1)
        leftovers.remove_leftovers([folder])
    assert (folder / OWNER).exists()
    leftovers.remove_leftovers([folder])
    assert folder.exists() == (sys.platform != "linux")


def test_counts_in_memory_are_read_once_while_they_are_the_same():
    adata = toy()
    first = read_counts(adata, None)
    assert read_counts(adata, None) is first
    adata.obs["new"] = 1
    assert read_counts(adata, None) is first
    adata.X.data[5] += 1
    second = read_counts(adata, None)
    assert second is not first
    adata.X = adata.X.toarray()
    third = read_counts(adata, None)
    np.testing.assert_array_equal(third.of(range(7)).matrix().toarray(), adata.X)
    adata.X[3, 2] += 1
    np.testing.assert_array_equal(read_counts(adata, None).of(range(7)).matrix().toarray(), adata.X)


def test_an_object_is_not_changed_by_reading(tmp_path):
    adata = toy()
    before = adata.copy()
    read_counts(adata, None)
    assert_same(before, adata)


@pytest.mark.parametrize(
    ("size", "found"),
    [("4GB", 4 * 10**9), ("1.5 GiB", 3 * 2**29), (3e9, 3 * 10**9), ("300000000", 3 * 10**8), ("512MiB", 2**29)],
)
def test_limits_of_memory(size, found):
    assert read_limit(size) == found


@pytest.mark.parametrize("size", ["much", "4 apples", -1, True, "10MB", LEAST - 1, np.nan, np.inf])
def test_what_is_no_limit_of_memory(size):
    with pytest.raises(InputError, match=r"memory_limit=.*: give a size such as '4GB'"):
        read_limit(size)


def test_the_usual_limit_is_below_what_the_machine_has():
    assert LEAST < read_limit(None) <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


PEAK = """
import resource, sys, warnings
warnings.simplefilter("ignore")
import anndata as ad
import argen as ag
from argen._bridge.counts import read_counts
from argen._bridge.memory_limit import reading_with
adata = ad.read_h5ad(sys.argv[1], backed="r")
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with reading_with("300MB", sys.argv[2]):
    total = read_counts(adata, None).cell_totals().sum()
print(total, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1e3)
"""


def test_laying_out_needs_a_small_part_of_the_counts(tmp_path):
    """160 MB of counts and their cells, in a process of its own that may use 300 MB."""
    rng, n, p = np.random.default_rng(0), 40_000, 500
    counts = sparse.random_array(
        (n, p), density=1.0, format="csr", rng=rng, data_sampler=lambda size: rng.poisson(2.0, size) + 1.0
    )
    adata = ad.AnnData(sparse.csr_matrix(counts.astype(np.float32)))
    assert adata.X.data.nbytes + adata.X.indices.nbytes == 8 * n * p
    adata.write_h5ad(tmp_path / "x.h5ad")
    command = [sys.executable, "-c", PEAK, str(tmp_path / "x.h5ad"), str(tmp_path)]
    total, megabytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert float(total) == adata.X.sum(dtype=np.float64)
    assert float(megabytes) < 115
