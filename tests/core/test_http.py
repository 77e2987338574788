"""HTTP requests to a local server that can fail in many ways."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from astrodome import AstrodomeError, http
from services.fake_server import FakeServer, Request, Response

BODY = json.dumps({"stars": list(range(500))}).encode()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    def answer(request: Request) -> Response:
        return Response(b"missing", 404) if request.path == "/nothing" else Response(BODY)

    with FakeServer(answer) as running:
        yield running


@pytest.fixture
def client() -> requests.Session:
    return http.session(retries=3, backoff=0.01, timeout=(1, 0.5))


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "429", "429 after 0", "reset"])
def test_a_temporary_fault_is_retried(
    server: FakeServer, client: requests.Session, fault: str
) -> None:
    server.add_faults(fault, fault)
    assert len(http.get(client, server.url, "The server").json()["stars"]) == 500
    assert len(server.requests) == 3


def test_a_retry_is_not_logged_with_its_address(
    server: FakeServer, client: requests.Session, caplog: pytest.LogCaptureFixture
) -> None:
    server.add_faults("500", "reset")
    http.get(client, f"{server.url}/?token=secret", "The server")
    assert not caplog.records


def test_retry_after_delays_the_next_request(server: FakeServer, client: requests.Session) -> None:
    server.add_faults("429 after 1")
    started = time.monotonic()
    http.get(client, server.url, "The server")
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [("500", "returned 500"), ("never", "timeout"), ("cut", "IncompleteRead"),
     ("loop", "redirect")],
)  # fmt: skip
def test_the_error_for_a_permanent_fault_names_the_service(
    server: FakeServer, client: requests.Session, fault: str, words: str
) -> None:
    server.add_faults(*[fault] * 12)
    with pytest.raises(AstrodomeError, match=words) as failure:
        http.get(client, server.url, "The server")
    assert failure.value.message.startswith("The server") and "\n" not in failure.value.message


def test_a_refused_connection_is_an_error(client: requests.Session) -> None:
    with pytest.raises(AstrodomeError, match=r"did not respond at http://127\.0\.0\.1:1"):
        http.get(client, "http://127.0.0.1:1/x", "The server")


def test_a_post_is_never_repeated(server: FakeServer, client: requests.Session) -> None:
    server.add_faults("503", "503")
    assert client.post(server.url, json={"label": "RR Lyrae"}).status_code == 503
    assert len(server.requests) == 1


def test_secrets_are_sent_but_not_shown(server: FakeServer) -> None:
    client = http.session(token="s3cret", scheme="token")
    address = server.url.replace("http://", "http://user:s3cret@") + "/nothing?token=s3cret&x=1"
    with pytest.raises(AstrodomeError) as failure:
        http.get(client, address, "The server")
    assert "s3cret" not in str(failure.value) and "token=***" in str(failure.value)
    http.get(client, server.url, "The server")
    assert server.requests[-1].headers["Authorization"] == "token s3cret"


def test_a_status_error_has_the_status_and_the_time_to_wait(server: FakeServer) -> None:
    once = http.session(retries=0, timeout=(1, 0.5))
    for fault, status, seconds in (("404", 404, None), ("503 after 7", 503, 7), ("429", 429, None)):
        server.add_faults(fault)
        with pytest.raises(http.StatusError) as refused:
            http.get(once, server.url, "The server")
        assert (refused.value.status, refused.value.retry_after) == (status, seconds)
    server.add_faults("503 after Wed, 21 Oct 2015 07:28:00 GMT")
    with pytest.raises(http.StatusError) as refused:
        http.get(once, server.url, "The server")
    assert refused.value.retry_after == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [("drip", "did not send the complete"), ("cut", "failed during the transfer")],
)
def test_an_incomplete_or_late_body_is_an_error(server: FakeServer, fault: str, words: str) -> None:
    once = http.session(retries=0, timeout=(1, 0.5))
    answer = http.get(once, server.url, "The server", stream=True)
    assert http.content(answer, "The server", deadline=5) == BODY
    server.add_faults(fault)
    started = time.monotonic()
    with pytest.raises(AstrodomeError, match=words):
        http.content(http.get(once, server.url, "It", stream=True), "It", deadline=0.3)
    assert time.monotonic() - started < 20


def test_a_body_without_end_is_not_kept_in_memory(server: FakeServer) -> None:
    once = http.session(retries=0, timeout=(1, 0.5))
    answer = http.get(once, server.url, "The server", stream=True)
    with pytest.raises(AstrodomeError, match="larger than 1000 bytes"):
        http.content(answer, "The server", deadline=5, limit=1000)


REDIRECTS = (301, 302, 303, 307, 308)


@pytest.fixture
def other() -> Iterator[FakeServer]:
    """Another server, which can respond to the request."""
    with FakeServer(lambda request: Response(BODY)) as running:
        yield running


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_that_changes_something_does_not_follow_a_redirect(
    server: FakeServer, other: FakeServer, client: requests.Session, method: str, status: int
) -> None:
    for target in (f"{other.url}/x?token=s3cret", "/elsewhere", ""):
        server.requests.clear()
        server.add_faults(f"{status} to {target}")
        with pytest.raises(http.RedirectError) as failure:
            client.request(method, f"{server.url}/made", json={"label": "RR Lyrae"})
        assert [request.path for request in server.requests] == ["/made"] and not other.requests
        message = failure.value.message
        assert f"{method} {server.url}/made was redirected to" in message
        assert target.partition("?")[0] in message and "s3cret" not in message
        assert message.endswith("nothing was changed.")


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_request_redirected_to_another_server_contains_no_secret(
    server: FakeServer, other: FakeServer, status: int
) -> None:
    client = http.session(token="s3cret", scheme="token", headers={"X-Api-Key": "s3cret"})
    client.cookies.set("session", "s3cret", domain="127.0.0.1")
    server.add_faults(f"{status} to {other.url}/a")
    other.add_faults(f"{status} to /again", f"{status} to {server.url}/back")
    assert http.get(client, server.url, "The server", headers={"Range": "bytes=0-"}).content == BODY
    assert [request.path for request in server.requests] == ["/", "/back"]
    shown = [request.headers for request in other.requests]
    assert len(shown) == 2
    assert not any("s3cret" in value for headers in shown for value in headers.values())
    assert all(headers["Range"] == "bytes=0-" for headers in shown)


def test_a_request_redirected_on_the_same_server_keeps_its_token(server: FakeServer) -> None:
    client = http.session(token="s3cret", scheme="token", headers={"X-Api-Key": "s3cret"})
    server.add_faults("302 to /moved", "308 to /moved/again")
    http.get(client, server.url, "The server")
    assert [request.path for request in server.requests] == ["/", "/moved", "/moved/again"]
    for request in server.requests:
        assert request.headers["Authorization"] == "token s3cret"
        assert request.headers["X-Api-Key"] == "s3cret"


def test_a_netrc_file_does_not_replace_the_token(
    server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other")
    monkeypatch.setenv("NETRC", str(netrc))
    http.get(http.session(token="s3cret", scheme="token"), server.url, "The server")
    assert server.requests[-1].headers["Authorization"] == "token s3cret"


def test_a_request_is_repeated_exactly_the_given_number_of_times(server: FakeServer) -> None:
    client = http.session(retries=2, backoff=0.01, timeout=(1, 0.5))
    server.add_faults("503", "503")
    http.get(client, server.url, "The server")
    assert len(server.requests) == 3
    server.add_faults("503", "503", "503")
    with pytest.raises(http.StatusError):
        http.get(client, server.url, "The server")
    assert len(server.requests) == 6


def test_a_body_of_exactly_the_limit_is_accepted(server: FakeServer) -> None:
    once = http.session(retries=0, timeout=(1, 0.5))

    def body(limit: int) -> bytes:
        answer = http.get(once, server.url, "The server", stream=True)
        return http.content(answer, "The server", deadline=5, limit=limit)

    assert body(len(BODY)) == BODY
    with pytest.raises(AstrodomeError, match=f"larger than {len(BODY) - 1} bytes"):
        body(len(BODY) - 1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("3", 3), ("-3", None), ("nan", None), ("inf", None), ("soon", None), ("", None)],
)
def test_only_a_number_or_a_date_in_retry_after_is_used(text: str, seconds: float | None) -> None:
    assert http.retry_after(text) == seconds


def test_a_future_date_in_retry_after_gives_the_time_to_wait() -> None:
    from email.utils import formatdate

    wait = http.retry_after(formatdate(time.time() + 100, usegmt=True))
    assert wait is not None and 97 < wait <= 100


@pytest.mark.parametrize(("status", "hint"), [("401", True), ("403", True), ("404", False)])
def test_a_token_is_mentioned_only_where_it_may_be_the_cause(
    server: FakeServer, client: requests.Session, status: str, hint: bool
) -> None:
    server.add_faults(status)
    with pytest.raises(http.StatusError) as refused:
        http.get(client, server.url, "The server")
    assert ("token" in refused.value.hint) is hint
    assert refused.value.status == int(status)


@pytest.mark.parametrize("name", ["token", "password", "apikey", "api_key", "secret", "Token"])
def test_a_secret_in_an_address_is_never_shown(name: str) -> None:
    shown = http.shown(f"https://user:s3cret@example.org:8443/a?x=1&{name}=s3cret&y=2#z")
    assert shown == f"https://example.org:8443/a?x=1&{name}=***&y=2#z"


def test_a_truncated_response_with_content_encoding_is_an_error(client: requests.Session) -> None:
    import gzip

    def answer(request: Request) -> Response:
        return Response(gzip.compress(BODY * 50), headers={"Content-Encoding": "gzip"})

    with FakeServer(answer) as server:
        assert http.get(client, server.url, "It").content == BODY * 50
        server.add_faults("cut")
        with pytest.raises(AstrodomeError):
            http.get(client, server.url, "It")
