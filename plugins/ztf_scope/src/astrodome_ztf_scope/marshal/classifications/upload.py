"""Upload table rows as sources with photometry, periods, classifications and comments.

Only data that does not exist on the marshal is sent. To resume an interrupted upload, run it
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files

from ...catalogues import positions
from ...config.taxonomy_maps import TaxonomyClass
from ...tables import identifiers
from .. import batches, checks
from .. import journal as journals
from ..annotations import find_annotation, write_annotation
from ..idempotent_writes import IdempotentWriter
from ..protocol import Marshal
from . import labels, photometry
from .upload_rows import UploadOptions, UploadRow

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
        instrument = check(marshal, options)

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


def check(marshal: Marshal, options: UploadOptions) -> int:
    """Check that groups, classes and the instrument exist, and return the instrument id.

    If no photometry is uploaded, the instrument is not checked and 0 is returned.
    """
    checks.check_groups(marshal, options.group_ids)
    checks.check_classes(marshal, ((x.target.name, x.target.taxonomy_id) for x in options.labels))
    return 0 if options.skip_phot else checks.instrument_id(marshal, options.instrument)


def _groups(rows: Sequence[UploadRow], options: UploadOptions) -> list[list[UploadRow]]:
    """Group rows that may belong to the same source."""
    ra, dec = (
        np.array([identifiers.number(row.values.get(name)) for row in rows], np.float64)
        for name in ("ra", "dec")
    )
    # Two rows that match the same source may be separated by twice the radius.
    clusters = positions.clusters(ra, dec, max(2 * options.radius, 1))
    named = [options.use_existing_obj_id and row.values.get("obj_id") for row in rows]
    return batches.grouped(rows, (n or c for n, c in zip(named, clusters, strict=True)))


@dataclass
class _RowUpload:
    """The upload of the data in one row of the table."""

    marshal: Marshal
    catalogue: Any
    options: UploadOptions
    instrument: int
    row: UploadRow
    writer: IdempotentWriter
    is_planned: bool = False
    """Whether the source would be created, but does not exist because this is a dry run."""

    def run(self) -> str:
        """Send all data that does not exist on the marshal, and return the source name."""
        options = self.options
        source = self._find_source() or self._create_source()
        if not options.skip_phot:
            self._add_photometry(source["id"])
        period = self.row.period
        if period is not None and not find_annotation(source["annotations"], PERIOD_ORIGIN):
            self._annotate(source, PERIOD_ORIGIN, {"period": period})
        self._add_groups(source)
        if options.replace_classifications:
            self._delete_other_classifications(source)
        self._add_classifications(source)
        self._add_comments(source["id"])
        if options.post_survey_id:
            self._add_survey_id(source)
        return str(source["id"])

    @cached_property
    def _curves(self) -> Sequence[dict[str, Any]]:
        """Light curves within the matching radius around the position of the row."""
        if self.catalogue is None:
            return ()
        found: list[list[dict[str, Any]]]
        found = self.catalogue.cone("sources", *self.row.position, self.options.radius)
        return found[0]

    @cached_property
    def _points(self) -> pd.DataFrame | None:
        """Photometric points from the light curves, or None if no epochs can be uploaded."""
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
            named = self.marshal.source(obj_id)
            if named is not None:
                return named
            if identifiers.number(values.get("ra")) is None:
                raise AstrodomeError(f"Source {obj_id} not found, and the row has no position.")
        near = self.marshal.near(*self.row.position, options.radius)
        survey_id = values.get("survey_id")
        if options.match_ids and survey_id is not None:
            for source in near:
                known = find_annotation(source["annotations"], options.survey_id_origin)
                if known and str(survey_id) in map(str, known["data"].values()):
                    return source
        named_by_position = (s for s in near if s["id"].startswith(NAME_PREFIX))
        return next(named_by_position, near[0] if near else None)

    def _create_source(self) -> dict[str, Any]:
        """Create a source at the mean position of the light curves.

        If no catalogue is available, the position of the row is used.
        """
        ra, dec = self.row.position
        if self._curves:
            coordinates = ([curve[name] for curve in self._curves] for name in ("ra", "dec"))
            ra, dec = positions.mean(*coordinates)
        elif self.catalogue is not None:
            place = f"{self.options.radius:g} arcsec of RA {ra:.5f}, Dec {dec:.5f} deg"
            raise AstrodomeError(f"No light curve found within {place}.")
        obj_id, groups = positions.iau_name(ra, dec), self.options.group_ids
        existing = self.marshal.source(obj_id)
        if existing is not None:
            return existing
        self.writer.ensure(
            "save source",
            obj_id,
            {"ra": ra, "dec": dec, "group_ids": groups},
            send=lambda: self.marshal.save_source(obj_id, ra, dec, groups),
            is_done=lambda: self.marshal.source(obj_id) is not None,
        )
        self.is_planned = self.writer.dry_run
        return {"id": obj_id, "groups": list(groups), "classifications": [], "annotations": []}

    def _add_photometry(self, obj_id: str) -> None:
        if self._points is None:
            return

        def has_points(body: Mapping[str, Any]) -> bool:
            points = pd.DataFrame({name: body[name] for name in ("mjd", "filter")})
            return not len(photometry.missing_points(points, self.marshal.photometry(obj_id)))

        existing = [] if self.is_planned else self.marshal.photometry(obj_id)
        new = photometry.missing_points(self._points, existing)
        for body in photometry.payloads(new, obj_id, self.instrument, self.options.group_ids):
            times = body["mjd"]
            parameters = {"points": len(times), "mjd": [min(times), max(times)]}
            parameters["digest"] = journals.key(body)[:16]
            self.writer.ensure(
                "photometry",
                obj_id,
                parameters,
                send=partial(self.marshal.add_photometry, body),
                is_done=partial(has_points, body),
            )

    def _annotate(self, source: Mapping[str, Any], origin: str, data: Mapping[str, Any]) -> None:
        """Create the annotation with this origin, or replace its data."""
        before = find_annotation(source["annotations"], origin)
        groups = self.options.group_ids
        write_annotation(self.marshal, self.writer, source["id"], origin, data, groups, before)

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
        """Delete all classifications in the selected groups that differ from those in the row."""
        wanted = {(target.name, probability) for target, probability in self._classes}
        obj_id, kept = source["id"], []

        def is_deleted(number: int) -> bool:
            return all(one["id"] != number for one in self.marshal.classifications(obj_id))

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
                is_done=partial(is_deleted, one["id"]),
            )
        source["classifications"] = kept

    def _add_classifications(self, source: Mapping[str, Any]) -> None:
        """Send one request that adds the classifications missing in at least one group."""
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
        flags = {"origin": options.origin, "ml": options.ml}
        flags |= {"vote": options.upvote, "label": options.check_labelled_box}
        records = []
        for target, probability in self._classes:
            same = (one for one in existing if one["classification"] == target.name)
            have = {group for one in same for group in one["groups"]}
            record = {"obj_id": obj_id, "classification": target.name, "probability": probability}
            record |= {"taxonomy_id": target.taxonomy_id, **flags}
            if groups := [group for group in options.group_ids if group not in have]:
                records.append({**record, "group_ids": groups})
        return records

    def _add_comments(self, obj_id: str) -> None:
        comments: dict[str, tuple[str, bytes] | None] = {}
        if self.options.comment:
            comments[self.options.comment] = None
        if self.options.plots and self._points is not None:
            comments |= self._plots(obj_id, self._points)

        def is_posted(text: str) -> bool:
            return any(comment["text"] == text for comment in self.marshal.comments(obj_id))

        posted = self.marshal.comments(obj_id) if comments and not self.is_planned else []
        for text, attachment in comments.items():
            self.writer.ensure(
                "comment",
                obj_id,
                {"text": text, "attachment": attachment[0] if attachment else None},
                send=partial(self.marshal.comment, obj_id, text, attachment),
                is_done=partial(is_posted, text),
                done=any(comment["text"] == text for comment in posted),
            )

    def _plots(
        self, obj_id: str, points: pd.DataFrame
    ) -> Iterator[tuple[str, tuple[str, bytes] | None]]:
        """Yield the text of the comment and the attachment for each light curve plot."""
        from . import light_curve_plot

        names = [target.name for target, _ in self._classes]
        for kind in self.options.plots:
            period = self.row.period if kind == "phase-folded" else None
            if kind == "phase-folded" and period is None:
                continue
            file_name = f"{obj_id}_{kind}.png"
            png = light_curve_plot.draw(points, obj_id, names, period)
            if self.options.plot_folder:
                files.write_bytes(Path(self.options.plot_folder, file_name), png, sync=False)
            text = f"ZTF source within {self.options.radius:.1f} arcsec of {obj_id}: {kind}"
            yield text, (file_name, png)

    def _add_survey_id(self, source: Mapping[str, Any]) -> None:
        """Add the survey id to the annotation of the source, and keep ids from earlier uploads."""
        survey_id = identifiers.text(self.row.values.get("survey_id"))
        if not survey_id:
            raise AstrodomeError("The row has no value in the column 'survey_id'.")
        origin = self.options.survey_id_origin
        before = find_annotation(source["annotations"], origin)
        data = dict(before["data"]) if before else {}
        if survey_id not in map(str, data.values()):
            data[f"survey_id_{len(data) + 1}" if data else "survey_id"] = survey_id
            self._annotate(source, origin, data)
