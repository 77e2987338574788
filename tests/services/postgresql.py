"""A temporary PostgreSQL server for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Unavailable(Exception):
    """PostgreSQL is not installed or cannot be started; the text contains the reason."""


@contextmanager
def server() -> Iterator[str]:
    """Start a server, and yield its address, to which the name of a database is appended.

    Raises Unavailable if PostgreSQL is not installed or does not start.
    """
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    try:
        owner = _unprivileged(folder)
        password = secrets.token_hex(8)
        secret = folder / "password"
        secret.write_text(password)
        secret.chmod(0o644)  # Only the owner can enter the folder.
        data = folder / "data"
        _run(
            [
                *(binaries / "initdb", "-D", data, "-U", "astronomer", "--pwfile", secret),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"),
            ],
            owner,
        )
        port = _free_port()
        settings = (f"port={port}", "listen_addresses=127.0.0.1", "fsync=off")
        options = [part for setting in settings for part in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-k", folder, *options],
                stdout=log,
                stderr=log,
                cwd=folder,
                **owner,
            )
        try:
            _wait(process, port, folder / "log")
            yield f"postgresql://astronomer:{password}@127.0.0.1:{port}/"
        finally:
            process.send_signal(signal.SIGQUIT)  # Stop without writing the remaining data.
            process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    found = [Path(path).parent for path in [shutil.which("postgres")] if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in found:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise Unavailable("PostgreSQL is not installed (initdb and postgres)")


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Return Popen arguments for another user than root, which PostgreSQL does not support."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise Unavailable("PostgreSQL cannot run as root, and no other user was found")


def _run(command: list[Any], owner: dict[str, Any]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False, **owner)
    if ran.returncode:
        raise Unavailable(f"initdb failed: {ran.stderr.strip() or ran.stdout.strip()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until the log of the server contains that it is ready; its port may open earlier."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        if "ready to accept connections" in log.read_text(errors="replace"):
            return
        time.sleep(0.05)
    raise Unavailable(f"PostgreSQL did not start: {log.read_text(errors='replace')[-500:]}")
