"""The health checks of the services and of the configuration files."""

from __future__ import annotations

from pathlib import Path

import pytest
from astrodome.testing import Result, run
from services.fake_server import FakeServer, Request, Response


def doctor(*args: object) -> Result:
    return run("scope", "plugins", "doctor", *args, "--json", plugin="astrodome_ztf_scope.plugin")


@pytest.mark.usefixtures("astrodome_home")
def test_services_are_reached_without_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    def respond(request: Request) -> Response:
        return Response(status=401)

    monkeypatch.setenv("ASTRODOME_FRITZ_TOKEN", "a-secret")
    with FakeServer(respond) as server:
        for name in ("KOWALSKI", "FRITZ", "GCS"):
            monkeypatch.setenv(f"ASTRODOME_{name}_URL", server.url)
        doctor("--online").succeeded()
        assert len(server.requests) == 3
        assert not any("a-secret" in str(request.headers) for request in server.requests)
    monkeypatch.setenv("ASTRODOME_FRITZ_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ASTRODOME_KOWALSKI_URL", "http://127.0.0.1:9")
    result = doctor("--online")
    found = [row["finding"] for row in result.json if row["status"] == "wrong"]
    assert result.code == 1
    assert any("Fritz" in text for text in found) and any("Kowalski" in text for text in found)


@pytest.mark.usefixtures("astrodome_home")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("training: {classes: {}}\nfeatures: {}\n", ""),
        ("trainig: {}\n", "'trainig': unknown"),
        ("training: {epochs: many}\n", "training"),
        ("taxonomy: [1]\n", "'taxonomy' must be a mapping"),
    ],
)
def test_the_sections_of_scope_are_checked(text: str, fault: str) -> None:
    Path("config.yaml").write_text(text)
    rows = doctor().json
    wrong = [row["finding"] for row in rows if row["status"] == "wrong"]
    assert len(wrong) == bool(fault) and all(fault in finding for finding in wrong), wrong
    notes = [row["finding"] for row in rows if row["status"] == "note"]
    assert not any("no active plugin" in note and "training'" in note for note in notes)
