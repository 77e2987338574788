"""The health check of the services of the image sources."""

from __future__ import annotations

import pytest
from astrodome.testing import Result, run
from services.fake_server import FakeServer, Request, Response

UNUSED = "http://127.0.0.1:9"


def doctor(*args: object) -> Result:
    return run("sdo", "plugins", "doctor", *args, "--json", plugin="astrodome_sdo_data.plugin")


@pytest.mark.usefixtures("astrodome_home")
def test_each_service_that_cannot_be_reached_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def respond(request: Request) -> Response:
        return Response(status=404)

    with FakeServer(respond) as server:
        for name in ("GSU", "HELIOVIEWER", "JSOC"):
            monkeypatch.setenv(f"ASTRODOME_{name}_URL", server.url)
        doctor("--online").succeeded()
        assert len(server.requests) == 3
        monkeypatch.setenv("ASTRODOME_JSOC_URL", UNUSED)
        monkeypatch.setenv("ASTRODOME_FIDO_URL", f"{UNUSED}/vso.wsdl")
        result = doctor("--online")
    found = [row["finding"] for row in result.json if row["status"] == "wrong"]
    assert result.code == 1 and len(found) == 2
    assert all(text.startswith("image-services: ") for text in found)
    assert "JSOC" in found[0] and "VSO" in found[1]
