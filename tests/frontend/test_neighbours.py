"""What the processes of one run tell each other, and what killed ones leave."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pulumi_rekey.frontend.instance import Instance
from pulumi_rekey.frontend.neighbours import Neighbours

#: Another process of the run of an engine, which notes as it is told, and stays until its input ends.
OTHER = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from pulumi_rekey.frontend.neighbours import Neighbours
it = Neighbours(int(sys.argv[2]))
for address, object_, urn, created in eval(sys.argv[3]):
    it.note(address, object_, urn, created=created)
print("noted", flush=True)
sys.stdin.read()
"""
HERE, ONE, TWO = "https://a.example.com/", "urn:one", "urn:two"
NOBODY = 2**22 + 1
LONG_AGO = time.time() - 2 * 86400


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def left(where: Path, engine: int, *, age: float = LONG_AGO) -> Path:
    folder = where / f"rekey-{os.getuid()}-{engine}"
    folder.mkdir(mode=0o700)
    (folder / f"0.{NOBODY}").write_text("urn")
    os.utime(folder, (age, age))
    return folder


def test_folder_of_an_engine_that_is_long_gone_is_taken_away(where: Path) -> None:
    gone = left(where, NOBODY)
    Neighbours(os.getpid())
    assert not gone.exists()


def test_folder_that_may_be_in_use_or_is_not_ours_stays(where: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "precious").touch()
    os.utime(elsewhere, (LONG_AGO, LONG_AGO))
    link = where / f"rekey-{os.getuid()}-{NOBODY + 2}"
    link.symlink_to(elsewhere)
    stay = [left(where, os.getppid()), left(where, NOBODY, age=time.time()), link]
    shared = left(where, NOBODY + 1)
    shared.chmod(0o750)
    os.utime(shared, (LONG_AGO, LONG_AGO))
    Neighbours(os.getpid())
    assert all(folder.exists() for folder in (*stay, shared))
    assert (elsewhere / "precious").exists()


@contextmanager
def neighbour(where: Path, *notes: tuple[str, str, str, bool]) -> Iterator[None]:
    """Another process of this test's run, for as long as it runs."""
    command = [sys.executable, "-c", OTHER, str(where), str(os.getpid()), repr(notes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "noted\n"
        yield
        process.communicate("")
        assert process.returncode == 0


def test_neighbour_tells_what_its_resources_manage(where: Path) -> None:
    mine = Neighbours(os.getpid())
    mine.note(HERE, "mine", ONE, created=True)
    with neighbour(where, (HERE, "theirs", ONE, False), (HERE, "made", ONE, True)):
        for object_, created in (("theirs", False), ("made", True)):
            assert mine.holder(HERE, object_, TWO) == ONE
            # Another provider that has the same resource is what replaces it, if it has created it.
            assert mine.holder(HERE, object_, ONE) is None
            assert mine.has_replaced(HERE, object_, ONE) is created
            assert not mine.has_replaced(HERE, object_, TWO)
            assert mine.holder("https://b.example.com/", object_, TWO) is None
        # Of what this process has noted itself, its own memory knows.
        assert mine.holder(HERE, "mine", TWO) is None
        assert not mine.has_replaced(HERE, "mine", ONE)


def test_neighbour_takes_its_notes_away_at_its_end(where: Path) -> None:
    mine = Neighbours(os.getpid())
    with neighbour(where, (HERE, "theirs", ONE, True)):
        assert len(list(where.glob("rekey-*/*"))) == 1
    assert list(where.iterdir()) == []
    assert mine.holder(HERE, "theirs", TWO) is None


def test_neighbour_that_ends_first_takes_nobody_the_folder(where: Path) -> None:
    """Such as a preview's process, beside the first of the run that follows."""
    mine = Neighbours(os.getpid())
    with neighbour(where, (HERE, "theirs", ONE, True)):
        pass
    mine.note(HERE, "mine", ONE)
    assert [note.read_text() for note in where.glob("rekey-*/*")] == [f"{ONE}\n"]


def test_neighbour_that_was_killed_manages_nothing(where: Path) -> None:
    mine = Neighbours(os.getpid())
    (folder,) = where.glob("rekey-*")
    mine.note(HERE, "theirs", ONE, created=True)
    (note,) = folder.iterdir()
    note.rename(note.with_suffix(f".{NOBODY}"))
    assert mine.holder(HERE, "theirs", TWO) is None
    assert not mine.has_replaced(HERE, "theirs", ONE)
    # What is no note, and what cannot be read, is none.
    note.with_suffix(".1").mkdir()
    assert mine.holder(HERE, "theirs", TWO) is None


def test_neighbour_of_another_user_runs(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider of the run may be started as another user; of such a process only that it is there can be seen."""
    mine = Neighbours(os.getpid())
    (folder,) = where.glob("rekey-*")
    mine.note(HERE, "theirs", ONE)
    (note,) = folder.iterdir()
    note.rename(note.with_suffix(".1"))

    def refuse(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr("os.kill", refuse)
    assert mine.holder(HERE, "theirs", TWO) == ONE


def test_neighbours_are_unknown_where_the_folder_is_not_this_users_alone(where: Path) -> None:
    folder = where / f"rekey-{os.getuid()}-{os.getpid()}"
    folder.mkdir(mode=0o770)
    folder.chmod(0o770)
    mine = Neighbours(os.getpid())
    mine.note(HERE, "mine", ONE)
    assert list(folder.iterdir()) == []
    assert mine.holder(HERE, "mine", TWO) is None


def test_neighbours_are_unknown_where_the_folder_is_another_users(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes it first could put links into it, through which this process writes."""
    maker = os.getuid()
    monkeypatch.setattr("os.getuid", lambda: maker + 1)
    mine = Neighbours(os.getpid())
    mine.note(HERE, "mine", ONE)
    assert list(where.glob("rekey-*/*")) == []


def test_neighbours_are_unknown_where_users_have_no_numbers(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.getuid")
    Neighbours(os.getpid()).note(HERE, "mine", ONE)
    assert list(where.iterdir()) == []


def test_neighbours_are_unknown_without_an_engine(where: Path) -> None:
    mine = Neighbours(None)
    mine.note(HERE, "mine", ONE)
    assert mine.holder(HERE, "mine", TWO) is None
    assert list(where.iterdir()) == []


def test_notes_are_private_and_name_no_object(where: Path) -> None:
    Neighbours(os.getpid()).note(HERE, "the object", ONE)
    (folder,) = where.glob("rekey-*")
    assert folder.stat().st_mode & 0o777 == 0o700
    (note,) = folder.iterdir()
    assert "object" not in note.name


def test_notes_are_of_what_the_program_declares(where: Path) -> None:
    """Of what it has no more a refresh asks, too; what a refused create named is kept from the others."""
    run = Instance(engine=os.getpid)
    run.declare(ONE)

    def noted() -> list[str]:
        return sorted(note.read_text() for note in where.glob("rekey-*/*"))

    run.claim_live(HERE, "gone", TWO, "a state")
    assert noted() == []
    run.claim_live(HERE, "live", ONE, "a state", created=True)
    assert noted() == [f"{ONE}\ncreated"]
    run.claim_named(HERE, "named", ONE)
    run.protect(HERE, "refused", ONE)
    run.protect(HERE, "somebody's", None)
    assert noted() == [f"{ONE}\n", f"{ONE}\n", f"{ONE}\ncreated"]
