"""Valid, broken, incompatible and conflicting plugins."""

from __future__ import annotations

import json
import sys
from importlib import invalidate_caches
from typing import Any

import pytest
from astrodome import settings
from astrodome.app import main
from astrodome.registry import STATES


def listed(observatory: Any, **env: str) -> dict[str, dict[str, Any]]:
    ran = observatory.run("plugins", "list", "--json", **env)
    assert ran.returncode == 0, ran.stderr
    return {row["name"]: row for row in json.loads(ran.stdout)}


def test_the_command_of_an_installed_plugin_can_be_run(observatory: Any) -> None:
    observatory.add("mirror", version="2.3")
    assert "Look at mirror." in observatory.run("--help").stdout
    assert observatory.run("mirror", "ce_vae").stdout == "looked 1\n"
    assert listed(observatory)["mirror"] == {
        "name": "mirror",
        "distribution": "obs-mirror",
        "version": "2.3",
        "origin": "",
        "status": "active",
        "provides": ["mirror"],
        "error": "",
    }


def test_debug_shows_the_traceback_of_a_plugin_that_cannot_be_imported(observatory: Any) -> None:
    observatory.add("mirror")
    observatory.add("bad", "raise ValueError('no dome')")
    observatory.add("late", cli="def width():\n    return 1 / 0\nwidth()\n")
    ran = observatory.run("--debug", "mirror", "ce_vae")
    assert ran.returncode == 0 and "obs_bad/plugin.py" in ran.stderr
    assert "Traceback" in ran.stderr and "ValueError: no dome" in ran.stderr
    ran = observatory.run("--debug", "late", "ce_vae")
    assert ran.returncode == 1 and "in width" in ran.stderr
    for args in (("mirror", "ce_vae"), ("late", "ce_vae")):
        assert "Traceback" not in observatory.run(*args).stderr


def test_a_library_that_is_not_required_is_named_with_the_line(observatory: Any) -> None:
    observatory.add("mirror", cli="import sys\nimport no_such_library\n")
    ran = observatory.run("mirror", "ce_vae")
    file = observatory.folder / "obs_mirror/cli.py"
    assert f"No module named 'no_such_library' (line 2 of {file})." in ran.stderr
    assert "it is not in the requirements of obs-mirror" in ran.stderr


@pytest.mark.parametrize(
    ("code", "status", "why"),
    [
        ("import no_such_library", "failed", "No module named 'no_such_library'"),
        ("raise SystemExit('sorry')", "failed", "sorry"),
        ("n = 3\nraise ValueError(n)", "failed", "ValueError: 3 (line 2 of "),
        ("def width():\n    return 1 / 0\nwidth()", "failed", "division by zero (line 2 of "),
        ("def f(:", "failed", "SyntaxError"),
        ("REQUIRES_API = (99, 0)", "incompatible", "requires version 99.0"),
        ("REQUIRES_API = (2, 99)", "incompatible", "update astrodome"),
        ('REQUIRES_API = "1.0"', "incompatible", "expected a tuple"),
        (
            "from astrodome import hookimpl\n@hookimpl\ndef register_comands(): return []",
            "failed",
            "Did you mean 'register_commands'?",
        ),
        (
            "from astrodome import hookimpl\n@hookimpl\ndef register_commands(): return ['goes']",
            "failed",
            "'goes': expected a CommandSpec",
        ),
        (
            "from astrodome import hookimpl, CommandSpec\n@hookimpl\ndef register_commands():\n"
            "    yield CommandSpec('plugins', 'x:y', help='Mine.')",
            "failed",
            "'plugins', which is reserved for the host",
        ),
    ],
)
def test_a_broken_plugin_is_listed_with_the_reason_and_others_work(
    observatory: Any, code: str, status: str, why: str
) -> None:
    observatory.add("mirror")
    observatory.add("bad", code)
    ran = observatory.run("mirror", "ce_vae")
    assert (ran.returncode, ran.stdout) == (0, "looked 1\n")
    assert ran.stderr.count("\n") == 1 and f"the plugin bad {STATES[status]}" in ran.stderr
    row = listed(observatory)["bad"]
    assert row["status"] == status and why in row["error"]
    assert observatory.run("plugins", "doctor").returncode == 1


def test_a_name_registered_twice_cannot_be_used_and_others_can(observatory: Any) -> None:
    taken = """
        from astrodome import CommandSpec, hookimpl

        @hookimpl
        def register_commands():
            yield CommandSpec("mirror", "obs_thief.cli:app", help="Mine now.")
            yield CommandSpec("lens", "obs_thief.cli:app", help="A lens.")
    """
    observatory.add("mirror")
    observatory.add("thief", taken)
    ran = observatory.run("mirror", "ce_vae")
    assert ran.returncode == 1 and ran.stdout == ""
    assert "registered by obs-mirror and by obs-thief" in ran.stderr
    assert observatory.run("lens", "ce_vae").stdout == "looked 1\n"
    doctor = observatory.run("plugins", "doctor")
    assert doctor.returncode == 1 and "obs-mirror and by obs-thief" in doctor.stdout
    observatory.run("plugins", "disable", "thief")
    assert observatory.run("mirror", "ce_vae").stdout == "looked 1\n"


