"""The commands ``scope get-field-ids`` and ``scope sources``."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from astrodome import InvalidInputError, console, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
from .options import ROWS, SERVICES, CatalogueName, GroupIds, Json, MarshalOptions, command

if TYPE_CHECKING:
    from ..catalogues.field_ids import FieldQuery

CATALOG = re.compile(r"ZTF_\w+")


class QuadrantOptions(OptionGroup, panel=ROWS):
    """Options that select light curves in a field."""

    catalog: str = option(
        "",
        "Name of the Kowalski collection, for example ZTF_sources_20240117 (setting: "
        "kowalski.collections.sources).",
        panel=SERVICES,
    )
    field: int = option(301, "Number of the ZTF field.", min=0)
    ccd: list[str] | None = option(
        None, "CCD numbers from 1 to 16, or ranges such as 1-4 (default: 4)."
    )
    quad: list[str] | None = option(
        None, "Quadrant numbers from 1 to 4, or ranges such as 1-4 (default: 3)."
    )
    ccd_range: list[int] | None = option(None, "First and last CCD number.")
    quad_range: list[int] | None = option(None, "First and last quadrant number.")
    whole_field: bool = option(
        False, "Query all 64 quadrants, and also write one file with all ids."
    )
    minobs: int = option(20, "Minimum number of epochs per light curve.", min=0)
    limit: int = option(
        10_000,
        "Number of ids per request. With --skip, total number of ids. 0 means no limit.",
        min=0,
    )
    skip: int | None = option(
        None, "Number of ids to skip. If specified, at most --limit ids are returned.", min=0
    )
    coordinates: bool = option(False, "Also return the positions, in degrees.")

    def check_catalog(self) -> None:
        """Raise InvalidInputError if ``--catalog`` is the value of ``--catalogue``."""
        if self.catalog.partition(":")[0] in ("local", "kowalski"):
            raise InvalidInputError(
                f"Invalid --catalog '{self.catalog}': expected the name of a Kowalski collection.",
                f"To select a catalogue, use --catalogue {self.catalog}.",
            )

    def query(self, catalog: str = "") -> FieldQuery:
        from ..catalogues import field_ids
        from ..config import services

        self.check_catalog()
        ccds = _numbers("ccd", self.ccd, self.ccd_range, field_ids.CCDS, "4")
        quads = _numbers("quad", self.quad, self.quad_range, field_ids.QUADS, "3")
        if self.whole_field:
            ccds, quads = tuple(field_ids.CCDS), tuple(field_ids.QUADS)
        catalog = self.catalog or catalog or services.kowalski().collections.sources
        rest = (self.minobs, self.skip, self.limit, self.coordinates)
        return field_ids.FieldQuery(catalog, self.field, ccds, quads, *rest)


@command
@outputs.declare(
    list[documents.LightCurveIdRow] | list[documents.QuadrantRow] | documents.IdFileDocument
)
def field_ids(
    output: str = typer.Argument(
        "",
        metavar="[OUTPUT|CATALOG]",
        help="Output file or folder for the ids. If it is omitted, the ids are printed. This "
        "argument can also be the name of the catalogue to query.",
    ),
    multi_quads: bool = option(False, "Write one file per quadrant, even for a single quadrant."),
    output_dir: Path | None = option(
        None, "Output folder for one file per quadrant (default: ids).", file_okay=False
    ),
    output_format: str = option(
        "",
        "Output format: txt, csv, parquet or h5 (default: file extension of OUTPUT, or csv).",
        "--format",
    ),
    catalogue: CatalogueName = "",
    token: str = option(
        "",
        "Kowalski token. To keep it out of the shell history, use the environment variable "
        "ASTRODOME_KOWALSKI_TOKEN or the file secrets.json.",
        panel=SERVICES,
    ),
    verbose: str = option("", "Accepted for compatibility; has no effect.", hidden=True),
    as_json: Json = False,
    *,
    quadrants: QuadrantOptions,
) -> None:
    """Get the ids of all light curves in CCD quadrants of a ZTF field, in ascending order."""
    from ..catalogues import field_ids
    from ..catalogues.registry import open_catalogue
    from ..tables.table_io import file_extension

    is_catalog = CATALOG.fullmatch(output) is not None and not quadrants.catalog
    path = Path(output) if output and not is_catalog else None
    query = quadrants.query(output if is_catalog else "")
    source = open_catalogue(catalogue, token=token, page_size=query.limit)
    many = len(query.quadrants) > 1 or multi_quads or output_dir is not None
    if many or (path and not path.suffix):
        if path and path.suffix:
            raise InvalidInputError(
                f"Cannot write the ids for {len(query.quadrants)} quadrants to a single file "
                f"({path}).",
                "Specify a folder. --whole-field also writes one file with all ids.",
            )
        extension = file_extension(output_format or "csv", field_ids.FORMATS)
        with console.progress("Querying", len(query.quadrants), "quadrants") as progress:
            rows, outcome = field_ids.fetch_quadrants(
                source,
                query,
                output_dir or path or Path("ids"),
                extension,
                quadrants.whole_field,
                progress.advance,
            )
        console.show(rows, as_json=as_json)
        console.finish(outcome, "listed", "quadrants")
        return
    ccd, quad = query.quadrants[0]
    ids = field_ids.light_curve_ids(source, query, ccd, quad)
    if path is None and not output_format:
        count = _print(ids, as_json)
    else:
        extension = file_extension(output_format or (path or Path()).suffix, field_ids.FORMATS)
        target = path or Path(f"field_{query.field}_ccd_{ccd}_quad_{quad}{extension}")
        count = field_ids.write_ids(ids, query, target, extension, (ccd, quad))
        console.show_one({"file": str(target), "ids": count}, as_json=as_json)
    if not count:
        console.note(
            f"No light curves with at least {query.minobs} epochs found in field {query.field}, "
            f"CCD {ccd}, quadrant {quad} of the catalogue {query.catalog}."
        )


def _numbers(
    name: str, given: list[str] | None, limits: list[int] | None, known: range, default: str
) -> tuple[int, ...]:
    """Convert strings such as ``1`` and ``1-4``, and the range ``limits``, to sorted numbers."""
    texts = [*(given or ()), *([f"{limits[0]}-{limits[-1]}"] if limits else ())]
    found: set[int] = set()
    for text in texts or [default]:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if first not in known or last not in known or last < first:
            raise InvalidInputError(
                f"Invalid --{name} '{text}': expected numbers from {known[0]} to {known[-1]}, or "
                f"ranges such as {known[0]}-{known[-1]}."
            )
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def _print(rows: Iterable[Mapping[str, Any]], as_json: bool) -> int:
    """Print the rows, and return the number of rows.

    CSV rows are printed as soon as they are received, without a header.
    """
    if as_json:
        found = list(rows)
        console.show(found, as_json=True)
        return len(found)
    table = csv.writer(sys.stdout, lineterminator="\n")
    count = 0
    for row in rows:
        table.writerow(row.values())
        count += 1
    return count


@command
@outputs.declare(
    list[documents.MarshalSourceRow] | list[documents.CatalogueSourceRow], reads_only=True
)
def find_sources(
    position: tuple[float, float] | None = option(
        None, "RA and Dec of the position, in degrees.", metavar="RA DEC", panel=ROWS
    ),
    radius_arcsec: float = option(
        2.0, "Maximum distance from the position, in arcsec.", min=0, panel=ROWS
    ),
    group_ids: GroupIds = None,
    catalogue: str = option(
        "", "Catalogue to search instead of a marshal: kowalski, or local:FOLDER.", panel=SERVICES
    ),
    collection: str = option(
        "sources", "Collection in the catalogue, for example sources or gaia.", panel=SERVICES
    ),
    limit: int = option(100, "Maximum number of sources; 0 means no limit.", min=0),
    as_json: Json = False,
    *,
    service: MarshalOptions,
) -> None:
    """Show the sources near a position, or the sources in groups on a marshal."""
    from ..catalogues import positions

    if (position is None) == (not group_ids) or (catalogue and group_ids):
        raise InvalidInputError(
            "Invalid combination of --position, --group-ids and --catalogue.",
            "Specify either --position RA DEC, or --group-ids without --catalogue.",
        )
    found: Iterable[Mapping[str, Any]]
    if position is None:
        found = service.open().in_groups(group_ids or [])
    else:
        ra, dec = positions.validated(*position)
        if catalogue:
            found = _in_catalogue(catalogue, collection, ra, dec, radius_arcsec)
        else:
            found = service.open().near(ra, dec, radius_arcsec)
    rows = list(islice(found if catalogue else map(_row, found), limit or None))
    optional = [("groups",), ("classifications",), ("separation",)]
    console.show(rows, as_json=as_json, optional=optional)
    if not rows:
        console.note("No sources found.")


def _in_catalogue(
    catalogue: str, collection: str, ra: float, dec: float, radius: float
) -> Iterator[dict[str, Any]]:
    from ..catalogues.registry import open_catalogue

    columns = ("filter", "field", "ccd", "quad", "nobs", "meanmag")
    for one in open_catalogue(catalogue).cone(collection, ra, dec, radius, columns)[0]:
        yield {key: value for key, value in one.items() if value is not None}


def _row(source: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a source on a marshal to an output row."""
    classes = []
    for one in source["classifications"]:
        probability = "" if one["probability"] is None else f" {one['probability']:g}"
        classes.append(one["classification"] + probability)
    keys = ("id", "ra", "dec", "separation")
    return {
        **{key: source[key] for key in keys if source.get(key) is not None},
        "classifications": "; ".join(classes),
        "groups": " ".join(map(str, source["groups"])),
    }
