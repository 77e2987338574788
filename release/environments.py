"""Install each wheel alone, and each pair of plugins, into fresh environments."""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import build
from .processes import run
from .project import HOST, ROOT, Distribution, ReleaseError, distributions

STARTS = 3
"""Number of times that ``--help`` is measured; the shortest time is reported."""


@dataclass
class Result:
    """The size and the times of one environment, and what failed in it."""

    names: tuple[str, ...]
    packages: int = 0
    megabytes: float = 0
    install: float = 0
    start: float = 0
    doctor: float = 0
    commands: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Return the names of the distributions without the common prefix."""
        return " + ".join(name.removeprefix(f"{HOST}-") for name in self.names)


def alone(output: Path) -> list[str]:
    """Check that each wheel works alone in a fresh environment."""
    return _examine([(one,) for one in distributions()], output, "alone")


def pairs(output: Path) -> list[str]:
    """Check that each pair of plugins works in a fresh environment."""
    domains = [one for one in distributions() if one.apps and not one.is_library]
    return _examine(list(itertools.combinations(domains, 2)), output, "pairs")


def _examine(cases: Sequence[tuple[Distribution, ...]], output: Path, name: str) -> list[str]:
    build.packages(output, ".whl")
    results = []
    row = "   {:<24} {:>8} {:>8} {:>9} {:>8} {:>9} {:>9}"
    header = ("environment", "packages", "MB", "install s", "help s", "doctor s", "commands")
    print(row.format(*header), flush=True)
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="release-") as made:
            found = _case(case, output, Path(made))
        results.append(found)
        times = [f"{value:.2f}" for value in (found.install, found.start, found.doctor)]
        cells = [found.title, found.packages, f"{found.megabytes:.0f}", *times, found.commands]
        print(row.format(*cells), flush=True)
    document = [vars(one) | {"title": one.title} for one in results]
    (output / f"environments-{name}.json").write_text(json.dumps(document, indent=1), "utf-8")
    return [f"{one.title}: {text}" for one in results for text in one.failures]


def _case(case: tuple[Distribution, ...], output: Path, folder: Path) -> Result:
    result = Result(tuple(one.name for one in case))
    try:
        start = time.monotonic()
        install(folder / "env", result.names, output)
        result.install = time.monotonic() - start
        (site,) = (folder / "env").glob("lib/python*/site-packages")
        result.packages = len(list(site.glob("*.dist-info")))
        sizes = (path.stat().st_size for path in site.rglob("*") if path.is_file())
        result.megabytes = sum(sizes) / 1e6
        _try_commands(result, case, folder)
    except ReleaseError as error:
        result.failures.append(str(error))
    return result


def install(prefix: Path, names: Sequence[str], output: Path, *options: object) -> None:
    """Create an environment, and install distributions with the versions in constraints.txt.

    Files are hard links to those in the cache of uv, so that further environments take seconds.
    """
    environ = index_settings() | {"UV_FIND_LINKS": _find_links(output)}
    run("uv", "venv", "-q", "--python", sys.executable, prefix, environ=environ, isolated=True)
    run(
        *("uv", "pip", "install", "-q", "--python", prefix / "bin" / "python"),
        *("-c", ROOT / "constraints.txt", *options),
        *(build.wheel(output, one) for one in distributions() if one.name in names),
        environ=environ,
        isolated=True,
    )


def _try_commands(result: Result, case: tuple[Distribution, ...], folder: Path) -> None:
    """Run the help of all commands, and the health checks, in an environment."""
    programs = folder / "env" / "bin"
    environ = {
        "HOME": str(folder),
        "ASTRODOME_HOME": str(folder / "data"),
        "PATH": os.pathsep.join([str(programs), "/usr/bin", "/bin"]),
    }

    def call(*words: str) -> str:
        return run(programs / words[0], *words[1:], cwd=folder, environ=environ, isolated=True)

    run("uv", "pip", "check", "-q", "--python", programs / "python", isolated=True)
    call("python", "-c", f"import {', '.join(one.package for one in case)}")
    for program in sorted({name for one in case for name in one.project.get("scripts", {})}):
        call(program, "--help")
        result.commands += 1
    apps = sorted({app for one in case for app in one.apps}) or ["sdo"]
    times = []
    for _ in range(STARTS):
        start = time.monotonic()
        call(apps[0], "--help")
        times.append(time.monotonic() - start)
    result.start = min(times)
    for app in apps:
        for command in _commands(json.loads(call(app, "schema", "--json"))):
            call(*command.split(), "--help")
            result.commands += 1
        start = time.monotonic()
        call(app, "plugins", "doctor", "--json")  # It exits with status 1 if it finds a problem.
        result.doctor += time.monotonic() - start
    listed = [json.loads(call(app, "plugins", "list", "--json")) for app in apps]
    active = {row["distribution"] for rows in listed for row in rows if row["status"] == "active"}
    result.failures += _missing_files(case, folder / "env")
    missing = sorted({one.name for one in case if one.apps} - active)
    if missing:
        result.failures.append(f"no active plugin of {', '.join(missing)}")


def _missing_files(case: tuple[Distribution, ...], prefix: Path) -> list[str]:
    """Return the man pages and completion scripts that were not installed."""
    files = [
        path.relative_to(one.folder)
        for one in case
        for path in sorted((one.folder / "share").rglob("*"))
        if path.is_file()
    ]
    return [f"{path} is not installed" for path in files if not (prefix / path).exists()]


def _commands(listed: object) -> Iterator[str]:
    """Yield the first command of each group in the list that ``schema`` prints."""
    rows = listed if isinstance(listed, list) else []
    seen = set()
    for row in rows:
        words = row["command"].split()
        if tuple(words[:2]) not in seen:
            seen.add(tuple(words[:2]))
            yield row["command"]


def index_settings() -> dict[str, str]:
    """Return environment variables with which uv uses the package indexes of pip."""
    found = {
        "UV_DEFAULT_INDEX": _pip_setting("index-url"),
        "UV_INDEX": _pip_setting("extra-index-url"),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_NO_PROGRESS": "1",
        "SSL_CERT_FILE": _pip_setting("cert"),
    }
    return {name: value for name, value in found.items() if value}


def _find_links(output: Path) -> str:
    return ",".join([str(output / build.PACKAGES), *_pip_setting("find-links").split()])


def _pip_setting(name: str) -> str:
    listed = run("python", "-m", "pip", "config", "list")
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        if key in (f"global.{name}", f":env:.{name}"):
            return " ".join(value.strip("'\"").replace("\\n", " ").split())
    return ""
