"""Anomaly maps against the events of HEK: image by image, and all together.

For each image the boxes of the events at its time are compared with the boxes around the
bright regions of its map, both in pixels of the image. An event is *found* when any of it lies
in a predicted region, a region *confirmed* when any of it lies in an event.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import shapely
from astrodome import AstrodomeError, compute, console
from shapely.geometry.base import BaseGeometry

from .. import images, regions
from . import anomaly_maps, iou, results

Records = Callable[[datetime, datetime, Sequence[str]], list[dict[str, Any]]]
"""Gives the records of events that overlap a time; the method of a source of kind ``events``."""


@dataclass(frozen=True)
class Question:
    """Which events count (no types: all of them), and how both sides are made into shapes."""

    event_types: tuple[str, ...] = ("AR", "FL")
    observatory: str = "SDO"
    instrument: str = "AIA"
    any_channel: bool = False
    outlines: bool = False
    rotate: bool = True
    detection: anomaly_maps.Detection = field(default_factory=anomaly_maps.Detection)
    meta: Path | None = None


@dataclass(frozen=True)
class Pair:
    """An image and its map, the records of the events of its time, and what it is called."""

    image: images.Named
    map: anomaly_maps.MapFile
    name: str
    records: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Compared:
    """One image: its shapes in pixels, and its rows of the tables."""

    pair: Pair
    size: tuple[int, int]
    placed: list[regions.Placed]
    predicted: list[BaseGeometry]
    row: dict[str, Any]
    events: list[dict[str, Any]]
    types: list[dict[str, Any]]


@dataclass
class Analysis:
    """What a run came to: its folder, every image that could be compared, and the summary."""

    folder: Path
    compared: list[Compared]
    summary: dict[str, Any]
    outcome: compute.Outcome
    unused: list[anomaly_maps.MapFile]


def pairs(
    pictures: Sequence[images.Named],
    found: Sequence[anomaly_maps.MapFile],
    tolerance: float,
    folder: Path = Path(),
) -> tuple[list[Pair], list[images.Named]]:
    """Each picture with the map of its wavelength that is nearest in time, and those without.

    ``tolerance`` is the largest distance in seconds; names are those within ``folder``.
    """
    by_wave: dict[int, list[anomaly_maps.MapFile]] = defaultdict(list)
    for each in sorted(found, key=lambda each: each.t_obs):
        by_wave[each.wavelength].append(each)
    moments = {wave: [each.t_obs for each in row] for wave, row in by_wave.items()}
    matched, alone = [], []
    for picture in pictures:
        row = by_wave.get(picture.wavelength, [])
        at = bisect_left(moments.get(picture.wavelength, []), picture.t_obs)
        near = row[max(at - 1, 0) : at + 1]
        best = min(near, key=lambda each: abs(each.t_obs - picture.t_obs), default=None)
        if best and abs(best.t_obs - picture.t_obs) <= timedelta(seconds=tolerance):
            path = picture.path
            name = path.relative_to(folder) if path.is_relative_to(folder) else path
            matched.append(Pair(picture, best, name.as_posix()))
        else:
            alone.append(picture)
    return matched, alone


def compare(pair: Pair, question: Question) -> Compared:
    """Compare one image's events with the bright regions of its map.

    Raises AstrodomeError when the image, its header or the map cannot be used.
    """
    size = images.size_of(pair.image.path)
    view = images.header(pair.image.path, size, pair.image.t_obs, question.meta)
    chosen = [
        record
        for record in pair.records
        if regions.observed(record, question.observatory, question.instrument)
        and (question.any_channel or regions.in_channel(record, pair.image.wavelength))
    ]
    every = regions.events(chosen, question.outlines)
    placed = regions.place(every, view, question.rotate)
    scores = anomaly_maps.read(pair.map)
    height, width = scores.scores.shape
    predicted: list[BaseGeometry] = [
        shapely.transform(box, lambda points: points * (size[0] / width, size[1] / height))
        for box in anomaly_maps.bright(scores, question.detection)
    ]
    claimed = iou.union(predicted)
    shown = [each for each in placed if each.seen and each.has_area]
    shares = iou.covered([each.shape for each in shown], claimed)
    hidden = sum(not each.seen for each in placed)
    row = _of_image(pair, shown, predicted, claimed) | {
        "n_hek_found": sum(share > 0 for share in shares),
        "n_hek_without_area": len(every) - len(shown) - hidden,
        "n_hek_behind_limb": hidden,
        "width_px": size[0],
    }
    events = [
        {
            "image": pair.name,
            "kb_archivid": each.event.identity,
            "event_type": each.event.event_type,
            "label": each.event.label,
            "area_px2": each.shape.area,
            "covered": share,
            "found": share > 0,
        }
        for each, share in zip(shown, shares, strict=True)
    ]
    codes = sorted({each.event.event_type for each in shown})
    types = [_of_type(code, pair.name, shown, events, claimed) for code in codes]
    return Compared(pair, size, placed, predicted, row, events, types)


def _of_image(
    pair: Pair,
    shown: Sequence[regions.Placed],
    predicted: Sequence[BaseGeometry],
    claimed: BaseGeometry,
) -> dict[str, Any]:
    """An image's row: all that is shown against all that is predicted."""
    truth = iou.union([each.shape for each in shown])
    both = iou.overlap(truth, claimed)
    return {
        "image": pair.name,
        **{name: getattr(both, name) for name in results.MEASURES},
        "n_hek_events": len(shown),
        "n_predicted_events": len(predicted),
        "n_predicted_confirmed": sum(each > 0 for each in iou.covered(predicted, truth)),
        "hek_area_px2": both.events,
        "predicted_area_px2": both.predicted,
        "shared_area_px2": both.shared,
        "t_obs": pair.image.t_obs.replace(tzinfo=UTC),
        "wavelength": pair.image.wavelength,
        "map": str(pair.map.path),
        "map_offset_s": (pair.map.t_obs - pair.image.t_obs).total_seconds(),
    }


