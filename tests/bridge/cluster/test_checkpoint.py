"""Finished blocks in a folder: what is taken up, what is refused, and in which words."""

import errno
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cluster_screens import analysed, blocks, equations, screen, with_responders
from toy import KWARGS, assert_same

import argen as ag
from argen._bridge import log
from argen._bridge.cluster import checkpoint as module
from argen._bridge.cluster.checkpoint import Checkpoint, Run
from argen._bridge.cluster.encoding import _value, decoded, digest_of, encoded
from argen._bridge.cluster.workers import Backend, workers
from argen._core.compilation import _small_screen
from argen._core.dag.influence import CellInfluence
from argen._core.glm.reduced_form import fit_reduced_form
from argen._core.parallel import BlockTask
from argen.errors import CheckpointError, InputError


@pytest.fixture(scope="module")
def plain():
    return analysed()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    analysed(checkpoint=folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    for file in finished.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_threads_read_what_is_there(folder, plain, capsys, n_jobs):
    files = sorted(folder.glob("*.block"))
    for file in files[::2]:
        file.unlink()
    with log.shown(2):
        assert_same(analysed(checkpoint=folder, n_jobs=n_jobs), plain)
    assert blocks(capsys.readouterr().err) == (len(files[1::2]), len(files[::2]))
    assert sorted(folder.glob("*.block")) == files


def test_one_folder_serves_all_steps(tmp_path, capsys):
    def all_steps(**how):
        adata = screen()
        ag.tl.argen_dag(adata, first_stage="ancestors", **KWARGS, **how)
        ag.tl.argen_joint(adata, chains=2, n_jobs=2, **how)
        ag.tl.argen_responders(adata, n_jobs=2, **how)
        return adata

    assert_same(all_steps(checkpoint=str(tmp_path)), all_steps())
    capsys.readouterr()
    with log.shown(2):
        assert_same(all_steps(checkpoint=tmp_path), all_steps())
    n_read, n_computed = blocks(capsys.readouterr().err)
    assert (n_read, n_computed) == (len(list(tmp_path.glob("*.block"))), 0)
    record = json.loads((tmp_path / "checkpoint.json").read_text())
    tools = ("argen_dag", "argen_descendants", "argen_joint", "argen_responders")
    assert sorted(record["steps"]) == [f"ag.tl.{name}" for name in tools]


@pytest.mark.parametrize("first_stage", ["shrunk", "shared"])
def test_equations_are_kept(tmp_path, capsys, monkeypatch, first_stage):
    """What is missing alone is done again, in blocks of responders of any size, on any number of threads."""
    monkeypatch.setattr("argen._bridge.responders.blocks.GENES_PER_BLOCK", 3)
    expected = equations(n_jobs=1, first_stage=first_stage)
    assert_same(equations(n_jobs=2, first_stage=first_stage, checkpoint=tmp_path), expected)
    files = sorted(tmp_path.glob("*.block"))
    assert {file.name.partition("-")[0] for file in files} >= {"instruments", "equation"}
    for file in files[::2]:
        file.unlink()
    capsys.readouterr()
    with log.shown(2):
        assert_same(equations(n_jobs=1, first_stage=first_stage, checkpoint=tmp_path), expected)
    assert blocks(capsys.readouterr().err) == (len(files[1::2]), len(files[::2]))


def damage(content, how):
    if how == "truncated":
        return content[: len(content) // 2]
    if how == "empty":
        return b""
    at = len(content) - 40
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("how", ["truncated", "empty", "one bit"])
def test_a_damaged_block_is_refused_by_name(folder, plain, how):
    file = sorted(folder.glob("*.block"))[3]
    file.write_bytes(damage(file.read_bytes(), how))
    adata = screen()
    with pytest.raises(InputError) as error:
        analysed(adata, checkpoint=folder)
    assert f"{file} is damaged" in str(error.value)
    assert "Delete this file" in str(error.value)
    assert_same(adata, screen())
    file.unlink()
    assert_same(analysed(checkpoint=folder), plain)


def test_a_block_under_the_name_of_another_is_refused(folder):
    first, second = sorted(folder.glob("dispersion_and_fits-*.block"))[:2]
    first.write_bytes(second.read_bytes())
    with pytest.raises(InputError, match=f"{first.name} is damaged"):
        analysed(checkpoint=folder)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"test": "wald", "hc": "HC3"}, ["ag.tl.argen_descendants with test 'auto'", "now it is 'wald'"]),
        ({"min_cells": 5}, ["with min_cells 10", "now it is 5"]),
        ({"covariates": ["batch"]}, ["with covariates ['batch', 'mito']", "now it is ['batch']"]),
        ({"adata": screen(seed=1)}, ["with data (cells, genes, counts"]),
    ],
    ids=["test", "min_cells", "covariates", "data"],
)
def test_the_folder_of_another_run_is_refused(folder, how, words):
    files = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(InputError) as error:
        analysed(**how, checkpoint=folder)
    for word in (f"checkpoint={str(folder)!r} was made by another run", *words, "Name another folder"):
        assert word in str(error.value)
    assert {file: file.read_bytes() for file in folder.iterdir()} == files


