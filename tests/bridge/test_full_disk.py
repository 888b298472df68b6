"""A disk that is really full: what is laid out, and what is kept, on a file system of two megabytes."""

import errno
import shutil
import subprocess

import anndata as ad
import pytest
from cluster_screens import analysed, blocks, screen
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge import log
from argen.errors import CheckpointError, InputError

SIZE = 2 * 2**20


@pytest.fixture
def small_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("a file system of its own needs the command mount")
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a file system of its own may not be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_counts_that_do_not_fit_are_refused_and_nothing_is_left(small_disk, tmp_path, monkeypatch):
    toy(n_others=400, n_control=2000).write_h5ad(tmp_path / "x.h5ad")
    disk = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    monkeypatch.setenv("ARGEN_COUNTS_DIR", str(small_disk))
    with pytest.raises(InputError, match=rf"{small_disk} cannot be written \(.*full.*\).*ARGEN_COUNTS_DIR"):
        ag.tl.argen_descendants(disk, **KWARGS)
    assert not disk.uns
    assert list(small_disk.iterdir()) == []
    monkeypatch.setenv("ARGEN_COUNTS_DIR", str(tmp_path / "large"))
    ag.tl.argen_descendants(disk, **KWARGS)
    disk.file.close()


def test_a_checkpoint_keeps_what_fitted_and_goes_on_once_there_is_room(small_disk, capsys):
    adata, folder, filler = screen(), small_disk / "kept", small_disk / "filler"
    filler.write_bytes(bytes(SIZE - 60 * 1024))
    with pytest.raises(CheckpointError, match=r"the disk is full\. Finished blocks are kept\. Make room") as error:
        analysed(adata, checkpoint=folder)
    assert error.value.__cause__.errno == errno.ENOSPC
    assert_same(adata, screen())
    n_kept = len(list(folder.glob("*.block")))
    assert n_kept > 0
    assert not list(folder.glob(".*"))  # no part of a file
    filler.unlink()
    capsys.readouterr()
    with log.shown(2):
        assert_same(analysed(adata, checkpoint=folder), analysed())
    assert blocks(capsys.readouterr().err)[0] == n_kept
