"""`rekey due`, on exports that the real engine has written."""

import json

import pytest

from .conftest import Exports, Rekey, credentials


@pytest.mark.parametrize(
    ("case", "code", "names"),
    [
        ("fresh now", 0, []),
        ("foreign now", 0, []),
        ("empty now", 0, []),
        ("fresh 31d", 10, ["billing"]),
        ("fresh 33d", 11, ["billing"]),
        ("fresh 250d", 12, ["billing", "orders", "scim"]),
        ("rotated now", 12, ["signing"]),
    ],
)
def test_due_exit_code(rekey: Rekey, exports: Exports, case: str, code: int, names: list[str]) -> None:
    file, at = case.replace("now", "0s").split()
    ended = rekey("due", "--file", getattr(exports, file), "--at", at)
    assert ended.code == code
    assert sorted(line.split()[2] for line in ended.out.splitlines()[1:-1]) == names
    if not names:
        assert ended.out == "nothing is due\n"
    ended = rekey("due", "--json", "--file", getattr(exports, file), "--at", at)
    assert ended.code == code
    assert sorted(credentials(json.loads(ended.out))) == names


def test_due_overdue_after(rekey: Rekey, exports: Exports) -> None:
    ended = rekey("due", "--file", exports.fresh, "--at", "31d", "--overdue-after", "6h")
    assert ended.code == 11
