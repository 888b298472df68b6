"""Names of files, and writing that leaves a whole file or what was there."""

import stat

import pytest

from argen._bridge.files import check_folder, check_path, replaced
from argen.errors import InputError


def test_a_file_is_replaced_when_the_new_one_is_complete(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with replaced(path) as temporary:
        assert temporary.parent == tmp_path  # the same disk, so that it can be moved in one step
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def fail(path):
        with replaced(path) as temporary:
            temporary.write_text("half")
            raise OSError("full")

    for name in (path, tmp_path / "new.txt"):
        with pytest.raises(OSError, match="full"):
            fail(name)
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("x.txt", "old")]


def test_mode_and_links_stay(tmp_path):
    plain, path, link = tmp_path / "plain.txt", tmp_path / "x.txt", tmp_path / "link.txt"
    plain.write_text("")
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with replaced(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    with replaced(tmp_path / "y.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "y.txt").stat().st_mode == plain.stat().st_mode


def test_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in ("a.CSV", tmp_path / "a.tsv", str(tmp_path / "a.csv")):
        assert str(check_path(given, (".csv", ".tsv"), "x.csv")) == str(given)
    (tmp_path / "folder.csv").mkdir()
    for path, words in {
        tmp_path / "folder.csv": "is a folder. Give the name of a file in it, such as .*x.csv",
        "a": r"path='a' does not end in \.csv or \.tsv",
        "no/a.csv": r"folder 'no' is not there\. Make it first",
        None: "path=None is not a path. Give the name of a file, such as 'x.csv'",
    }.items():
        with pytest.raises(InputError, match=words):
            check_path(path, (".csv", ".tsv"), "x.csv")


def test_folders(tmp_path):
    assert check_folder(tmp_path) == tmp_path
    assert check_folder(str(tmp_path / "new")) == tmp_path / "new"
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="is not there"):
        check_folder(tmp_path / "no" / "new")


def test_folders_on_the_way_and_files_in_it(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    assert check_folder(tmp_path / "a" / "b" / "c", parents=True) == tmp_path / "a" / "b" / "c"
    for path, words in {
        tmp_path / "file": r"--out='.*file' is a file\. Give the name of a folder",
        tmp_path / "file" / "a": r"--out='.*': '.*file' is a file, in which nothing can be written",
        tmp_path / "file" / "a" / "b": r"--out='.*': '.*file' is a file, in which nothing can be written",
    }.items():
        with pytest.raises(InputError, match=words):
            check_folder(path, "--out", parents=True)
    with pytest.raises(InputError, match="file' is a file, in which nothing can be written"):
        check_path(tmp_path / "file" / "x.csv", (".csv",), "x.csv")
    monkeypatch.setattr("os.access", lambda path, mode: False)
    for check in (lambda: check_folder(tmp_path / "new"), lambda: check_path(tmp_path / "x.csv", (".csv",), "x.csv")):
        with pytest.raises(InputError, match=r"nothing may be written into the folder .*change its permissions"):
            check()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
