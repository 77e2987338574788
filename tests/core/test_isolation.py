"""Effects of plugins on the process are undone and reported."""

from __future__ import annotations

import json
import locale
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from astrodome import plugins
from astrodome.isolation import Isolated
from astrodome.registry import Plugin
from astrodome.testing import problems

HOOK = """
from astrodome import CommandSpec, ModelSpec, SourceSpec, hookimpl

@hookimpl
def register_commands():
    {body}

def look():
    "Look."
"""
CONTAINED = {
    "prints": ("print('hello', 'there')", "it prints 'hello there' when it is imported"),
    "prints by a child": ("import os; os.system('echo hello')", ""),
    "directory": ("import os; os.chdir('/')", "it changes the working directory"),
    "locale": (
        "import locale; locale.setlocale(locale.LC_ALL, 'C.UTF-8')",
        "it changes the locale",
    ),
    "signal": (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "it changes the signal handler for SIGINT",
    ),
    "thread": (
        "import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()",
        "it starts a thread that is not a daemon",
    ),
    "no specs": (HOOK.format(body="pass"), "its hook register_commands returns None"),
}
FAILED = {
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "immediate exit": ("import os; os._exit(3)", "it calls os._exit(3) when it is imported"),
    "base exception": (HOOK.format(body="raise BaseException('odd')"), "BaseException: odd"),
    "generator exit": (HOOK.format(body="raise GeneratorExit"), "GeneratorExit"),
    "option": ("yield CommandSpec('--bad', __name__ + ':look', help='Look.')", "'--bad'"),
    "blank": ("yield CommandSpec('My Command', __name__ + ':look', help='L.')", "'My Command'"),
    "empty": ("yield CommandSpec('', __name__ + ':look', help='Look.')", "the invalid name ''"),
    "no name": ("yield CommandSpec(None, __name__ + ':look', help='Look.')", "the field name"),
    "no help": ("yield CommandSpec('a', __name__ + ':look', help=None)", "the field help"),
    "not hidden": ("yield CommandSpec('a', 'a:b', help='A.', hidden='no')", "True or False"),
    "settings": ("yield CommandSpec('a', 'a:b', help='A.', settings=3)", "the settings of its"),
    "no target": ("yield CommandSpec('a', 'nowhere', help='Look.')", "the target 'nowhere'"),
    "a number": ("return 3", "TypeError"),
    "verbs": ("yield ModelSpec('sood', 'a', 'a:b', 'A.', verbs='train')", "expected a CommandSpec"),
}


def code(text: str) -> str:
    return text if "\n" in text or "Spec" not in text else HOOK.format(body=text)


@pytest.mark.parametrize("name", CONTAINED)
def test_a_side_effect_is_undone_and_reported(name: str, observatory: Any) -> None:
    text, fault = CONTAINED[name]
    observatory.add("mirror")
    observatory.add("odd", code(text))
    ran = observatory.run("mirror", "ce_vae")
    assert (ran.returncode, ran.stdout) == (0, "looked 1\n")
    assert fault in ran.stderr and (not fault or "the plugin obs-odd: " in ran.stderr)
    listed = observatory.run("plugins", "list", "--json")
    (row,) = [row for row in json.loads(listed.stdout) if row["name"] == "odd"]
    assert row["status"] == "active" and fault in row["error"]
    examined = observatory.run("plugins", "doctor", "--json")
    assert fault in examined.stdout and examined.returncode == bool(fault)


@pytest.mark.parametrize("name", FAILED)
def test_a_plugin_that_cannot_be_used_fails_alone(name: str) -> None:
    import types

    text, fault = FAILED[name]
    module = types.ModuleType("odd")
    text = code(text) if not text.startswith("return") else HOOK.format(body=text)

    def load(_: Any) -> Any:
        exec(text, module.__dict__)
        return module

    plugin = Plugin("odd", "sdo")
    plugins._activate(plugin, lambda: load(None))
    assert plugin.status == "failed" and fault in plugin.error
    assert plugin.specs == ()


def test_ctrl_c_while_plugins_load_ends_the_program() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plugins._activate(Plugin("odd", "sdo"), interrupted)


