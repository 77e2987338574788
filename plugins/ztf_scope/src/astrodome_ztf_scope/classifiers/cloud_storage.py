"""SCoPe's data sets and models, from its bucket of Google Cloud Storage.

Files that are there already stay; the others appear whole, and only when their checksum agrees.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from astrodome import AstrodomeError, compute, files, settings

from ..config.services import GcsSettings

SERVICE = "Google Cloud Storage"


def fetch(
    pattern: str, folder: Path, *, jobs: int = 4, watch: Callable[[str], object] = lambda name: None
) -> compute.Outcome:
    """Bring the objects of the bucket that match into a folder, with the folders they are in.

    ``pattern`` is that of ``gsutil``, as in ``datasets/*.csv`` or ``models/**``; what stands
    before its first wildcard is left out of the path. ``watch`` is told of each file.
    Raises AstrodomeError when the bucket cannot be listed, or nothing matches.
    """
    section = settings.section("gcs", GcsSettings)
    where = f"gs://{section.bucket}/{pattern}"
    store = _store(section)
    with _sentences(where):
        found = store.glob(f"{section.bucket}/{pattern}", detail=True)
    objects = [about for about in found.values() if about["type"] == "file"]
    if not objects:
        raise AstrodomeError(f"Nothing at {where}.", "Check gcs.bucket in the settings.")
    before = PurePosixPath(section.bucket) / pattern.partition("*")[0]
    outcome = compute.Outcome()
    todo = []
    for about in objects:
        target = _target(folder, PurePosixPath(about["name"]), before)
        if target.exists():
            outcome.skipped += 1
        else:
            todo.append((about, target))
    for done in compute.map(partial(_bring, store), todo, jobs=jobs, threads=True):
        name = f"gs://{done.item[0]['name']}"
        watch(done.item[1].name)
        if done.value is None:
            outcome.failed.append((name, done.error))
        else:
            outcome.done += 1
    return outcome


def _store(section: GcsSettings) -> Any:
    try:
        from gcsfs.core import GCSFileSystem  # the package's own class asks another service first
        from google.oauth2.credentials import Credentials
    except ImportError as error:
        raise AstrodomeError(
            f"{SERVICE} needs the package gcsfs.", "pip install 'astrodome-ztf-scope[gcs]'"
        ) from error
    logging.getLogger("gcsfs").addHandler(logging.NullHandler())  # what it says, we say once
    token = settings.current().credential("gcs", GcsSettings)
    elsewhere = section.url != GcsSettings.model_fields["url"].default
    if section.credentials and not Path(section.credentials).is_file():
        raise AstrodomeError(f"There is no file {section.credentials} (gcs.credentials).")
    # The user's own login is for Google's address alone.
    given = Credentials(token) if token else section.credentials or ("anon" if elsewhere else None)
    with _sentences(section.url):
        return GCSFileSystem(
            project=section.project,
            access="read_only",
            token=given,
            endpoint_url=section.url.rstrip("/"),
            session_kwargs={"trust_env": True},
            skip_instance_cache=True,
            use_listings_cache=False,
        )


def _target(folder: Path, name: PurePosixPath, before: PurePosixPath) -> Path:
    inside = name.relative_to(before)
    if ".." in inside.parts or inside.is_absolute():
        raise AstrodomeError(f"gs://{name} would be written outside {folder}: refused.")
    return folder / inside


def _bring(store: Any, item: tuple[dict[str, Any], Path]) -> Path:
    about, target = item
    with files.replacing(target) as part, _sentences(f"gs://{about['name']}"):
        store.get_file(about["name"], str(part))
        _check(part, about)
    return target


def _check(part: Path, about: dict[str, Any]) -> None:
    size = part.stat().st_size
    if size != int(about["size"]):
        raise AstrodomeError(f"{SERVICE} sent {size} of {about['size']} bytes.", "Try again.")
    if wanted := about.get("md5Hash"):
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "md5").digest()
        if base64.b64decode(wanted) != found:
            raise AstrodomeError("What arrived has another checksum.", "Try again.")


@contextmanager
def _sentences(where: str) -> Iterator[None]:
    """What the libraries raise, as one sentence."""
    import aiohttp
    import google.auth.exceptions
    import requests
    from gcsfs.retry import HttpError

    try:
        yield
    except FileNotFoundError as error:
        raise AstrodomeError(f"There is nothing at {where}.") from error
    except (HttpError, OSError, ValueError, google.auth.exceptions.GoogleAuthError) as error:
        code = str(getattr(error, "code", ""))
        if isinstance(
            error, aiohttp.ClientConnectionError | requests.ConnectionError | TimeoutError
        ):
            raise AstrodomeError(
                f"{SERVICE} did not answer for {where}.",
                "Try again later, or check gcs.url in the settings.",
            ) from error
        signed_in = isinstance(error, google.auth.exceptions.GoogleAuthError)
        if code in ("401", "403") or str(error).startswith("Forbidden") or signed_in:
            raise AstrodomeError(
                f"No permission to read {where}.",
                "Ask its owners for access, then: gcloud auth application-default login, "
                "or set gcs.credentials to a JSON file.",
            ) from error
        if isinstance(error, OSError) and error.errno:
            raise  # of this machine's own disk
        text = " ".join(str(error).split())[:200]
        raise AstrodomeError(f"{SERVICE} failed at {where}: {text}.", "Try again later.") from error
    except aiohttp.ClientError as error:
        raise AstrodomeError(
            f"{SERVICE} broke off while sending {where}.", "Try again later."
        ) from error
