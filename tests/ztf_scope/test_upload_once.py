"""Uploads are complete and without duplicates in spite of errors and interruptions."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome.testing import Result
from astrodome_ztf_scope.marshal import journal
from services.fake_server import FakeServer, Request
from services.fritz import Fritz
from ztf_scope import survey as surveys
from ztf_scope.lives import Lives
from ztf_scope.test_upload import MANUAL, once_each

Scope = Callable[..., Result]

FAULTS = ("429 after 0", "500", "502", "503", "never", "reset", "lost", "cut", "html")


@pytest.fixture
def manual(survey: surveys.Survey) -> list[str]:
    survey.csv(Path("sample.csv"))
    surveys.taxonomy_map(Path("map.json"))
    return [*MANUAL, "--catalogue", survey.catalogue]


@pytest.mark.timeout(3600)
def test_killed_uploads_with_lost_connections_are_completed_without_duplicates(
    tmp_path: Path,
    torture: Callable[[int, int], int],
    marshal: FakeServer,
    fritz: Fritz,
) -> None:
    rows, kills = torture(40, 500), torture(10, 200)
    chance = random.Random(torture(3, 7))
    big = surveys.make(tmp_path / "big", rows, epochs=3)
    big.csv(tmp_path / "sample.csv")
    surveys.taxonomy_map(tmp_path / "map.json")
    line = [*MANUAL, "--catalogue", big.catalogue]
    marshal.choose = lambda request: "lost" if chance.random() < 0.1 else ""
    calls = 6 * rows // kills  # of about nine per row, so that the last run still has work
    killed = 0
    with Lives(tmp_path, ASTRODOME_HOME=str(tmp_path / "state")) as lives:
        for _ in range(kills):
            last = len(marshal.requests) + chance.randint(1, 2 * calls)

            def enough(last: int = last) -> bool:
                if len(marshal.requests) < last:
                    return False
                time.sleep(chance.uniform(0, 0.005))
                return True

            killed += lives.run(line, kill_when=enough) is None
        while (code := lives.run(line)) != 0:
            assert code == 1, lives.said.read_text()[-2000:]
    once_each(fritz, rows)
    (book,) = (tmp_path / "state").rglob("journal/*.db")
    assert {call["state"] for call in journal.RequestJournal(book).calls()} <= {"done", "found"}
    points = fritz.rows("SELECT obj_id, COUNT(*) AS n FROM photometry GROUP BY 1")
    assert len(points) == rows and {row["n"] for row in points} == {6}
    assert killed >= 0.7 * kills, killed


@pytest.mark.parametrize("fault", FAULTS)
def test_server_errors_cause_neither_losses_nor_duplicates(
    scope: Scope,
    marshal: FakeServer,
    fritz: Fritz,
    manual: list[str],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    torture: Callable[[int, int], int],
) -> None:
    monkeypatch.setenv("ASTRODOME_FRITZ_TIMEOUT", "0.2")
    chance = random.Random(5)
    often = 0.3 if fault not in ("never", "drip") else 0.15
    marshal.choose = lambda request: fault if chance.random() < often else ""
    stop = str(torture(2, 5))
    first = scope(*manual, "--stop", stop, "--json")
    assert "Traceback" not in first.err
    rows = first.json
    assert rows["done"] + len(rows["failed"]) == int(stop) + 1
    assert first.code == (1 if rows["failed"] else 0)
    assert all(one["reason"] for one in rows["failed"])
    marshal.choose = lambda request: ""
    scope(*manual, "--stop", stop).succeeded()
    once_each(fritz, int(stop) + 1)


@pytest.mark.parametrize("fault", ["500", "html", "never"])
def test_failed_rows_are_listed_and_uploaded_by_the_next_run(
    scope: Scope,
    marshal: FakeServer,
    fritz: Fritz,
    manual: list[str],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASTRODOME_FRITZ_TIMEOUT", "0.2")

    def choose(request: Request) -> str:
        return fault if request.method == "POST" and "comments" in request.path else ""

    marshal.choose = choose
    stopped = scope(*manual, "--json")
    assert stopped.code == 1 and len(stopped.json["failed"]) == 6
    assert fritz.count("comments") == 0 and fritz.count("classifications") == 12
    marshal.choose = lambda request: ""
    assert scope(*manual, "--json").succeeded().json["done"] == 6
    once_each(fritz, 6)


def test_an_expired_token_stops_the_upload_and_a_new_token_resumes_it(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str]
) -> None:
    def choose(request: Request) -> str:
        if len(marshal.requests) == 25:
            fritz.tokens = {"a-new-token"}
        return ""

    marshal.choose = choose
    stopped = scope(*manual, "--jobs", "1", "--json")
    assert stopped.code == 1
    failed = stopped.json["failed"]
    assert 0 < len(failed) < 6 and stopped.json["done"] == 6 - len(failed)
    assert "rejected the token" in failed[0]["reason"]
    assert "Not processed because" in failed[-1]["reason"] and len(marshal.requests) < 30
    manual[manual.index(surveys.TOKEN)] = "a-new-token"
    scope(*manual).succeeded()
    once_each(fritz, 6)


def test_an_unreachable_marshal_is_one_error(
    scope: Scope, fritz: Fritz, manual: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_FRITZ_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ASTRODOME_FRITZ_SLEEP_TIME", "0")
    gone = scope(*manual, "--jobs", "1")
    assert gone.code == 1 and gone.err.count("Connection refused") == 1
    assert "Traceback" not in gone.err


def test_the_remaining_rows_are_skipped_if_the_marshal_stops_responding(
    scope: Scope, marshal: FakeServer, manual: list[str]
) -> None:
    marshal.choose = lambda request: "reset" if request.path.startswith("/api/sources") else ""
    gone = scope(*manual, "--jobs", "1")
    assert gone.code == 1 and gone.err.count("Not processed because") == 3
    assert "Traceback" not in gone.err


def test_two_processes_cannot_change_a_marshal_at_the_same_time(
    scope: Scope, marshal: FakeServer, manual: list[str]
) -> None:
    with journal.open_journal(marshal.url):
        refused = scope(*manual)
    assert refused.code == 1 and "Another process is using" in refused.err


def test_requests_do_not_exceed_the_configured_rate(
    scope: Scope, marshal: FakeServer, manual: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTRODOME_FRITZ_RATE", "40")
    begun = time.monotonic()
    scope(*manual, "--jobs", "8").succeeded()
    assert len(marshal.requests) / (time.monotonic() - begun) <= 42


def test_the_journal_contains_every_request_with_its_result(
    scope: Scope, marshal: FakeServer, fritz: Fritz, manual: list[str]
) -> None:
    lost = iter([False, True])
    marshal.choose = lambda request: (
        "lost" if "comments" in request.path and request.method == "POST" and next(lost, 0) else ""
    )
    scope(*manual, "--jobs", "1").succeeded()
    calls = journal.RequestJournal(journal.path_of(marshal.url)).calls()
    assert len(calls) == 5 * 6
    assert [call["state"] for call in calls].count(journal.FOUND) == 1
    assert {call["state"] for call in calls} == {journal.DONE, journal.FOUND}
    assert all(re.match(r"ZTFJ\d{6}\.\d\d[+-]\d{6}\.\d$", call["obj_id"]) for call in calls)
    once_each(fritz, 6)
