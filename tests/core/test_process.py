"""The process of a command: Ctrl-C, closed streams, folders and messages of libraries."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from astrodome import workers

WORK = '''
import sys, time
from pathlib import Path
import typer
from astrodome import compute, console

app = typer.Typer(no_args_is_help=True)

@app.callback()
def main() -> None:
    """Work."""

def work(number: int) -> int:
    Path(f"started-{number}").touch()
    if number == 0:
        return 0
    try:
        time.sleep(60)
    finally:
        time.sleep(0.1)
        Path(f"cleaned-{number}").touch()
    return number

def count(number: int) -> int:
    Path(f"started-{number}").touch()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            time.sleep(0.1)
        except KeyboardInterrupt:
            pass
    return number

@app.command()
def look(threads: bool = False, fresh: bool = False, ordered: bool = False, deaf: bool = False,
         resumes: bool = True) -> None:
    """Look."""
    with console.progress("Looking", 9, "stars", resumes=resumes) as bar:
        for done in compute.map(count if deaf else work, range(9), jobs=2, threads=threads,
                                fresh=fresh, ordered=ordered):
            bar.advance()

@app.command()
def wait() -> None:
    """Wait."""
    Path("started-1").touch()
    time.sleep(60)

@app.command()
def warn() -> None:
    """Cause warnings and log records."""
    import logging, warnings
    warnings.warn("invalid value\\nencountered", RuntimeWarning)
    logging.getLogger("alembic").warning("running upgrade")
    logging.getLogger("sunpy").error("not loud")
    print("done")

@app.command()
def say(text: str, many: int = 1) -> None:
    """Say."""
    console.show([{"text": text}] * many)

@app.command()
def write(path: Path) -> None:
    """Write the name of a file into it."""
    from astrodome import files
    files.write_text(path, path.name)

@app.command()
def say_json(text: str) -> None:
    """Print text as JSON."""
    console.show_json({"text": text})
'''
COMMAND = [sys.executable, "-c", "from astrodome.app import main; main('observatory')", "work"]


@pytest.fixture
def sky(observatory: Any) -> Any:
    observatory.add("work", cli=WORK)
    return observatory


def interrupted(sky: Any, *args: str, group: bool = True) -> tuple[int, str, float]:
    """Return exit status, standard error and duration of a command after Ctrl-C in a terminal."""
    command = subprocess.Popen(
        [*COMMAND, *args], cwd=sky.folder, env=os.environ | {"PYTHONPATH": str(sky.folder)},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        while not (sky.folder / "started-1").exists():
            assert command.poll() is None
            time.sleep(0.02)
        time.sleep(0.3)
        began = time.monotonic()
        (os.killpg if group else os.kill)(command.pid, signal.SIGINT)
        _, err = command.communicate(timeout=40)
        return command.returncode, err, time.monotonic() - began
    finally:
        if command.poll() is None:
            os.killpg(command.pid, signal.SIGKILL)
            command.wait()


@pytest.mark.parametrize("group", [True, False])
@pytest.mark.parametrize("options", [[], ["--ordered"], ["--fresh"]])
def test_ctrl_c_ends_workers_after_their_cleanup(sky: Any, options: list[str], group: bool) -> None:
    code, err, _ = interrupted(sky, "look", *options, group=group)
    assert (code, err) == (
        130,
        "\nInterrupted after 1 of 9 stars. Run the same command again to resume.\n",
    )
    started = {path.name[-1] for path in sky.folder.glob("started-*")}
    cleaned = {path.name[-1] for path in sky.folder.glob("cleaned-*")}
    assert cleaned == started - {"0"} and len(started) < 9


@pytest.mark.parametrize("options", [["--threads"], ["--deaf"]])
def test_ctrl_c_does_not_wait_for_work_that_cannot_be_interrupted(
    sky: Any, options: list[str]
) -> None:
    code, err, seconds = interrupted(sky, "look", *options)
    assert code == 130 and "Traceback" not in err and seconds < 30
    assert err.splitlines()[-1].startswith("Interrupted after")


def test_ctrl_c_without_progress_prints_a_message(sky: Any) -> None:
    code, err, _ = interrupted(sky, "wait")
    assert (code, err) == (130, "\nInterrupted. Files that were written are complete.\n")


def test_ctrl_c_says_whether_the_command_resumes(sky: Any) -> None:
    code, err, _ = interrupted(sky, "look", "--no-resumes")
    assert code == 130 and err.endswith("Run the same command again to start from the beginning.\n")


def test_messages_of_libraries_are_shown_with_verbose_only(sky: Any) -> None:
    ran = sky.run("work", "warn")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "done\n", "")
    ran = sky.run("--verbose", "work", "warn")
    assert ran.stdout == "done\n"
    assert ran.stderr.splitlines() == [
        "cli: RuntimeWarning: invalid value encountered",
        "alembic: running upgrade",
        "sunpy: not loud",
    ]
    ran = sky.run("work", "warn", PYTHONWARNINGS="error")
    assert ran.returncode == 1 and "RuntimeWarning" in ran.stderr


def shell(sky: Any, line: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run ``$SKY ARGUMENTS`` in a shell, where streams can be closed and redirected."""
    (sky.folder / "sky").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{COMMAND[2]}" "$@"\n')
    (sky.folder / "sky").chmod(0o755)
    return subprocess.run(
        ["bash", "-c", line], cwd=sky.folder, capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": str(sky.folder)} | env,
    )  # fmt: skip


