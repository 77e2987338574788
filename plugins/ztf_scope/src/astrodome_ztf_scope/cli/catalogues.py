"""Commands about catalogues of sources: ids of a field, and what lies at a position."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import AstrodomeError, console

from .options import (
    WHERE,
    WHICH,
    Groups,
    Json,
    MarshalName,
    Token,
    catalogue_of,
    command,
    marshal_of,
    option,
)

CATALOG = re.compile(r"\w+")
KowalskiToken = Annotated[
    str,
    option(
        "Token of Kowalski; ASTRODOME_KOWALSKI_TOKEN or secrets.json keep it out of your history.",
        panel=WHERE,
    ),
]
Catalogue = Annotated[
    str,
    option(
        "Where the catalogue is: kowalski, or local:FOLDER "
        "[setting sources.catalogue, or kowalski].",
        "--catalogue",
        panel=WHERE,
    ),
]


def field_ids(
    output: Annotated[
        str,
        typer.Argument(
            metavar="[OUTPUT|CATALOG]",
            help="File or folder to write, or the catalogue to ask [standard output].",
        ),
    ] = "",
    catalog: Annotated[
        str, option("Name of the catalogue [kowalski.collections.sources].", panel=WHERE)
    ] = "",
    field: Annotated[int, option("Field of ZTF.", min=0, panel=WHICH)] = 301,
    ccd: Annotated[
        list[str] | None,
        option("CCDs, 1 to 16: numbers, or ranges as 1-4 [4].", "--ccd", panel=WHICH),
    ] = None,
    quad: Annotated[
        list[str] | None,
        option("Quadrants, 1 to 4: numbers, or ranges as 1-4 [3].", "--quad", panel=WHICH),
    ] = None,
    ccd_range: Annotated[
        list[int] | None, option("First and last CCD.", "--ccd-range", panel=WHICH)
    ] = None,
    quad_range: Annotated[
        list[int] | None, option("First and last quadrant.", "--quad-range", panel=WHICH)
    ] = None,
    whole_field: Annotated[
        bool,
        option("All 64 quadrants, and one file of all.", "--whole-field", panel=WHICH),
    ] = False,
    multi_quads: Annotated[
        bool,
        option("A file for each quadrant, even of one.", "--multi-quads", panel=WHICH),
    ] = False,
    minobs: Annotated[int, option("Fewest epochs of a light curve.", min=0, panel=WHICH)] = 20,
    limit: Annotated[
        int, option("Ids asked for at a time, or in all with --skip; 0: no limit.", min=0)
    ] = 10_000,
    skip: Annotated[
        int | None,
        option("Bring only --limit ids, after this many: a part of a quadrant.", min=0),
    ] = None,
    coordinates: Annotated[bool, option("Positions (deg) too.", "--coordinates")] = False,
    output_dir: Annotated[
        Path | None, option("Folder for files of many quadrants [ids].", file_okay=False)
    ] = None,
    output_format: Annotated[
        str, option("txt, csv, parquet or h5 [that of OUTPUT, or csv].", "--format")
    ] = "",
    catalogue: Catalogue = "",
    token: KowalskiToken = "",
    verbose: Annotated[str, option("Taken from SCoPe; has no effect.", hidden=True)] = "",
    as_json: Json = False,
) -> None:
    """Get the ids of all light curves in quadrants of a ZTF field, in ascending order."""
    from ..catalogues import field_ids
    from ..catalogues.registry import open_catalogue
    from ..config import services
    from ..tables.table_io import file_extension

    if output and CATALOG.fullmatch(output) and output.startswith("ZTF_") and not catalog:
        catalog, output = output, ""
    path = Path(output) if output else None
    wanted = field_ids.FieldQuery(
        catalog or services.kowalski().collections.sources,
        field,
        _numbers(ccd, ccd_range, "ccd", field_ids.CCDS, whole_field, 4),
        _numbers(quad, quad_range, "quad", field_ids.QUADS, whole_field, 3),
        minobs,
        skip,
        limit,
        coordinates,
    )
    source = open_catalogue(catalogue, token=token, page_size=limit)
    many = len(wanted.quadrants) > 1 or multi_quads or output_dir is not None
    if many or (path and not path.suffix):
        folder = output_dir or path or Path("ids")
        if path and path.suffix:
            raise AstrodomeError(
                f"{path} is one file, and {len(wanted.quadrants)} quadrants go to a file each.",
                "Give a folder; --whole-field writes one file of all as well.",
                exit_code=2,
            )
        extension = file_extension(output_format or "csv", field_ids.FORMATS)
        with console.progress("Quadrants", len(wanted.quadrants), "quadrants") as progress:
            rows, outcome = field_ids.fetch_quadrants(
                source, wanted, folder, extension, whole_field, progress.advance
            )
        console.show(rows, as_json=as_json)
        console.finish(outcome, "listed", "quadrants")
        return
    quadrant = wanted.quadrants[0]
    rows_of = field_ids.light_curve_ids(source, wanted, *quadrant)
    if path is None and not output_format:
        if not _print(rows_of, as_json, coordinates):
            _note_none(wanted)
        return
    extension = file_extension(output_format or (path.suffix if path else ""), field_ids.FORMATS)
    target = path or Path(f"field_{field}_ccd_{quadrant[0]}_quad_{quadrant[1]}{extension}")
    count = field_ids.write_ids(rows_of, wanted, target, extension, quadrant)
    if not count:
        _note_none(wanted)
    console.show_one({"file": str(target), "ids": count}, as_json=as_json)


def _numbers(
    given: list[str] | None,
    span: list[int] | None,
    what: str,
    known: range,
    every: bool,
    usual: int,
) -> tuple[int, ...]:
    """CCDs or quadrants out of ``1``, ``1-4`` and a first and last one."""
    if every:
        return tuple(known)
    texts = list(given or ())
    if span:
        texts.append(f"{span[0]}-{span[-1]}")
    found: set[int] = set()
    for text in texts:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if not match or first not in known or last not in known or last < first:
            raise AstrodomeError(
                f"--{what} takes numbers from {known[0]} to {known[-1]}, or ranges of them as "
                f"{known[0]}-{known[-1]}; '{text}' is neither.",
                exit_code=2,
            )
        found.update(range(first, last + 1))
    return tuple(sorted(found)) or (usual,)


def _note_none(wanted: Any) -> None:
    ccd, quad = wanted.quadrants[0]
    console.note(
        f"{wanted.catalog}: found no light curve with at least {wanted.minobs} epochs in field "
        f"{wanted.field}, ccd {ccd}, quad {quad}."
    )


def _print(rows: Any, as_json: bool, coordinates: bool) -> int:
    """Print ids on standard output, one per line, as they arrive; return their number."""
    if as_json:
        found = list(rows)
        console.show(found, as_json=True)
        return len(found)
    import csv
    import sys

    table = csv.writer(sys.stdout, lineterminator="\n")
    count = 0
    for row in rows:
        table.writerow(row.values() if coordinates else [row["_id"]])
        count += 1
    return count


def find_sources(
    position: Annotated[
        tuple[float, float] | None,
        option("RA and Dec (deg) to look at.", metavar="RA DEC", panel=WHICH),
    ] = None,
    radius_arcsec: Annotated[
        float, option("Radius (arcsec) around the position.", min=0, panel=WHICH)
    ] = 2.0,
    group_ids: Groups = None,
    marshal: MarshalName = "",
    catalogue: Annotated[
        str,
        option(
            "Look at a position in a catalogue instead: kowalski, or local:FOLDER.", panel=WHERE
        ),
    ] = "",
    collection: Annotated[
        str, option("Collection of the catalogue: sources, features, gaia, ….", panel=WHERE)
    ] = "sources",
    token: Token = "",
    limit: Annotated[int, option("Sources to show at most; 0: all.", min=0)] = 100,
    as_json: Json = False,
) -> None:
    """Show the sources at a position, the nearest first, or those of groups."""
    if (position is None) == (not group_ids) or (catalogue and group_ids):
        raise AstrodomeError(
            "Say which sources: --position RA DEC, or --group-ids on a marshal.", exit_code=2
        )
    if position is not None:
        ra, dec = _checked(*position)
        if catalogue:
            source = catalogue_of(catalogue)
            columns = ("filter", "field", "ccd", "quad", "nobs", "meanmag")
            found = source.cone(collection, ra, dec, radius_arcsec, columns)[0]
            rows = [{k: v for k, v in one.items() if v is not None} for one in found]
        else:
            rows = [_row(one) for one in marshal_of(marshal, token).near(ra, dec, radius_arcsec)]
    else:
        from itertools import islice

        every = marshal_of(marshal, token).in_groups(group_ids or [])
        rows = [_row(one) for one in islice(every, limit or None)]
    console.show(rows[: limit or None], as_json=as_json)
    if not rows:
        console.note("There is none.")


def _checked(ra: float, dec: float) -> tuple[float, float]:
    if not -90 <= dec <= 90 or not 0 <= ra <= 360:
        raise AstrodomeError(
            f"({ra:g}, {dec:g}) is no position: RA from 0 to 360, Dec from -90 to 90 deg.",
            exit_code=2,
        )
    return ra % 360, dec


def _row(source: dict[str, Any]) -> dict[str, Any]:
    """A source of a marshal in a line."""
    labels = [
        f"{one['classification']} {one['probability']:g}"
        if one.get("probability") is not None
        else one["classification"]
        for one in source.get("classifications") or ()
    ]
    row = {key: source.get(key) for key in ("id", "ra", "dec", "separation")}
    row = {key: value for key, value in row.items() if value is not None}
    groups = " ".join(map(str, source.get("groups") or ()))
    return row | {"classifications": "; ".join(labels), "groups": groups}


field_ids_command = command(field_ids)
find_sources_command = command(find_sources)