@pytest.mark.parametrize("tool", [ag.tl.argen_dag, ag.tl.argen_joint], ids=["dag", "joint"])
def test_a_run_with_other_prior_knowledge_is_refused(tmp_path, tool):
    def prior(*rows):
        return pd.DataFrame(rows, columns=["source", "target", "rule"])

    adata, known = with_responders(), prior(("G00", "G03", "before"), ("G01", "G04", "forbidden"))
    ag.tl.argen_descendants(adata, **KWARGS)
    how = {"checkpoint": tmp_path, "copy": True, "n_jobs": 1} | ({"chains": 2} if tool is ag.tl.argen_joint else {})
    expected = tool(adata, prior=known, **how)
    assert_same(tool(adata, prior=known, **how), expected)
    tool(adata, prior=known[::-1], **how)  # the order of the rows says nothing
    words = (
        r"was made by another run: ag\.tl\.argen_\w+ with prior 'G00 → G03 before, G01 → G04 forbidden.*', now it is "
    )
    for other, now in (
        (None, "''"),
        (known[:1], "'G00 → G03 before'"),
        (prior(("G05", "G00", "before")), "'G05 → G00"),
    ):
        with pytest.raises(InputError, match=words + now):
            tool(adata, prior=other, **how)


@pytest.mark.parametrize(("name", "words"), [("scipy", "scipy '"), ("code", "a source of argen with the digest")])
def test_the_folder_of_other_versions_is_refused(folder, monkeypatch, name, words):
    there = module.versions()
    monkeypatch.setattr(module, "versions", lambda: there | {name: "another"})
    with pytest.raises(InputError, match=rf"made by another run: {words}.*now it is 'another'"):
        analysed(checkpoint=folder)


def test_folders_that_are_no_checkpoint(tmp_path, folder):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds files, but no checkpoint\.json"):
        analysed(checkpoint=other)
    with pytest.raises(InputError, match="is a file"):
        analysed(checkpoint=other / "thesis.tex")
    with pytest.raises(InputError, match="checkpoint=3: give the path"):
        analysed(checkpoint=3)
    (folder / "checkpoint.json").write_text('{"format": 1}')
    with pytest.raises(InputError, match=r"checkpoint\.json is damaged"):
        analysed(checkpoint=folder)


