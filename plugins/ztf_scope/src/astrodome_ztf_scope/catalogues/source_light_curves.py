"""Find the light curves of one source by identifier or by position, in a catalogue or in files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from astrodome import AstrodomeError, InvalidInputError

from . import epochs, positions

POSITION = re.compile(r"\s*([^,\s]+)\s*,\s*([^,\s]+)\s*")
SCATTER = 1.0
"""Maximum distance of an epoch from the mean position of its light curve, in arcsec."""


def parse_position(source: str) -> tuple[float, float] | None:
    """Return the position in a text such as ``254.9,30.8`` in degrees, or None for an identifier.

    Raises InvalidInputError if the text contains a comma but not a valid position.
    """
    if "," not in source:
        return None
    match = POSITION.fullmatch(source)
    try:
        ra, dec = map(float, match.groups() if match else ())
    except ValueError:
        raise InvalidInputError(
            f"Invalid position '{source}': expected RA,DEC in degrees, for example 254.9,30.8."
        ) from None
    return positions.validated(ra, dec)


def in_catalogue(catalogue: Any, source: str, radius: float) -> pa.Table:
    """Return the light curves of a source in a catalogue; see :func:`.epochs.group`.

    ``source`` is the identifier of a light curve, or a position in degrees such as ``254.9,30.8``.
    All light curves within ``radius`` arcsec of the position are returned. Raises AstrodomeError if
    the source has no light curve.
    """
    place = parse_position(source)
    if place is None:
        ids: list[Any] = [int(source) if re.fullmatch(r"\d{1,18}", source) else source]
    else:
        ids = [one["_id"] for one in catalogue.cone("sources", *place, radius, ("_id",))[0]]
    curves = from_catalogue(catalogue, ids)
    if not len(curves):
        raise _not_found(source, "the catalogue", radius)
    return curves


def in_files(paths: Sequence[Path], source: str, radius: float) -> pa.Table:
    """Return the light curves of a source in files or folders; see :func:`in_catalogue`."""
    place = parse_position(source)
    ids = {source} if place is None else _ids_near(paths, *place, radius + SCATTER)
    curves = from_files(paths, ids)
    if place is not None:
        ra, dec = (curves[name].to_numpy() for name in ("ra", "dec"))
        curves = curves.filter(pa.array(positions.separations(*place, ra, dec) <= radius))
    if not len(curves):
        raise _not_found(source, ", ".join(map(str, paths)), radius, _first_identifier(paths))
    return curves


def from_catalogue(catalogue: Any, ids: Sequence[Any]) -> pa.Table:
    """Return light curves with the given identifiers in a catalogue; see :func:`.epochs.group`."""
    found = catalogue.light_curves(ids) if len(ids) else ()
    if not len(found):
        return epochs.group(epochs.empty())
    table = pa.Table.from_pandas(found, preserve_index=False)
    return epochs.group(epochs.normalize(table, "The catalogue"))


def from_files(paths: Sequence[Path], ids: Iterable[Any]) -> pa.Table:
    """Return the light curves with the given identifiers in files; see :func:`.epochs.group`."""
    wanted = pa.array(sorted(map(str, ids)), pa.large_string())
    parts = [epochs.empty()]
    for table in _tables(paths):
        texts = pc.cast(table["_id"], pa.large_string())
        parts.append(table.filter(pc.is_in(texts, wanted)))
    found = [part for part in parts if len(part)] or parts[:1]
    return epochs.group(pa.concat_tables(found, promote_options="permissive"))


def _ids_near(paths: Sequence[Path], ra: float, dec: float, radius: float) -> set[str]:
    """Return the identifiers of the light curves that have an epoch near a position."""
    ids: set[str] = set()
    known = False
    for table in _tables(paths):
        known |= table["ra"].null_count < len(table)
        place = (table[name].to_numpy() for name in ("ra", "dec"))
        near = positions.separations(ra, dec, *place) <= radius
        ids.update(map(str, table["_id"].filter(pa.array(near)).to_pylist()))
    if not known:
        raise AstrodomeError(
            f"{', '.join(map(str, paths))} contains no positions: expected the columns 'ra' and "
            "'dec' in degrees.",
            "Specify the identifier of a light curve instead of a position.",
        )
    return ids


def _tables(paths: Sequence[Path]) -> Iterator[pa.Table]:
    for path in epochs.light_curve_files(paths):
        yield from epochs.read(path)


def _first_identifier(paths: Sequence[Path]) -> str:
    """Return a hint that contains the first identifier in the files."""
    first = next((table["_id"][0] for table in _tables(paths) if len(table)), None)
    return "The files have no rows." if first is None else f"The first identifier is {first}."


def _not_found(source: str, origin: str, radius: float, hint: str = "") -> AstrodomeError:
    where = f"within {radius:g} arcsec of {source}" if "," in source else f"with the id {source}"
    return AstrodomeError(f"No light curve found {where} in {origin}.", hint)
