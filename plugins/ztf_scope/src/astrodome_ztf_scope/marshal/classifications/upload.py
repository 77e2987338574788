"""Upload table rows as sources with photometry, periods, classifications and comments.

Only data that does not exist on the marshal is sent. Therefore, an interrupted upload is resumed by
running it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files

from ...catalogues import positions
from ...config.taxonomy_maps import TaxonomyClass
from .. import batches, checks
from .. import journal as journals
from ..annotations import write_annotation
from ..idempotent_writes import IdempotentWriter
from ..protocol import Marshal
from . import labels, photometry
from .upload_rows import UploadOptions, UploadRow, number

logger = logging.getLogger(__name__)

PERIOD_ORIGIN = "uploadedperiod"
NAME_PREFIX = "ZTFJ"
"""Prefix of source names that are derived from the position of a ZTF light curve."""


def upload(
    marshal: Marshal,
    catalogue: Any,
    rows: Sequence[UploadRow],
    options: UploadOptions,
    writer: IdempotentWriter,
    *,
    jobs: int = 4,
    recheck: bool = False,
    notify: Callable[[str], object] = logger.info,
) -> Iterator[batches.WriteResult[UploadRow]]:
    """Upload the rows to the marshal and yield the result for each row.

    ``catalogue`` provides the light curves. It may be None if the option ``skip_phot`` is True.
    Rows that belong to the same source are uploaded sequentially. Groups, classes and the
    instrument are checked before the first change. Raises AstrodomeError if one of them does not
    exist on the marshal.
    """
    used = ["obj_id", "ra", "dec", "period", "survey_id", *(x.column for x in options.labels)]

    def key(row: UploadRow) -> str:
        values = {name: row.values.get(name) for name in used}
        return journals.key(writer.address, "upload", asdict(options), values)

    completed = writer.journal.completed_source if writer.journal and not recheck else None
    instrument = 0
    if completed is None or any(completed(key(row)) is None for row in rows):
        instrument = check(marshal, options, notify)

    def upload_row(row: UploadRow, own: IdempotentWriter) -> str:
        return _RowUpload(marshal, catalogue, options, instrument, row, own).run()

    return batches.process(
        writer,
        _groups(rows, options),
        upload_row,
        key=key,
        name=lambda row: row.name,
        jobs=jobs,
        recheck=recheck,
    )


def check(
    marshal: Marshal, options: UploadOptions, notify: Callable[[str], object] = logger.info
) -> int:
    """Check that groups, classes and the instrument exist, and return the instrument id.

    If no photometry is uploaded, the instrument is not checked and 0 is returned.
    """
    checks.check_groups(marshal, options.group_ids)
    classes = ((x.target.name, x.target.taxonomy_id) for x in options.labels)
    if not checks.check_classes(marshal, classes):
        notify("The names of classes are not checked, because the marshal has no taxonomies.")
    return 0 if options.skip_phot else checks.instrument_id(marshal, options.instrument)


def _groups(rows: Sequence[UploadRow], options: UploadOptions) -> list[list[UploadRow]]:
    """Group rows that may belong to the same source."""
    ra, dec = (
        np.array([number(row.values.get(name)) for row in rows], np.float64)
        for name in ("ra", "dec")
    )
    # Two rows that match the same source may be separated by twice the radius.
    clusters = positions.clusters(ra, dec, max(2 * options.radius, 1))
    groups: dict[Any, list[UploadRow]] = {}
    for row, cluster in zip(rows, clusters, strict=True):
        named = options.use_existing_obj_id and row.values.get("obj_id")
        groups.setdefault(named or int(cluster), []).append(row)
    return list(groups.values())


@dataclass
class _RowUpload:
    """The upload of one row."""

    marshal: Marshal
    catalogue: Any
    options: UploadOptions
    instrument: int
    row: UploadRow
    writer: IdempotentWriter
    is_new: bool = False

    def run(self) -> str:
        """Send all data that does not exist on the marshal, and return the source name."""
        source = self._find_source()
        if source is None:
            self.is_new = True
            source = self._create_source()
        if not self.options.skip_phot:
            self._add_photometry(source)
        self._add_annotation(source, PERIOD_ORIGIN, "period", self.row.period)
        self._add_groups(source)
        if self.options.replace_classifications:
            self._delete_other_classifications(source)
        self._add_classifications(source)
        self._add_comments(source)
        if self.options.post_survey_id:
            self._add_survey_id(source)
        return str(source["id"])

    @cached_property
    def _curves(self) -> list[dict[str, Any]]:
        """Light curves within the matching radius around the position of the row."""
        if self.catalogue is None or (self.options.skip_phot and not self.is_new):
            return []
        found: list[dict[str, Any]]
        (found,) = self.catalogue.cone("sources", *self.row.position, self.options.radius)
        return found

    @cached_property
    def _points(self) -> pd.DataFrame | None:
        """Photometric points from the light curves, or None if there are none."""
        if not self._curves:
            return None
        options = self.options
        epochs = photometry.select_epochs(
            self.catalogue.light_curves([curve["_id"] for curve in self._curves]),
            programs=options.programs,
            max_hjd=options.max_hjd,
        )
        if epochs.empty:
            return None
        return photometry.to_photometry(epochs, *self.row.position, options.limiting_mag)

    @cached_property
    def _classes(self) -> list[tuple[TaxonomyClass, float]]:
        return labels.of_row(self.row.values, self.options.labels, self.options.threshold)

    def _find_source(self) -> dict[str, Any] | None:
        options, values = self.options, self.row.values
        if options.use_existing_obj_id and values.get("obj_id"):
            obj_id = str(values["obj_id"])
            named: dict[str, Any] | None = self.marshal.source(obj_id)
            if named is not None:
                return named
            if number(values.get("ra")) is None:
                raise AstrodomeError(f"Source {obj_id} not found, and the row has no position.")
        near: list[dict[str, Any]] = self.marshal.near(*self.row.position, options.radius)
        survey_id = values.get("survey_id")
        if options.match_ids and survey_id is not None:
            for source in near:
                for one in source["annotations"]:
                    known = map(str, one["data"].values())
                    if one["origin"] == options.survey_id_origin and str(survey_id) in known:
                        return source
        named_by_position = (s for s in near if s["id"].startswith(NAME_PREFIX))
        return next(named_by_position, near[0] if near else None)

    def _create_source(self) -> dict[str, Any]:
        """Create a source at the mean position of the light curves.

        Without a catalogue, the position of the row is used.
        """
        ra, dec = self.row.position
        if self.catalogue is not None:
            if not self._curves:
                radius = f"{self.options.radius:g} arcsec"
                raise AstrodomeError(
                    f"No light curve found within {radius} of ({ra:.5f}, {dec:.5f})."
                )
            coordinates = ([curve[name] for curve in self._curves] for name in ("ra", "dec"))
            ra, dec = positions.mean(*coordinates)
        obj_id = positions.iau_name(ra, dec)
        existing: dict[str, Any] | None = self.marshal.source(obj_id)
        if existing is not None:
            self.is_new = False
            return existing
        groups = self.options.group_ids
        self.writer.ensure(
            "save source",
            obj_id,
            {"ra": ra, "dec": dec, "group_ids": groups},
            send=lambda: self.marshal.save_source(obj_id, ra, dec, groups),
            is_done=lambda: self.marshal.source(obj_id) is not None,
            done=False,
        )
        empty: dict[str, Any] = {key: [] for key in ("classifications", "annotations", "labellers")}
        return {"id": obj_id, "ra": ra, "dec": dec, "groups": list(groups), **empty}

    @property
    def _is_planned(self) -> bool:
        """Whether the source would be created, but does not exist because this is a dry run."""
        return self.writer.dry_run and self.is_new

    def _add_photometry(self, source: Mapping[str, Any]) -> None:
        if self._points is None:
            return
        obj_id = source["id"]
        existing = [] if self._is_planned else self.marshal.photometry(obj_id)
        new = photometry.missing_points(self._points, existing)
        groups = self.options.group_ids
        for body in photometry.payloads(new, obj_id, self.instrument, groups):
            sent = pd.DataFrame({name: body[name] for name in ("mjd", "filter")})
            parameters = {
                "points": len(sent),
                "mjd": [float(sent["mjd"].min()), float(sent["mjd"].max())],
                "digest": journals.key(body)[:16],
            }
            self.writer.ensure(
                "photometry",
                obj_id,
                parameters,
                send=partial(self.marshal.add_photometry, body),
                is_done=partial(self._has_points, obj_id, sent),
                done=False,
            )

    def _has_points(self, obj_id: str, points: pd.DataFrame) -> bool:
        return not len(photometry.missing_points(points, self.marshal.photometry(obj_id)))

    def _add_annotation(self, source: Mapping[str, Any], origin: str, key: str, value: Any) -> None:
        """Add an annotation if the value is not None and no annotation has this origin."""
        if value is not None and not any(a["origin"] == origin for a in source["annotations"]):
            groups = self.options.group_ids
            write_annotation(
                self.marshal, self.writer, source["id"], origin, {key: value}, groups, None
            )

    def _add_groups(self, source: Mapping[str, Any]) -> None:
        obj_id = source["id"]
        missing = [group for group in self.options.group_ids if group not in source["groups"]]
        self.writer.ensure(
            "groups",
            obj_id,
            {"group_ids": missing},
            send=lambda: self.marshal.add_to_groups(obj_id, missing),
            is_done=lambda: set(missing) <= set((self.marshal.source(obj_id) or source)["groups"]),
            done=not missing,
        )

    def _delete_other_classifications(self, source: dict[str, Any]) -> None:
        """Delete classifications in the selected groups that are not in the row."""
        wanted = {(target.name, probability) for target, probability in self._classes}
        obj_id, kept = source["id"], []
        for one in source["classifications"]:
            same = (one["classification"], one["probability"]) in wanted
            if same or not set(one["groups"]) & set(self.options.group_ids):
                kept.append(one)
                continue
            self.writer.ensure(
                "delete classification",
                obj_id,
                {"id": one["id"], "classification": one["classification"]},
                send=partial(self.marshal.delete_classification, obj_id, one["id"]),
                is_done=partial(self._is_deleted, obj_id, one["id"]),
                done=False,
            )
        source["classifications"] = kept

    def _is_deleted(self, obj_id: str, classification_id: int) -> bool:
        return all(c["id"] != classification_id for c in self.marshal.classifications(obj_id))

    def _add_classifications(self, source: Mapping[str, Any]) -> None:
        """Add the classifications that are missing in at least one group, in one request."""
        obj_id = source["id"]
        missing = self._missing_classifications(obj_id, source["classifications"])

        def is_done() -> bool:
            missing[:] = self._missing_classifications(obj_id, self.marshal.classifications(obj_id))
            return not missing

        keys = ("classification", "taxonomy_id", "probability")
        described = [{key: record[key] for key in keys} for record in missing]
        self.writer.ensure(
            "classifications",
            obj_id,
            {"classifications": described, "group_ids": self.options.group_ids},
            send=lambda: self.marshal.classify(missing),
            is_done=is_done,
            done=not missing,
        )

    def _missing_classifications(
        self, obj_id: str, existing: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        options = self.options
        records = []
        for target, probability in self._classes:
            same = [c for c in existing if c["classification"] == target.name]
            have = {group for one in same for group in one["groups"]}
            groups = [group for group in options.group_ids if group not in have]
            if groups:
                records.append(
                    {
                        "obj_id": obj_id,
                        "classification": target.name,
                        "origin": options.origin,
                        "taxonomy_id": target.taxonomy_id,
                        "probability": probability,
                        "group_ids": groups,
                        "vote": options.upvote,
                        "label": options.check_labelled_box,
                        "ml": options.ml,
                    }
                )
        return records

    def _add_comments(self, source: Mapping[str, Any]) -> None:
        comments: dict[str, tuple[str, bytes] | None] = {}
        if self.options.comment:
            comments[self.options.comment] = None
        if self.options.plots and self._points is not None:
            comments |= self._plots(source["id"], self._points)
        if not comments:
            return
        obj_id = source["id"]

        def texts() -> set[str]:
            return {comment["text"] for comment in self.marshal.comments(obj_id)}

        existing = set() if self._is_planned else texts()
        for text, attachment in comments.items():
            self.writer.ensure(
                "comment",
                obj_id,
                {"text": text, "attachment": attachment[0] if attachment else None},
                send=partial(self.marshal.comment, obj_id, text, attachment),
                is_done=lambda text=text: text in texts(),  # type: ignore[misc]
                done=text in existing,
            )

    def _plots(self, obj_id: str, points: pd.DataFrame) -> dict[str, tuple[str, bytes] | None]:
        """Return the light curve plots, keyed by the text of the comment."""
        from . import light_curve_plot

        names = [target.name for target, _ in self._classes]
        found: dict[str, tuple[str, bytes] | None] = {}
        for kind in self.options.plots:
            period = self.row.period if kind == "phase-folded" else None
            if kind == "phase-folded" and period is None:
                continue
            file_name = f"{obj_id}_{kind}.png"
            png = light_curve_plot.draw(points, obj_id, names, period)
            if self.options.plot_folder:
                path = Path(self.options.plot_folder) / file_name
                files.write_bytes(path, png, sync=False)
            text = f"ZTF source within {self.options.radius:.1f} arcsec of {obj_id}: {kind}"
            found[text] = (file_name, png)
        return found

    def _add_survey_id(self, source: Mapping[str, Any]) -> None:
        """Add the survey id to the annotation of the source, and keep ids from earlier uploads."""
        value = self.row.values.get("survey_id")
        if value is None or value != value:
            raise AstrodomeError("The row has no survey_id.")
        origin, value = self.options.survey_id_origin, str(value)
        before = next((a for a in source["annotations"] if a["origin"] == origin), None)
        if before is None:
            self._add_annotation(source, origin, "survey_id", value)
        elif value not in map(str, before["data"].values()):
            data = {**before["data"], f"survey_id_{len(before['data']) + 1}": value}
            groups = self.options.group_ids
            write_annotation(self.marshal, self.writer, source["id"], origin, data, groups, before)