def test_a_full_disk_keeps_what_is_finished(tmp_path, monkeypatch, plain, capsys):
    adata, synced, fsync = screen(), [], os.fsync

    def full(number):
        synced.append(number)
        if len(synced) > 9:  # file and folder: the record, three blocks, and a part of the next one
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(number)

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fsync", full)
        with pytest.raises(CheckpointError, match=r"the disk is full\. Finished blocks are kept\. Make room") as error:
            analysed(adata, checkpoint=tmp_path)
    assert error.value.__cause__.errno == errno.ENOSPC
    assert_same(adata, screen())
    assert not list(tmp_path.glob(".*"))  # no part of a file is left
    n_kept = len(list(tmp_path.glob("*.block")))
    capsys.readouterr()
    with log.shown(2):
        assert_same(analysed(adata, checkpoint=tmp_path), plain)
    assert blocks(capsys.readouterr().err)[0] == n_kept > 2


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written: Not a directory"):
        analysed(checkpoint=tmp_path / "file" / "kept")


def test_a_block_that_is_taken_away_meanwhile_is_made_again(tmp_path):
    def squared(data, item):
        return data * item**2

    def squares():
        with workers(1, Backend(None, tmp_path), Run("step", "data")) as map_:
            results = iter(map_(BlockTask(squared, 3), range(20)))
            first = next(results)
            for file in tmp_path.glob("*.block"):
                file.unlink()
            return [first, *results]

    assert squares() == squares() == [3 * i**2 for i in range(20)]


def test_names_hang_on_all_that_a_block_depends_on(tmp_path):
    kept = Checkpoint(tmp_path, Run("step", "data"))
    tasks = [
        BlockTask(digest_of, np.arange(3.0), {"hc": 0}),
        BlockTask(encoded, np.arange(3.0), {"hc": 0}),
        BlockTask(digest_of, np.arange(3.0, dtype=np.float32), {"hc": 0}),
        BlockTask(digest_of, np.arange(3.0), {"hc": 1}),
    ]
    assert len({kept.name_of(task, [1, 2]) for task in tasks}) == len(tasks)
    assert kept.name_of(tasks[0], [1, 2]) != kept.name_of(tasks[0], [1, 3])
    again = BlockTask(digest_of, np.arange(3.0), {"hc": 0})
    assert Checkpoint(tmp_path, Run("step", "data")).name_of(again, [1, 2]) == kept.name_of(tasks[0], [1, 2])


def test_records_come_back_as_they_were():
    form = fit_reduced_form(_small_screen(), 0, np.arange(3))
    values = (None, True, 3, "ψ", -0.0, float("inf"), np.float32(0.1), np.nan, form, [form.v], {"a": 1})
    back = decoded(encoded(values))
    assert [type(value) for value in back] == [type(value) for value in values]
    assert encoded(back) == encoded(values)
    assert digest_of(back) == digest_of(values)
    assert np.signbit(back[4])
    np.testing.assert_array_equal(back[8].W, form.W)
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert digest_of(fortran) == digest_of(np.ascontiguousarray(fortran))
    assert digest_of(np.zeros((0, 2))) != digest_of(np.zeros((2, 0)))


def test_what_is_no_record_is_neither_kept_nor_made():
    with pytest.raises(TypeError, match="Path is no record"):
        encoded(Path("x"))
    with pytest.raises(TypeError, match="arrays of objects"):
        encoded(np.array(["x"], dtype=object))
    for module_name, name in (("os", "_exit"), ("argen.errors", "InputError"), ("argen.errors", "nothing")):
        with pytest.raises(ValueError, match=f"{module_name}.{name} is no record of argen"):
            _value(["record", module_name, name, []], [])


def test_what_is_derived_is_named_by_what_it_is_made_from():
    first, second = (CellInfluence(_small_screen(), hc3=hc3) for hc3 in (False, True))
    assert digest_of(first) == digest_of(CellInfluence(_small_screen(), hc3=False)) != digest_of(second)
    back = pickle.loads(pickle.dumps(second))
    assert digest_of(back) == digest_of(second)
    np.testing.assert_array_equal(back.place, second.place)


def test_counts_in_files_stand_for_themselves():
    class Handle:
        def __init__(self, folder, digest):
            self.folder, self.digest = folder, digest

        def content_digest(self):
            return self.digest

    assert digest_of(Handle("a", "1")) == digest_of(Handle("b", "1")) != digest_of(Handle("a", "2"))
