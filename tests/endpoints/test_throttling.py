"""How rekey finds the limit of a vendor that throttles, and that it changes nothing for one that does not."""

import math
import time as clock
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pulumi_rekey.endpoints import Endpoints
from pulumi_rekey.endpoints.limiter import Limiter, Slot
from pulumi_rekey.endpoints.session import MAX_ATTEMPTS_S, Runtime
from pulumi_rekey.errors import Throttled

from tools.vendors import Sandbox

from .conftest import Connect, Time
from .scripted import Scripted, answer, said
from .throttling_vendor import Vendor, simulate

RELYING_PARTIES = "/cloudapi/1.0.0/openIdProvider/relyingParties"
FIXED = (1, 2, 4, 8, 16, 32)
LIMITS: list[dict[str, Any]] = [
    *[{"in_flight": limit} for limit in (1, 2, 3, 4, 6, 8, 12, 16, 20)],
    *[{"rate": limit} for limit in (2, 5, 10, 20, 50, 100, 200)],
]


@pytest.mark.parametrize("retry_after", [0.0, 1.0])
@pytest.mark.parametrize("limit", LIMITS, ids=str)
def test_throttling_costs_little_more_than_the_best_fixed_bound(limit: dict[str, Any], retry_after: float) -> None:
    bounds = {*FIXED, limit.get("in_flight", 1)}
    best = min(simulate(Vendor(**limit, retry_after=retry_after), most, adapts=False).seconds for most in bounds)
    found = simulate(Vendor(**limit, retry_after=retry_after), 16)
    # That there is a limit is learnt by one 429, and by the wait that it asks for.
    assert found.seconds <= 1.3 * best + retry_after
    # Most requests are never refused.
    assert sum(found.refusals) < 60


@settings(max_examples=60, deadline=None)
@given(
    limit=st.one_of(
        st.integers(1, 40).map(lambda most: {"in_flight": most}), st.integers(2, 300).map(lambda most: {"rate": most})
    ),
    most=st.integers(1, 64),
    parallel=st.integers(1, 64),
    takes=st.floats(0.01, 0.5),
    retry_after=st.sampled_from([0.0, 1.0, 5.0]),
    seed=st.integers(0, 1000),
)
def test_throttling_starves_no_request(
    *, limit: dict[str, Any], most: int, parallel: int, takes: float, retry_after: float, seed: int
) -> None:
    """However many are before it, a request that was sent once is taken up well within its minute.

    Unless there are more of them than such a vendor answers in eight seconds: some are then left to the next run.
    """
    assume(parallel <= 8 * limit.get("rate", parallel))
    vendor = Vendor(**limit, takes=takes, retry_after=retry_after, seed=seed)
    result = simulate(vendor, most, calls=200, parallel=parallel)
    assert max(result.refusals) <= 8
    assert max(result.waits) < MAX_ATTEMPTS_S


@given(st.integers(1, 256), st.lists(st.booleans(), max_size=200))
def test_throttling_unknown_changes_nothing(most: int, starts: list[bool]) -> None:
    """Before the first 429 a limiter is a plain bound: nobody waits for anything but another request's end."""
    limiter, now = Limiter(most), 0.0
    slots: list[Slot] = []
    for begins in starts:
        now += 0.01
        assert limiter.delay(now) == (0 if len(slots) < most else math.inf)
        if begins and len(slots) < most:
            slots.append(limiter.enter(now))
        elif slots:
            slot = slots.pop()
            slot.answered = True
            limiter.leave(slot, now)


