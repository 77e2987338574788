"""Valid and faulty plugins of third parties in an environment: they do not affect the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from astrodome.registry import STATES

if TYPE_CHECKING:
    from .conftest import Environment

    Build = Callable[[str, str], Path]

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(900)]

GOOD = '''
from astrodome import CommandSpec, hookimpl

@hookimpl
def register_commands():
    yield CommandSpec({name!r}, __name__ + ":look", help="Look as a third party.")

def look():
    """Look once."""
    print("looked")
'''
BROKEN = "raise RuntimeError('the dome is stuck')\n"
OLDER = "REQUIRES_API = (1, 0)\n"
NEWER = "REQUIRES_API = (99, 0)\n"


@pytest.fixture
def site(goes_alone: Environment) -> Iterator[Environment]:
    """An environment with one of our plugins; other plugins are uninstalled after the test."""
    before = goes_alone.distributions()
    yield goes_alone
    if left := goes_alone.distributions() - before:
        goes_alone.pip("uninstall", *left)


def states(site: Environment, **environ: str) -> dict[str, tuple[str, str]]:
    rows = site.run("sdo", "plugins", "list", "--json", **environ).json
    return {row["name"]: (row["status"], row["error"]) for row in rows}


def commands(site: Environment, **environ: str) -> str:
    return site.run("sdo", "--help", **environ).out


def test_no_plugin_is_loaded_when_the_environment_names_none(goes_alone: Environment) -> None:
    empty = {"ASTRODOME_PLUGINS": ""}
    disabled = ("disabled", "ASTRODOME_PLUGINS does not contain it")
    assert states(goes_alone, **empty) == {"goes": disabled, "solar": disabled}
    assert "GOES soft X-ray" not in commands(goes_alone, **empty)
    refused = goes_alone.run("sdo", "goes", "flares", code=2, **empty)
    assert "disabled" in refused.err and "ASTRODOME_PLUGINS" in refused.err
    assert "GOES soft X-ray" in commands(goes_alone, ASTRODOME_PLUGINS="goes,another")


def test_a_disabled_plugin_is_not_loaded_until_it_is_enabled(goes_alone: Environment) -> None:
    goes_alone.run("sdo", "plugins", "disable", "goes")
    assert states(goes_alone)["goes"][0] == "disabled"
    refused = goes_alone.run("sdo", "goes", "flares", code=2)
    assert "Hint: sdo plugins enable goes" in refused.err
    assert goes_alone.run("sdo", "plugins", "doctor").err == ""
    goes_alone.run("sdo", "plugins", "enable", "astrodome-goes")
    assert states(goes_alone)["goes"][0] == "active"
    assert "flares" in goes_alone.run("sdo", "goes", "--help").out


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (BROKEN, "failed", "RuntimeError: the dome is stuck"),
        (
            OLDER,
            "incompatible",
            "it was written for version 1.0, but the installed astrodome provides",
        ),
        (NEWER, "incompatible", "it requires version 99.0 of the plugin interface"),
    ],
    ids=["broken", "older", "newer"],
)
def test_a_faulty_plugin_causes_one_warning_and_can_be_removed(
    site: Environment, stranger: Build, code: str, status: str, reason: str
) -> None:
    site.pip("install", "--no-deps", stranger("sdo-bad", code))
    ran = site.run("sdo", "goes", "--help")
    (warning,) = ran.err.splitlines()
    assert warning.startswith(f"Warning: the plugin bad {STATES[status]}: {reason}")
    assert "flares" in ran.out
    typed = {"_SDO_COMPLETE": "complete_bash", "COMP_WORDS": "sdo ", "COMP_CWORD": "1"}
    completed = site.run("sdo", **typed)
    assert "goes" in completed.out.split() and completed.err == ""

    found = states(site)
    assert found["goes"] == ("active", "")
    assert found["bad"][0] == status and found["bad"][1].startswith(reason)
    examined = site.run("sdo", "plugins", "doctor", code=1)
    assert f"bad\twrong\t{status}: {reason}" in examined.out

    site.run("sdo", "plugins", "uninstall", "bad")
    assert site.run("sdo", "goes", "--help").err == ""
    assert set(states(site)) == {"goes", "solar"}


def test_a_command_that_two_plugins_register_is_an_error_that_names_both(
    site: Environment, stranger: Build
) -> None:
    wheels = [
        stranger("sdo-rival", GOOD.format(name="goes")),
        stranger("sdo-calm", GOOD.format(name="calm")),
    ]
    site.pip("install", "--no-deps", *wheels)
    refused = site.run("sdo", "goes", "flares", code=1)
    assert "astrodome-goes" in refused.err and "sdo-rival" in refused.err
    assert site.run("sdo", "calm").out == "looked\n"
    examined = site.run("sdo", "plugins", "doctor", "--json", code=1)
    assert "registered by astrodome-goes and by sdo-rival" in examined.out

    site.run("sdo", "plugins", "disable", "rival")
    assert "flares" in site.run("sdo", "goes", "--help").out