def _of_type(
    code: str,
    name: str,
    shown: Sequence[regions.Placed],
    rows: Sequence[Mapping[str, Any]],
    claimed: BaseGeometry,
) -> dict[str, Any]:
    """One type of event alone against all that is predicted."""
    own = [each.shape for each in shown if each.event.event_type == code]
    both = iou.overlap(iou.union(own), claimed)
    found = sum(row["found"] for row in rows if row["event_type"] == code)
    measures = {measure: getattr(both, measure) for measure in results.MEASURES}
    return {"image": name, "event_type": code, **measures, "events": len(own), "found": found}


def analyze(
    src_dir: Path,
    sood_dir: Path,
    out_dir: Path,
    records: Records,
    question: Question,
    *,
    wavelengths: Collection[int] = (),
    tolerance: float = 180,
    jobs: int = 0,
) -> Analysis:
    """Compare every image of ``src_dir`` with its map in ``sood_dir``, and write the tables.

    They go to a folder within ``out_dir`` that is named by the time of the run: ``iou.csv``,
    ``iou.parquet``, ``events.parquet``, ``types.parquet`` and ``summary.json``. The wavelengths
    (angstrom) are those of the maps unless given. An image that cannot be compared is
    named in the outcome. Raises AstrodomeError when there is nothing to compare.
    """
    for folder in (src_dir, sood_dir):
        if not folder.is_dir():
            raise AstrodomeError(f"There is no folder {folder}.", exit_code=2)
    found = anomaly_maps.find(sood_dir)
    wanted = set(wavelengths) or {each.wavelength for each in found}
    drawn = {each.path for each in found} if src_dir.resolve() != sood_dir.resolve() else set()
    pictures = [each for each in images.find(src_dir, wanted) if each.path not in drawn]
    if not pictures:
        waves = ", ".join(map(str, sorted(wanted)))
        raise AstrodomeError(
            f"There are no images at {waves} Å in {src_dir}.",
            "They are called 2012-01-01T000000__171.jpeg, as sdo data download calls them.",
        )
    matched, alone = pairs(pictures, found, tolerance, src_dir)
    outcome = compute.Outcome()
    for picture in alone:
        why = f"no map at {picture.wavelength} Å within {tolerance:g} s in {sood_dir}"
        outcome.failed.append((str(picture.path), why))
    compared: list[Compared] = []
    work = _with_records(matched, records, question.event_types)
    with console.progress("Comparing", len(matched), "images", resumes=False) as bar:
        for done in compute.map(partial(compare, question=question), work, jobs=jobs, ordered=True):
            bar.advance()
            if done.value is None:
                outcome.failed.append((str(done.item.image.path), done.error))
            else:
                compared.append(done.value)
    outcome.done = len(compared)
    used = {pair.map.path for pair in matched}
    unused = [each for each in found if each.wavelength in wanted and each.path not in used]
    rows = [each.row for each in compared]
    events = [row for each in compared for row in each.events]
    types = [row for each in compared for row in each.types]
    summary = results.summarize(rows, types, question.event_types)
    target = results.run_folder(out_dir)
    about = {
        "src_dir": str(src_dir.absolute()),
        "sood_dir": str(sood_dir.absolute()),
        "tolerance_s": tolerance,
        "question": question_as_dict(question),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    results.write(
        target, rows, events, types, summary | {"failed": outcome.as_dict()["failed"]}, about
    )
    return Analysis(target, compared, summary, outcome, unused)


def question_as_dict(question: Question) -> dict[str, Any]:
    """How the analysis was asked, as plain values."""
    return {
        "event_types": list(question.event_types),
        "observatory": question.observatory,
        "instrument": question.instrument,
        "any_channel": question.any_channel,
        "outlines": question.outlines,
        "rotate": question.rotate,
        **question.detection.model_dump(),
    }


def _with_records(
    matched: Iterable[Pair], records: Records, event_types: Sequence[str]
) -> Iterator[Pair]:
    """The pairs with the events of their time; asked for one by one, as the work goes on."""
    for pair in matched:
        t_obs = pair.image.t_obs
        served = records(t_obs - regions.AROUND, t_obs + regions.AROUND, event_types)
        yield replace(pair, records=tuple(map(regions.needed, served)))