def test_all_state_is_restored_after_an_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = (
        Path.cwd(),
        locale.setlocale(locale.LC_ALL),
        signal.getsignal(signal.SIGTERM),
        sys.stdout,
        threading.Thread.start,
        os.fstat(1).st_ino,
    )
    isolated = Isolated()
    done = threading.Event()
    with pytest.raises(GeneratorExit), isolated:
        os.chdir("/")
        locale.setlocale(locale.LC_ALL, "C.UTF-8")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("x" * 100)
        thread = threading.Thread(target=done.wait)
        thread.start()
        raise GeneratorExit
    done.set()
    after = (
        Path.cwd(),
        locale.setlocale(locale.LC_ALL),
        signal.getsignal(signal.SIGTERM),
        sys.stdout,
        threading.Thread.start,
        os.fstat(1).st_ino,
    )
    assert after == before and thread.daemon
    assert len(isolated.faults) == 5 and "..." in isolated.faults[0]


def test_another_thread_is_not_isolated() -> None:
    """All threads share standard output, so a thread does not replace it."""
    seen: list[bool] = []

    def work() -> None:
        stream = sys.stdout
        with Isolated() as isolated:
            seen.append(sys.stdout is stream and not isolated.main)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_the_error_for_a_target_that_is_not_a_command_names_the_plugin(observatory: Any) -> None:
    observatory.add("mirror", cli="app = 3")
    ran = observatory.run("mirror")
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    assert "obs-mirror 1.0 registers obs_mirror.cli:app as the command 'mirror'" in ran.stderr
    assert "expected a Typer app or a function" in ran.stderr
    assert "expected a Typer app" in observatory.run("plugins", "doctor").stdout


def test_the_error_for_a_source_without_required_methods_names_the_plugin(observatory: Any) -> None:
    plugin = """
        from astrodome import CommandSpec, KindSpec, SourceSpec, hookimpl

        @hookimpl
        def register_commands():
            yield CommandSpec("use", "obs_kit.cli:use", help="Use it.")

        @hookimpl
        def register_kinds():
            yield KindSpec("seeing", "obs_kit.cli:Seeing", summary="Seeing by time.")

        @hookimpl
        def register_sources():
            yield SourceSpec("seeing", "kit", "obs_kit.cli:Kit", summary="A kit.")
    """
    cli = (
        "from astrodome import sources\nclass Kit:\n    pass\n"
        "class Seeing:\n    def measure(self): ...\n    def _helper(self): ...\n"
        "def use() -> None:\n    'Use it.'\n    sources.get('seeing')\n"
    )
    observatory.add("kit", plugin, cli=cli)
    ran = observatory.run("use")
    assert ran.returncode == 1 and "obs-kit 1.0 registers 'kit', but" in ran.stderr
    assert "Kit lacks measure(), which the kind 'seeing' requires" in ran.stderr
    assert "lacks measure()" in observatory.run("plugins", "doctor").stdout


def test_an_exception_in_a_command_names_plugin_version_and_address(observatory: Any) -> None:
    observatory.add("mirror", version="2.3")
    metadata = observatory.folder / "obs_mirror-2.3.dist-info" / "METADATA"
    ran = observatory.run("mirror", "fall")
    assert "Unexpected RuntimeError in obs-mirror 2.3: the dome is stuck" in ran.stderr
    assert "to the authors of obs-mirror" in ran.stderr
    with metadata.open("a") as file:
        file.write("Project-URL: Homepage, https://example.org/home\n")
        file.write("Project-URL: Bug Tracker, https://example.org/bugs\n")
    ran = observatory.run("mirror", "fall")
    assert "https://example.org/bugs" in ran.stderr and "observatory --debug" in ran.stderr


def test_plugins_can_be_disabled_without_being_imported(observatory: Any) -> None:
    observatory.add("mirror")
    observatory.add("deadly", "import os; os.abort()")
    assert observatory.run("mirror", "ce_vae").returncode < 0
    ran = observatory.run("--debug", "plugins", "disable", "deadly")
    assert ran.returncode == 0, ran.stderr
    assert observatory.run("mirror", "ce_vae").stdout == "looked 1\n"


