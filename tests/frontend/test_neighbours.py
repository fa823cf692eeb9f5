"""What the processes of one run tell each other, and what killed ones leave."""

import os
import time
from pathlib import Path

import pytest
from pulumi_rekey.frontend.neighbours import Neighbours

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
