"""Health checks for ``sdo plugins doctor``: the files in the store, and the archives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from astrodome import AstrodomeError, Finding, files, http, settings

from .settings import GoesSettings
from .store.flux_store import Store

DAMAGED = ".damaged"
"""Extension that is appended to the name of a damaged file."""


def check_store() -> Iterator[Finding]:
    """Yield the files of the store that cannot be read, or that have another schema."""
    from .store.parquet import read_good_records

    for path in Store().months().values():
        try:
            read_good_records(path)
        except (AstrodomeError, OSError) as error:
            yield Finding(str(error).partition("\n")[0].rstrip("."), path)


def set_aside(finding: Finding, dry_run: bool) -> str:
    """Rename a damaged file, so that the data for this month can be downloaded again."""
    path = Path(finding.subject)
    target = path.with_name(path.name + DAMAGED)
    if not dry_run:
        with files.lock(Store().folder / ".lock", timeout=0):
            path.replace(target)
    return f"rename {path} to {target.name}; import or download the data for this month again"


def check_services() -> list[str]:
    """Return the archives that cannot be reached."""
    given = settings.section("goes", GoesSettings)
    archives = {"NASA": given.url_nasa, "NOAA": given.url_noaa, "NOAA NGDC": given.url_ngdc}
    return http.unreachable({f"the {name} archive": url for name, url in archives.items()})
