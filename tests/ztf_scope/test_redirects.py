"""Redirects from Fritz and Kowalski cause no change, and no secret is sent to another server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from astrodome import AstrodomeError
from astrodome.testing import Result
from astrodome_ztf_scope.catalogues import kowalski_client
from astrodome_ztf_scope.catalogues.kowalski import KowalskiCatalogue as Client
from services.fake_server import FakeServer, Request
from services.fritz import Fritz
from services.kowalski import Kowalski
from ztf_scope.survey import TOKEN, Survey

Scope = Callable[..., Result]

REDIRECTS = (301, 302, 303, 307, 308)
TABLES = ("sources", "saved", "classifications", "annotations", "comments", "photometry")


@pytest.fixture
def other() -> Iterator[tuple[Fritz, FakeServer]]:
    """Another marshal that accepts the same token and would execute any request."""
    store = Fritz(token=TOKEN)
    with store.server() as twin:
        yield store, twin


def state(fritz: Fritz) -> dict[str, object]:
    return {table: fritz.rows(f"SELECT * FROM {table}") for table in TABLES}


def redirecting(marshal: FakeServer, status: int, target: str, *methods: str) -> None:
    def choose(request: Request) -> str:
        chosen = request.method in methods and not request.path.startswith("/login")
        return f"{status} to {target or request.path}" if chosen else ""

    marshal.choose = choose


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("action", ["post", "update", "delete"])
def test_a_redirected_change_of_an_annotation_fails_and_changes_nothing(
    scope: Scope,
    marshal: FakeServer,
    fritz: Fritz,
    other: tuple[Fritz, FakeServer],
    action: str,
    status: int,
) -> None:
    fritz.add_source("ZTFJ1", 10, 20, 500)
    if action != "post":
        fritz.post_annotation({"origin": "mine", "data": {"period": 1.5}}, "ZTFJ1")
    before = state(fritz)
    elsewhere, twin = other
    for target in (f"{twin.url}/api/sources/ZTFJ1/annotations", "/login", ""):
        redirecting(marshal, status, target, "POST", "PUT", "DELETE")
        line = ["manage-annotation", "-action", action, "-source", "ZTFJ1", "-origin", "mine"]
        result = scope(*line, "-key", "period", "-value", "2.5", "-token", TOKEN, "--json")
        assert result.code == 1 and result.json["changes"] == []
        (failed,) = result.json["failed"]
        assert marshal.url in failed["reason"] and target.partition("/api")[0] in failed["reason"]
        assert "nothing was changed." in failed["reason"]
        assert state(fritz) == before
        assert not list(Path().glob("annotations-undo-*"))
    assert not twin.requests and not any(state(elsewhere).values())
    calls = scope("journal", "--json").json
    assert {call["state"] for call in calls} == {"refused"}
    marshal.choose = lambda request: ""
    scope(*line, "-key", "period", "-value", "2.5", "-token", TOKEN).succeeded()
    assert state(fritz) != before


def test_an_upload_stops_at_the_first_redirected_change(
    scope: Scope, marshal: FakeServer, fritz: Fritz, survey: Survey, tmp_path: Path
) -> None:
    redirecting(marshal, 302, "/login", "POST", "PUT")
    file = survey.csv(tmp_path / "sample.csv")
    line = ["upload-classification", "-file", str(file), "-group_ids", "500", "-token", TOKEN]
    line += ["--catalogue", survey.catalogue, "--jobs", "1", "--json"]
    result = scope(*line)
    assert result.code == 1 and len(result.json["failed"]) == 6 and not any(state(fritz).values())
    assert [request.method for request in marshal.requests].count("POST") == 1
    assert all("Not processed" in one["reason"] for one in result.json["failed"][1:])
    marshal.choose = lambda request: ""
    assert scope(*line).succeeded().json["done"] == 6


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirected_read_gives_the_token_to_no_other_server(
    scope: Scope, marshal: FakeServer, fritz: Fritz, other: tuple[Fritz, FakeServer], status: int
) -> None:
    fritz.add_source("ZTFJ1", 10, 20, 500)
    _, twin = other
    redirecting(marshal, status, f"{twin.url}/api/sources/ZTFJ1/annotations", "GET")
    line = ["manage-annotation", "-action", "post", "-source", "ZTFJ1", "-origin", "mine"]
    result = scope(*line, "-key", "period", "-value", "2.5", "-token", TOKEN)
    assert result.code == 1 and not fritz.count("annotations")
    assert twin.requests and TOKEN not in json.dumps([r.headers for r in twin.requests])


@pytest.fixture
def kowalski(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    store = Kowalski(TOKEN, "astronomer", "open sesame")
    store.store("ZTF_sources_20240117", [{"_id": 1, "ra": 10.0, "dec": 20.0}])
    with store.server() as twin:
        monkeypatch.setenv("ASTRODOME_KOWALSKI_URL", twin.url)
        monkeypatch.setattr(kowalski_client, "BACKOFF", 0.01)
        yield twin


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("login", [False, True])
def test_no_request_to_kowalski_follows_a_redirect(
    kowalski: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    login: bool,
    status: int,
) -> None:
    if login:
        account = {"username": "astronomer", "password": "open sesame", "protocol": "http"}
        host, port = kowalski.url.removeprefix("http://").split(":")
        account |= {"host": host, "port": port}
        Path("secrets.json").write_text(json.dumps({"gloria": account}))
    else:
        monkeypatch.setenv("ASTRODOME_KOWALSKI_TOKEN", TOKEN)
    with Kowalski(TOKEN, "astronomer", "open sesame").server() as other:
        for target in (f"{other.url}/api/queries", "/api/elsewhere"):
            kowalski.requests.clear()
            kowalski.add_faults(f"{status} to {target}")
            with pytest.raises(AstrodomeError, match="was redirected to") as failure:
                list(Client().find("sources", {}))
            assert kowalski.url in failure.value.message and target in failure.value.message
            assert "password" not in str(failure.value) and TOKEN not in str(failure.value)
            assert len(kowalski.requests) == 1
        client = Client()
        assert client.collections() == ["ZTF_sources_20240117"]
        kowalski.add_faults(f"{status} to {other.url}/api/queries")
        with pytest.raises(AstrodomeError, match="was redirected to"):
            list(client.find("sources", {}))
        assert not other.requests
        assert [one["_id"] for one in client.find("sources", {}, ("ra",))] == [1]