KIT = {
    "prints": ("print('hello')\n" + HOOK, "it prints 'hello' when it is imported"),
    "ends": ("import os; os._exit(0)", "it calls os._exit(0) when it is imported"),
    "thread": (CONTAINED["thread"][0], "a thread that is not a daemon"),
    "none": (HOOK.format(body="pass"), "register_commands returns None"),
    "base": (
        HOOK.format(body="raise BaseException('odd')"),
        "cannot be loaded: BaseException: odd",
    ),
    "number": (HOOK.format(body="yield CommandSpec('a', __name__ + ':HOOK', help='A.')"), "HOOK"),
    "kind": (
        HOOK.format(body="return []")
        + "@hookimpl\ndef register_sources():\n"
        + "    yield SourceSpec('moons', 'a', __name__ + ':look', summary='A.')\n",
        "no installed plugin declares the kind 'moons' of 'a'",
    ),
    "class": (
        HOOK.format(body="yield CommandSpec('a', __name__ + ':Spam', help='A.')")
        + "class Spam: pass\n",
        "it is the class Spam, expected a Typer app or a function",
    ),
    "parameter": (
        HOOK.format(body="yield CommandSpec('a', __name__ + ':spam', help='A.')")
        + "def spam(what: object) -> None:\n    'Spam.'\n",
        "cannot be the command 'a'",
    ),
    "source": (
        HOOK.format(body="return []")
        + "@hookimpl\ndef register_sources():\n"
        + "    yield SourceSpec('flux', 'a', __name__ + ':HOOKS', summary='A.')\nHOOKS = 3\n",
        "is an object of type int, expected a class",
    ),
}


@pytest.mark.parametrize("name", KIT)
def test_the_kit_reports_the_fault(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, fault = KIT[name]
    module = f"odd_{name}"
    (tmp_path / f"{module}.py").write_text(text.replace("{body}", "return []"))
    monkeypatch.syspath_prepend(str(tmp_path))
    said = problems(module)
    sys.modules.pop(module, None)
    assert fault in "\n".join(said) and bool(said) == bool(fault), said


def test_a_thread_that_ends_during_the_import_is_not_a_fault() -> None:
    """Matplotlib starts a timer while it lists the fonts, and cancels it afterwards."""
    with Isolated() as isolated:
        timer = threading.Timer(60, print)
        timer.start()
        timer.cancel()
    assert isolated.faults == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise KeyError('spots')", "KeyError: 'spots'"),
        ("import sys\nsys.exit(6)", "SystemExit: 6"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("import os\nos.no_such_name", "AttributeError: module 'os' has no attribute"),
    ],
)
def test_a_broken_command_module_is_named_and_does_not_hide_other_commands(
    observatory: Any, code: str, reason: str
) -> None:
    observatory.add("mirror", cli=code)
    observatory.add("dome")
    ran = observatory.run("mirror")
    assert ran.returncode == 1 and "Traceback" not in ran.stderr
    expected = f"Cannot load obs_mirror.cli:app, which obs-mirror 1.0 registers: {reason}"
    assert expected in ran.stderr and "authors of obs-mirror" in ran.stderr
    listed = observatory.run("schema")
    assert "observatory dome ce_vae" in listed.stdout.replace("ce-vae", "ce_vae")
    assert listed.stderr.count("observatory mirror: ") == 1 and reason in listed.stderr


def test_a_broken_settings_module_is_named(observatory: Any) -> None:
    plugin = """
        from astrodome import CommandSpec, hookimpl

        @hookimpl
        def register_commands():
            yield CommandSpec("mirror", "obs_mirror.cli:app", help="It.", settings="obs_mirror.s:S")
    """
    observatory.add("mirror", plugin)
    (observatory.folder / "obs_mirror" / "s.py").write_text("import sys\nsys.exit(7)\n")
    ran = observatory.run("config", "show")
    assert "obs_mirror.s:S, which obs-mirror 1.0 registers: SystemExit: 7" in ran.stderr


@pytest.mark.parametrize("state", ["disabled", "failed"])
def test_the_command_of_an_inactive_plugin_is_explained(observatory: Any, state: str) -> None:
    broken = state == "failed"
    observatory.add("mirror", "raise RuntimeError('no dome')" if broken else "")
    if not broken:
        observatory.run("plugins", "disable", "mirror", ASTRODOME_HOME=str(observatory.folder))
    ran = observatory.run("mirror", ASTRODOME_HOME=str(observatory.folder))
    assert ran.returncode == 2
    verb = "failed to load" if broken else "is disabled"
    assert f"'observatory mirror' is not available: the plugin mirror {verb}" in ran.stderr
    assert f"plugins {'doctor' if broken else 'enable mirror'}" in ran.stderr
