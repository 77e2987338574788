"""Check whether services can be reached, on loopback."""

from __future__ import annotations

import pytest
from astrodome import http
from services.fake_server import FakeServer, Request, Response


@pytest.mark.parametrize(("status", "problems"), [(200, 0), (404, 0), (401, 0), (503, 1)])
def test_an_error_of_the_server_is_a_problem(status: int, problems: int) -> None:
    def respond(request: Request) -> Response:
        return Response(status=status)

    with FakeServer(respond) as server:
        found = http.unreachable({"The dome": server.url})
    assert len(found) == problems
    assert all("dome" in text for text in found)


def test_each_service_without_a_response_is_a_problem() -> None:
    services = {"The dome": "http://127.0.0.1:9", "The sky": "http://127.0.0.1:9", "Nothing": ""}
    found = http.unreachable(services, timeout=1)
    assert len(found) == 2 and "dome" in found[0] and "sky" in found[1]


def test_an_invalid_url_is_a_problem() -> None:
    (found,) = http.unreachable({"The dome": "no url"}, timeout=1)
    assert "dome" in found
