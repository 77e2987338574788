"""Each kind of misbehaviour of a plugin is contained or documented, and is reported."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from core.misbehaviours import ALL, Misbehaviour, worker

MIRROR = ["mirror", "ce_vae"]
LIST = ["plugins", "list", "--json"]
DOCTOR = ["plugins", "doctor", "--json"]
IN_FORK = [name for name, each in ALL.items() if not each.process]
IN_PROCESS = [name for name, each in ALL.items() if each.process]
PAGE = Path(__file__).parents[2] / "docs" / "generate_misbehaviour.py"

Step = Callable[..., Any]

pytestmark = pytest.mark.requires("astrodome_sood", "astrodome_sdo_data")


def start(*preloaded: str) -> Iterator[Step]:
    """Yield a function that sends a step to a worker process and returns its result."""
    process = subprocess.Popen(
        [sys.executable, "-P", worker.__file__, *preloaded],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin and process.stdout

    def step(name: str, **request: Any) -> Any:
        process.stdin.write(json.dumps({"step": name, **request}) + "\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        found = json.loads(process.stdout.readline())  # type: ignore[union-attr]
        assert found["value"] is not None, found["err"]
        return found["value"]

    yield step
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.fixture(scope="module")
def light() -> Iterator[Step]:
    """Return a worker that has imported the host only."""
    yield from start()


@pytest.fixture(scope="module")
def numerical() -> Iterator[Step]:
    """Return a worker that has also imported the contract classes for models and sources."""
    yield from start("astrodome_sood.testing", "astrodome_solar.testing")


def add(case: Misbehaviour, observatory: Any) -> None:
    observatory.add("mirror")
    if case.cli:
        observatory.add("odd", case.plugin, cli=case.cli)
    else:
        observatory.add("odd", case.plugin)


@pytest.mark.parametrize("name", IN_FORK)
def test_the_misbehaviour_is_contained_and_reported(
    name: str, observatory: Any, request: pytest.FixtureRequest
) -> None:
    case = ALL[name]
    add(case, observatory)
    heavy = case.contract in ("model", "images")
    step: Step = request.getfixturevalue("numerical" if heavy else "light")
    folder = str(observatory.folder)
    lines = [MIRROR, LIST, DOCTOR, *([list(case.run)] if case.run else [])]
    mirror, listed, doctor, *ran = step("commands", folder=folder, commands=lines)

    expected = "looked 1\n" if not case.other else ""
    assert (mirror["code"], mirror["out"]) == (case.other, expected), mirror["err"]
    assert listed["code"] == 0, listed["err"]
    (row,) = [row for row in json.loads(listed["out"]) if row["name"] == "odd"]
    assert row["status"] == case.status
    check(case, "listed", row["error"])
    check_doctor(case, doctor)
    for result in ran:
        assert "Traceback" not in result["err"]
        assert result["code"] == case.code, result
        assert result["out"] == case.out or case.out is None, result
        assert case.err in result["err"]

    problems = step("kit", folder=folder)
    if case.contract:
        problems += step("contract", folder=folder, contract=case.contract)
    check(case, "kit", "\n".join(problems))


def check(case: Misbehaviour, by: str, found: str) -> None:
    """Check that the text contains the expected message, or that it is empty."""
    expected = case.named(by)
    assert expected in found and bool(found) == bool(expected), f"{by}: {found!r}"


def check_doctor(case: Misbehaviour, doctor: dict[str, Any]) -> None:
    rows = json.loads(doctor["out"])
    # A note reports that the kinds of the distributions of this repository are not installed.
    kinds = ("wrong", "optional", *(["note"] if case.finding == "note" else []))
    found = [row for row in rows if row["plugin"] in ("odd", "") and row["status"] in kinds]
    check(case, "doctor", "\n".join(row["finding"] for row in found))
    wrong = bool(case.named("doctor")) and case.finding == "wrong"
    assert {row["status"] for row in found} <= {case.finding}
    assert doctor["code"] == wrong, doctor["err"]


@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_plugin_that_ends_the_process_can_be_disabled(name: str, observatory: Any) -> None:
    case = ALL[name]
    add(case, observatory)
    assert not (case.message or case.listed or case.doctor or case.kit)
    process = subprocess.Popen(
        [sys.executable, "-c", "from astrodome.app import main; main('observatory')", *MIRROR],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": observatory.search_path},
    )
    try:
        out, _ = process.communicate(timeout=60 if case.code is not None else 5)
        assert process.returncode == case.code and out == ""
    except subprocess.TimeoutExpired:
        assert case.code is None
        process.kill()
        process.communicate()
    assert observatory.run("plugins", "disable", "odd").returncode == 0
    assert observatory.run(*MIRROR).stdout == "looked 1\n"


def test_an_exit_function_that_fails_does_not_change_the_exit_status(observatory: Any) -> None:
    add(ALL["registers an exit function that fails"], observatory)
    ran = observatory.run(*MIRROR)
    assert (ran.returncode, ran.stdout) == (0, "looked 1\n")
    assert "ZeroDivisionError" in ran.stderr


def test_there_are_at_least_60_kinds() -> None:
    assert len(ALL) >= 60


def test_the_page_is_up_to_date() -> None:
    generate = runpy.run_path(str(PAGE))
    assert generate["TARGET"].read_text("utf-8") == generate["page"](), "Run make docs."