def test_a_disabled_plugin_is_not_imported_until_enabled(observatory: Any) -> None:
    observatory.add("loud", "print('imported')")
    assert observatory.run("plugins", "disable", "obs-loud").returncode == 0
    assert "imported" not in observatory.run("--help").stderr
    assert listed(observatory)["loud"]["status"] == "disabled"
    assert observatory.run("plugins", "enable", "loud").returncode == 0
    assert "imported" in observatory.run("--help").stderr


def test_a_command_that_changes_plugins_imports_none(
    observatory: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    observatory.add("quasar")
    monkeypatch.setattr(sys, "path", [str(observatory.folder), *sys.path])
    monkeypatch.setattr(settings, "options", settings.options)
    invalidate_caches()

    def modules(*args: str) -> set[str]:
        """Run a command, and return the modules of the plugin that it imports."""
        with pytest.raises(SystemExit) as left:
            main("observatory", args)
        assert left.value.code == 0, capsys.readouterr().err
        imported = {name for name in sys.modules if name.startswith("obs_quasar")}
        for name in imported:
            del sys.modules[name]
        return imported

    assert modules("--home", "plugins", "plugins", "disable", "quasar") == set()
    assert modules("plugins", "enable", "quasar") == set()
    capsys.readouterr()
    assert modules("plugins", "list") == {"obs_quasar", "obs_quasar.plugin"}
    assert "\tactive\t" in capsys.readouterr().out
    assert modules("plugins", "doctor") == {"obs_quasar", "obs_quasar.plugin", "obs_quasar.cli"}
    header, row = capsys.readouterr().out.splitlines()
    assert header == "plugin\tstatus\tfinding" and row.startswith("quasar\tok\t")


@pytest.mark.parametrize(("chosen", "active"), [("", set()), ("mirror", {"mirror"})])
def test_the_environment_variable_selects_plugins_before_the_import(
    observatory: Any, chosen: str, active: set[str]
) -> None:
    observatory.add("mirror")
    observatory.add("loud", "print('imported')")
    rows = listed(observatory, ASTRODOME_PLUGINS=chosen)
    assert {name for name, row in rows.items() if row["status"] == "active"} == active


def test_doctor_imports_the_targets_and_help_does_not(observatory: Any) -> None:
    observatory.add("mirror", cli="import no_such_library")
    assert observatory.run("--help").returncode == 0
    doctor = observatory.run("plugins", "doctor", "--json")
    assert doctor.returncode == 1
    assert [f["status"] for f in json.loads(doctor.stdout)] == ["wrong"]
    ran = observatory.run("mirror")
    assert ran.returncode == 1 and "no_such_library" in ran.stderr and "Hint: " in ran.stderr


def test_the_error_for_a_missing_extra_names_it(observatory: Any) -> None:
    plugin = """
        from astrodome import CommandSpec, SourceSpec, hookimpl

        @hookimpl
        def register_commands():
            yield CommandSpec("use", "obs_kit.cli:app", help="Use it.")

        @hookimpl
        def register_sources():
            yield SourceSpec("flux", "kit", "obs_kit.source:Kit", summary="A kit.", extra="fast")
    """
    cli = (
        "from astrodome import sources\nimport typer\napp = typer.Typer(help='Use.')\n"
        "@app.command()\ndef it() -> None:\n    'Use it.'\n    sources.get('flux')\n"
        "@app.command()\ndef who() -> None:\n    'Who.'\n"
        "    print(sources.names('flux'), sources.distributions('flux'))\n"
    )
    observatory.add("kit", plugin, cli=cli)
    assert observatory.run("use", "who").stdout == "{'kit': 'A kit.'} {'kit': 'obs-kit'}\n"
    (observatory.folder / "obs_kit" / "source.py").write_text("import no_such_library")
    ran = observatory.run("use", "it")
    assert ran.returncode == 1 and "pip install 'obs-kit[fast]'" in ran.stderr
    assert observatory.run("plugins", "doctor").returncode == 0


def test_an_unreadable_state_file_disables_nothing(observatory: Any, tmp_path: Any) -> None:
    observatory.add("mirror")
    state = tmp_path / "config" / "astrodome" / "plugins.json"
    state.parent.mkdir(parents=True)
    state.write_text("{broken")
    ran = observatory.run("mirror", "ce_vae", XDG_CONFIG_HOME=str(tmp_path / "config"))
    assert ran.stdout == "looked 1\n" and str(state) in ran.stderr