@pytest.mark.parametrize(
    "line", ["./sky work say hello >&-", "./sky work say hello 2>&-", "./sky plugins list >&- 2>&-"]
)
def test_a_closed_stream_is_not_a_failure(sky: Any, line: str) -> None:
    ran = shell(sky, line)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.parametrize("many", ["1", "100000"])
def test_a_closed_output_pipe_ends_the_command_without_a_message(sky: Any, many: str) -> None:
    ran = shell(sky, f"./sky work say hello --many {many} | true; exit ${{PIPESTATUS[0]}}")
    assert (ran.returncode, ran.stderr) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("many", ["1", "100000"])
def test_a_full_disk_under_standard_output_is_one_error(sky: Any, many: str) -> None:
    ran = shell(sky, f"./sky work say hello --many {many} > /dev/full")
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"Error: No space left on the disk")
    assert ran.stderr.count(b"Error") == 1 and b"Traceback" not in ran.stderr


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


def test_characters_that_the_terminal_does_not_support_are_escaped(sky: Any) -> None:
    ran = shell(sky, "./sky work say Å", **ASCII)
    assert ran.returncode == 0 and ran.stdout.startswith(b"text\n\\")
    ran = shell(sky, "./sky work say-json Å", **ASCII)
    text = json.loads(ran.stdout)["text"]
    assert text.encode("utf-8", "surrogateescape") == "Å".encode()
    ran = shell(sky, "./sky work say-json $'\\xff'")
    assert json.loads(ran.stdout)["text"] == "\udcff"


def test_file_names_beyond_ascii_are_kept_in_the_locale_c(sky: Any) -> None:
    code = "import sys; from astrodome.start import run; sys.argv[0] = 'observatory'; run()"
    (sky.folder / "sky").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    (sky.folder / "sky").chmod(0o755)
    line = "./sky work write Å; echo; cat Å; ./sky work say Å"
    ran = subprocess.run(
        ["bash", "-c", line], cwd=sky.folder, capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": str(sky.folder)} | ASCII,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout == "\nÅ".encode() + b"text\n\\xc5\n"


def test_ctrl_c_waits_for_the_start_of_a_worker_also_if_another_thread_receives_it() -> None:
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started = False
    try:
        with pytest.raises(KeyboardInterrupt), workers._without_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            started = True
        assert started and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        ended.set()
        other.join()


LIBRARIES = """
import os, sys
from pathlib import Path
from astrodome import process
process.keep_home_unchanged(always="always" in sys.argv)
import sunpy.data, matplotlib
print(os.environ.get("SUNPY_CONFIGDIR"), os.environ.get("MPLCONFIGDIR"))
"""


@pytest.mark.parametrize("home", ["/dev/null/home", "", "empty"])
def test_libraries_do_not_need_a_home_directory(tmp_path: Path, home: str) -> None:
    pytest.importorskip("sunpy")
    own = ("XDG_", "SUNPY_CONFIGDIR", "MPLCONFIGDIR")
    env = {k: v for k, v in os.environ.items() if not k.startswith(own)} | {
        "HOME": home or "/dev/null", "TMPDIR": str(tmp_path)
    }  # fmt: skip
    if home == "empty":
        (tmp_path / home).mkdir()
        env["HOME"] = str(tmp_path / home)
    ran = subprocess.run(
        [sys.executable, "-c", LIBRARIES, *(["always"] if home == "empty" else [])],
        env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count(str(tmp_path)) == 2
    assert [path for path in tmp_path.rglob("*") if path.name != "empty"] == []


def test_a_usable_home_directory_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from astrodome import process

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SUNPY_CONFIGDIR", "MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    process.keep_home_unchanged()
    assert dict(os.environ) == before and not list(tmp_path.iterdir())


@pytest.mark.parametrize("configured", [True, False])
def test_the_working_folder_of_sunpy_is_needed_only_without_a_configuration_file(
    configured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from astrodome import process

    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR", "ASTROPY_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("SUNPY_CONFIGDIR", "")
    config = tmp_path / "sunpy"
    config.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # has no folder sunpy
    if configured:
        (config / "sunpyrc").write_text("[general]\n")
    process.keep_home_unchanged(always=True)
    folder = os.environ["SUNPY_CONFIGDIR"]
    assert bool(folder) is not configured
    if folder:
        assert f"working_dir = {folder}\n" in Path(folder, "sunpyrc").read_text()


def test_a_folder_that_the_user_chose_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from astrodome import process

    monkeypatch.setenv("HOME", "/dev/null/home")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("SUNPY_CONFIGDIR", "/mine")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("ASTROPY_CONFIG_DIR", str(tmp_path))
    process.keep_home_unchanged()
    assert os.environ["SUNPY_CONFIGDIR"] == "/mine"
