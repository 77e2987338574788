"""Download SCoPe data sets and models from the SCoPe bucket in Google Cloud Storage.

Existing files are not replaced. New files are created only after their checksums are verified.
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

from astrodome import AstrodomeError, compute, errors, files, settings

from ..config.services import GcsSettings

SERVICE = "Google Cloud Storage"


def fetch(
    pattern: str,
    folder: Path,
    *,
    jobs: int = 4,
    on_file: Callable[[str], object] = lambda name: None,
) -> compute.Outcome:
    """Download all objects whose names match a pattern from the bucket to a directory.

    ``pattern`` has the same syntax as in ``gsutil``, for example ``datasets/*.csv`` or
    ``models/**``. The directory structure after the first wildcard is preserved. At most ``jobs``
    objects are downloaded in parallel. ``on_file`` is called with the name of each file after its
    download has succeeded or failed. Raises AstrodomeError if the objects in the bucket cannot be
    listed, or if no object matches the pattern.
    """
    outcome = compute.Outcome()
    store, todo, outcome.skipped = _missing(pattern, folder)
    for done in compute.map(partial(_download, store), todo, jobs=jobs, threads=True):
        name = f"gs://{done.item[0]['name']}"
        on_file(done.item[1].name)
        if done.value is None:
            outcome.failed.append((name, done.error))
        else:
            outcome.done += 1
    return outcome


def plan_fetch(pattern: str, folder: Path) -> compute.Plan:
    """Return the files that :func:`fetch` would write. Only the object names are requested."""
    _, todo, skipped = _missing(pattern, folder)
    return compute.Plan([str(target) for _, target in todo], skipped=skipped)


def _missing(pattern: str, folder: Path) -> tuple[Any, list[tuple[dict[str, Any], Path]], int]:
    """Return the bucket, the objects to download with their files, and the number of others."""
    section = settings.section("gcs", GcsSettings)
    where = f"gs://{section.bucket}/{pattern}"
    store = _store(section)
    with _readable_errors(where):
        found = store.glob(f"{section.bucket}/{pattern}", detail=True)
    objects = [about for about in found.values() if about["type"] == "file"]
    if not objects:
        raise AstrodomeError(f"No objects found at {where}.", "Check the setting gcs.bucket.")
    before = PurePosixPath(section.bucket) / pattern.partition("*")[0]
    targets = [(about, _target(folder, PurePosixPath(about["name"]), before)) for about in objects]
    todo = [(about, target) for about, target in targets if not target.exists()]
    return store, todo, len(targets) - len(todo)


def _store(section: GcsSettings) -> Any:
    try:
        # Import from gcsfs.core, because gcsfs.GCSFileSystem sends a request to another service.
        from gcsfs.core import GCSFileSystem
        from google.oauth2.credentials import Credentials
    except ImportError as error:
        raise AstrodomeError(
            f"{SERVICE} requires the package gcsfs.", "pip install 'astrodome-ztf-scope[gcs]'"
        ) from error
    logging.getLogger("gcsfs").addHandler(logging.NullHandler())  # Errors are raised.
    token = settings.current().credential("gcs", GcsSettings)
    elsewhere = section.url != GcsSettings.model_fields["url"].default
    if section.credentials and not Path(section.credentials).is_file():
        raise errors.not_found(section.credentials, "Correct the setting gcs.credentials.")
    # The default gcloud credentials are sent only to the default URL.
    given = Credentials(token) if token else section.credentials or ("anon" if elsewhere else None)
    with _readable_errors(section.url):
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
        raise AstrodomeError(
            f"Invalid object name gs://{name}: the file would be written outside of {folder}."
        )
    return folder / inside


def _download(store: Any, item: tuple[dict[str, Any], Path]) -> Path:
    about, target = item
    with files.replacing(target) as part, _readable_errors(f"gs://{about['name']}"):
        store.get_file(about["name"], str(part))
        _check(part, about)
    return target


def _check(part: Path, about: dict[str, Any]) -> None:
    size = part.stat().st_size
    if size != int(about["size"]):
        raise AstrodomeError(
            f"Incomplete download: received {size} of {about['size']} bytes.",
            "Download the file again.",
        )
    if wanted := about.get("md5Hash"):
        with part.open("rb") as file:
            found = hashlib.file_digest(file, "md5").digest()
        if base64.b64decode(wanted) != found:
            raise AstrodomeError(
                "The MD5 checksum of the downloaded file differs from the checksum in the bucket.",
                "Download the file again.",
            )


@contextmanager
def _readable_errors(where: str) -> Iterator[None]:
    """Raise AstrodomeError instead of the exceptions that the libraries raise."""
    import aiohttp
    import google.auth.exceptions
    from gcsfs.retry import HttpError

    try:
        yield
    except FileNotFoundError as error:
        raise errors.not_found(where, kind="File or bucket") from error
    except (
        *(HttpError, OSError, ValueError),
        *(aiohttp.ClientError, google.auth.exceptions.GoogleAuthError),
    ) as error:
        if (
            isinstance(error, OSError)
            and error.errno
            and not isinstance(error, aiohttp.ClientError)
        ):
            raise  # The error occurred in the local file system.
        signed_in = isinstance(error, google.auth.exceptions.GoogleAuthError)
        code = str(getattr(error, "code", ""))
        if code in ("401", "403") or str(error).startswith("Forbidden") or signed_in:
            raise AstrodomeError(
                f"No permission to read {where}.",
                "Ask the owner of the bucket for access. Then set gcs.credentials to a JSON file, "
                "or run: gcloud auth application-default login.",
            ) from error
        text = " ".join(str(error).split())[:200]
        raise AstrodomeError(
            f"{SERVICE} request for {where} failed: {text}.",
            "Try again later, or check the setting gcs.url.",
        ) from error