def test_throttling_with_retry_after_holds_all_requests(server: Scripted, connect: Connect, time: Time) -> None:
    session = connect("roma", url=server.url, accessKey="a", secretKey="s", timeout=1)
    server.script(answer(429, b"{}", "retry-after: 20"), said({"a": 1}))
    slept = time.sleep
    sent: list[float] = []

    def meanwhile(seconds: float) -> None:
        """Another thread asks while the first one waits."""
        if not sent:
            sent.append(time.passed)
            assert session.get("/other")["a"] == 1
            sent.append(time.passed)
            seconds = 0
        slept(seconds)

    object.__setattr__(session.runtime, "sleep", meanwhile)
    session.get("/x")
    assert sent == [0, 20]
    assert server.lines == ["GET /x", "GET /other", "GET /x"]


def test_throttling_for_an_hour_is_said_at_once(server: Scripted, signed: Any, time: Time) -> None:
    server.script(answer(429, b"{}", "retry-after: 3600"))
    for _ in range(2):
        with pytest.raises(Exception, match="429"):
            signed.get("/x")
    assert time.pauses == []


def test_throttling_without_end_ends_each_request_in_time(server: Scripted, connect: Connect, time: Time) -> None:
    """Those that wait for one another at a vendor that takes up nothing do not put off one another's end."""
    answered: dict[str, list[float]] = {}

    def note(request: Any, _answer: Any) -> None:
        answered.setdefault(request.url.path, []).append(time.passed)

    runtime: dict[str, Any] = {"heard": note}
    session = connect("roma", runtime, url=server.url, accessKey="a", secretKey="s", timeout=1, maxConcurrent=2)

    def slow(connection: Any) -> None:
        time.passed += 0.5
        connection.sendall(said({}))

    server.script(slow, answer(429))
    session.get("/x")
    with ThreadPoolExecutor(8) as pool:
        failures = [pool.submit(session.post, f"/{number}").exception for number in range(8)]
    assert {type(failed()) for failed in failures} == {Throttled}
    assert len(answered) == 9
    assert all(each[-1] - each[0] <= MAX_ATTEMPTS_S for each in answered.values())


def test_throttled_requests_keep_their_turn(server: Scripted, connect: Connect) -> None:
    connections = connect("roma", url=server.url, accessKey="a", secretKey="s", maxConcurrent=1).connections
    turns = [connections.take_turn() for _ in range(5)]
    sent: list[int] = []

    def take(turn: int) -> None:
        with connections.lease("a test", turn, lambda: 5.0):
            sent.append(turn)

    with ThreadPoolExecutor(4) as pool, connections.lease("a test", turns[0], lambda: 5.0):
        for waiting, turn in enumerate(reversed(turns[1:]), 1):
            pool.submit(take, turn)
            while len(connections._queue) < waiting:
                clock.sleep(0.001)
    assert sent == turns[1:]


@pytest.mark.parametrize("limit", [{"in_flight": 2}, {"rate": 40}, {"in_flight": 2, "retry_after": "1"}], ids=str)
def test_throttling_at_a_server_loses_and_doubles_nothing(sandbox: Sandbox, limit: dict[str, Any]) -> None:
    """Real threads and a real server, on a clock that is 50 times as fast."""
    runtime = Runtime(monotonic=lambda: clock.monotonic() * 50, sleep=lambda seconds: clock.sleep(seconds / 50))
    session = Endpoints({"vcd": sandbox.endpoint("vcd") | {"timeout": 20}}, runtime).session(None, "vcd")
    session.get(RELYING_PARTIES)
    sandbox.fault(".", latency=0.005, count=0)
    sandbox.throttle(**limit)
    sandbox.forget_calls()

    def mint(number: int) -> str:
        party = {"clientName": f"party {number}", "redirectUris": ["https://party.example.com/callback"]}
        return session.post(RELYING_PARTIES, json=party).text("clientName")

    with ThreadPoolExecutor(16) as pool:
        names = list(pool.map(mint, range(60)))
    session.connections.close()
    statuses = Counter(call["status"] for call in sandbox.calls())
    assert names == [f"party {number}" for number in range(60)]
    assert statuses.total() - statuses[429] == 60
    # The burst at the beginning, and some looks whether the vendor bears more.
    assert 0 < statuses[429] < 40
