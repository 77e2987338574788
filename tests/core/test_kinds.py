"""Declared kinds, their protocols and contracts, health checks, and the interface version."""

from __future__ import annotations

import json
from textwrap import indent
from typing import Any

import pytest

KINDS = """
from astrodome import {names}, hookimpl

@hookimpl
def register_kinds():
    yield KindSpec("seeing", "obs_sky.cli:Seeing", summary="Seeing.", contract="obs_sky.cli:units")
    yield KindSpec("focus", "obs_sky.cli:Focus", "Focus.", role="model", optional=("train",))
"""
SPECS = """
@hookimpl
def register_sources():
    yield SourceSpec("seeing", "dimm", "obs_sky.cli:Dimm", summary="A monitor.")
    yield SourceSpec("clouds", "camera", "obs_sky.cli:Dimm", summary="A camera.")

@hookimpl
def register_models():
    yield ModelSpec("focus", "parabola", "obs_sky.cli:Parabola", "A fit.", verbs=({verbs}))
"""
CLI = """
class Seeing:
    unit = "arcsec"
    def measure(self): ...
class Focus:
    def train(self): ...
    def predict(self): ...
class Dimm:
    unit = "{unit}"
    def measure(self): ...
class Parabola:
    def predict(self): ...
def units(spec, target):
    if target.unit != "arcsec":
        yield f"{{spec.name}} has the unit {{target.unit}}"
"""


def findings(observatory: Any, plugin: str = "sky") -> list[tuple[str, str]]:
    rows = json.loads(observatory.run("plugins", "doctor", "--json").stdout)
    return [(row["status"], row["finding"]) for row in rows if row["plugin"] == plugin]


def add(observatory: Any, unit: str = "arcsec", verbs: str = "'predict',") -> None:
    plugin = KINDS.format(names="KindSpec, ModelSpec, SourceSpec") + SPECS.format(verbs=verbs)
    observatory.add("sky", plugin, cli=CLI.format(unit=unit))


def test_doctor_checks_only_the_given_plugins(observatory: Any) -> None:
    observatory.add("good")
    observatory.add("broken", "import no_such_library")
    assert observatory.run("plugins", "doctor").returncode == 1
    checked = observatory.run("plugins", "doctor", "good", "--json")
    assert checked.returncode == 0
    assert {row["plugin"] for row in json.loads(checked.stdout)} == {"good"}
    broken = observatory.run("plugins", "doctor", "good", "obs-broken", "--json")
    assert broken.returncode == 1
    assert {row["plugin"] for row in json.loads(broken.stdout)} == {"good", "broken"}
    unknown = observatory.run("plugins", "doctor", "bad")
    assert unknown.returncode == 1 and "Plugin not found: 'bad'" in unknown.stderr


def test_doctor_reports_undeclared_kinds_without_failing(observatory: Any) -> None:
    add(observatory)
    assert observatory.run("plugins", "doctor").returncode == 0
    assert findings(observatory) == [
        (
            "note",
            "no installed plugin declares the kind 'clouds' of 'camera', so its protocol is not "
            "checked",
        ),
        ("ok", "6 registered objects can be imported"),
    ]


def test_doctor_checks_the_contract_of_a_kind(observatory: Any) -> None:
    add(observatory, unit="mm")
    assert ("wrong", "dimm has the unit mm") in findings(observatory)


def test_optional_methods_are_required_by_the_verbs_of_a_model(observatory: Any) -> None:
    add(observatory, verbs="'train', 'predict'")
    (wrong,) = [text for status, text in findings(observatory) if status == "wrong"]
    assert wrong == "obs_sky.cli:Parabola lacks train(), which the kind 'focus' requires"


def test_declared_kinds_are_listed(observatory: Any) -> None:
    add(observatory)
    (row,) = json.loads(observatory.run("plugins", "list", "--json").stdout)
    assert row["provides"][-2:] == ["source kind seeing", "model kind focus"]
    assert "sources.seeing\t" in observatory.run("config", "show", "sources").stdout


def test_a_kind_that_two_plugins_declare_is_reported(observatory: Any) -> None:
    add(observatory)
    other = KINDS.format(names="KindSpec").replace("obs_sky", "obs_other")
    observatory.add("other", other, cli=CLI.format(unit="arcsec"))
    doctor = observatory.run("plugins", "doctor")
    assert doctor.returncode == 1
    assert "source kind 'seeing' is registered by obs-other and by obs-sky" in doctor.stdout


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ("return []", ("ok", "1 registered objects can be imported")),
        ("return ['the dome leaks']", ("wrong", "dome: the dome leaks")),
        ("raise OSError('no rain sensor')", ("wrong", "dome: OSError: no rain sensor")),
    ],
)
def test_doctor_runs_health_checks(observatory: Any, body: str, finding: tuple[str, str]) -> None:
    plugin = """
        from astrodome import CheckSpec, hookimpl

        @hookimpl
        def register_checks():
            yield CheckSpec("dome", "obs_sky.cli:dome", summary="The dome.")
    """
    observatory.add("sky", plugin, cli=f"def dome():\n    {body}\n")
    assert finding in findings(observatory)
    assert observatory.run("plugins", "doctor").returncode == (finding[0] == "wrong")


OLD = """
from astrodome import CommandSpec, hookimpl
{line}

@hookimpl
def register_commands():
    yield CommandSpec("old", "obs_old.cli:app", help="Old.")
"""


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        ("REQUIRES_API = (1, 0)", "it was written for version 1.0"),
        (
            "from astrodome.models import Run",
            "it uses an unavailable name (cannot import name 'Run'",
        ),
        (
            "from astrodome.sources import Images",
            "it uses an unavailable name (cannot import name 'Images'",
        ),
    ],
)
def test_a_plugin_for_interface_1_gets_one_message(observatory: Any, line: str, needs: str) -> None:
    observatory.add("old", OLD.format(line=line))
    observatory.add("mirror")
    ran = observatory.run("mirror", "ce_vae")
    assert (ran.returncode, ran.stdout) == (0, "looked 1\n")
    (warning,) = ran.stderr.splitlines()
    assert warning.startswith(f"Warning: the plugin old is incompatible: {needs}")
    assert "the installed astrodome provides version 2.1 of the plugin interface" in warning
    assert "update obs-old, or ask its authors for a version that supports interface 2" in warning


@pytest.mark.parametrize(
    "use", ["from astrodome.sources import Images", "import astrodome\nastrodome.models.Run"]
)
@pytest.mark.parametrize("place", ["import", "command"])
def test_a_name_of_interface_1_in_a_command_gets_the_same_message(
    observatory: Any, use: str, place: str
) -> None:
    cli = f"def app() -> None:\n    'Old.'\n{indent(use, '    ')}\n"
    if place == "import":
        cli = f"{use}\n\ndef app() -> None:\n    'Old.'\n"
    observatory.add("old", OLD.format(line=""), cli=cli)
    ran = observatory.run("old")
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert (
        "the installed astrodome provides version 2.1" in ran.stderr
        and "update obs-old" in ran.stderr
    )
