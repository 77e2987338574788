"""Tokens are sent only to the marshal for which they are configured."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from astrodome.testing import Result
from services.fake_server import FakeServer
from services.fritz import Fritz
from ztf_scope.survey import TOKEN, Survey, taxonomy_map
from ztf_scope.test_upload import MANUAL

Scope = Callable[..., Result]

START = "import sys; sys.argv[0] = 'scope'; from astrodome.start import run; run()"
FAULTS = ("401", "500", "", "html", "reset", "lost", "429 after 0", "cut")


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.timeout(1200)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process hide its arguments")
def test_output_logs_journal_and_process_list_do_not_contain_the_token(
    tmp_path: Path, marshal: FakeServer, survey: Survey, torture: Callable[[int, int], int]
) -> None:
    survey.csv(tmp_path / "sample.csv")
    taxonomy_map(tmp_path / "map.json")
    said = b""

    def scope(state: str, *line: str) -> None:
        nonlocal said
        running = subprocess.Popen(
            [sys.executable, "-c", START, "--debug", *line],
            cwd=tmp_path,
            env=os.environ | {"ASTRODOME_HOME": str(tmp_path / state)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if any(TOKEN in word for word in line):
            hidden_soon(running)
        said += running.communicate(timeout=120)[0]

    annotation = "manage-annotation -action post -source ZTFnone -origin o -key k -value 1"
    for fault in FAULTS[: torture(2, len(FAULTS))]:
        numbers = itertools.count(1)
        marshal.choose = lambda request, f=fault, n=numbers: f if next(n) % 5 == 0 else ""
        scope(f"state{fault}", *MANUAL, "--catalogue", survey.catalogue, "--jobs", "2")
        scope(f"state{fault}", *annotation.split(), f"-token={TOKEN}")
        scope(f"state{fault}", "journal")
    shown = [value for request in marshal.requests for value in request.headers.values()]
    assert f"token {TOKEN}" in shown and b"urllib3" in said  # the output contains the log
    assert TOKEN.encode() not in said
    assert TOKEN.encode() not in everything(tmp_path)


def hidden_soon(running: subprocess.Popen[bytes]) -> None:
    """Wait until the token disappears from the list of processes after the start of Python."""
    path = Path(f"/proc/{running.pid}/cmdline")
    deadline = time.monotonic() + 30
    while running.poll() is None and time.monotonic() < deadline:
        arguments = path.read_bytes()
        if b"***" in arguments:
            assert TOKEN.encode() not in arguments
            return
        time.sleep(0.01)
    pytest.fail("the token stayed in the list of processes")


def test_a_token_in_a_response_is_masked(scope: Scope, marshal: FakeServer, fritz: Fritz) -> None:
    fritz.tokens = {"another"}
    refused = scope("--debug", "taxonomy", "show", "--token", TOKEN)
    assert refused.code == 1 and "rejected the token" in refused.err
    assert TOKEN not in refused.err + refused.out and "***" in refused.err


def test_a_token_is_found_in_secrets_json_and_in_the_environment(
    scope: Scope, marshal: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("secrets.json").write_text(f'{{"fritz": {{"token": "{TOKEN}", "url": "{marshal.url}"}}}}')
    monkeypatch.delenv("ASTRODOME_FRITZ_URL")
    assert scope("taxonomy", "show", "--json").succeeded().json
    Path("secrets.json").unlink()
    monkeypatch.setenv("ASTRODOME_FRITZ_URL", marshal.url)
    monkeypatch.setenv("ASTRODOME_FRITZ_TOKEN", TOKEN)
    assert scope("taxonomy", "show", "--json").succeeded().json


def test_an_invalid_token_is_neither_sent_nor_shown(scope: Scope, marshal: FakeServer) -> None:
    for wrong in (f"{TOKEN} x", f"{TOKEN}…", f"{TOKEN}\nx"):
        refused = scope("--debug", "taxonomy", "show", "--token", wrong)
        assert refused.code == 2 and "Invalid token" in refused.err
        assert TOKEN not in refused.err
    assert not marshal.requests
    assert scope("taxonomy", "show", "--token", f" {TOKEN}\n").code == 0


def test_a_token_is_not_sent_to_an_address_from_the_current_folder(
    scope: Scope, marshal: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASTRODOME_FRITZ_URL")
    Path("config.yaml").write_text(f"fritz: {{url: '{marshal.url}'}}\n")
    Path("secrets.json").write_text(f'{{"fritz": "{TOKEN}"}}')
    for line in (["taxonomy", "show"], ["taxonomy", "show", "--token", TOKEN]):
        refused = scope(*line)
        assert refused.code == 1 and "was not sent" in refused.err
        assert TOKEN not in refused.err
    assert not marshal.requests
    assert scope("--config", "config.yaml", "taxonomy", "show", "--token", TOKEN).code == 0


def test_the_error_for_an_invalid_secrets_json_does_not_quote_it(
    scope: Scope, marshal: FakeServer
) -> None:
    Path("secrets.json").write_text(f'{{"fritz": {{"token": "{TOKEN}"')
    refused = scope("taxonomy", "show")
    assert refused.code == 1 and "secrets.json is not a JSON object" in refused.err
    assert not re.search(TOKEN, refused.err)
