"""Rows of a table as sources of a marshal: photometry, period, groups, classes, comments.

Whatever a row asks for and the marshal does not have is sent, once; so a run that was stopped,
or is given again, goes on with what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from astrodome import AstrodomeError, files

from ...catalogues import positions
from ...config.taxonomy_maps import Target
from .. import batches, checks
from .. import journal as journals
from ..idempotent_writes import Once
from . import labels as labelling
from . import photometry
from .upload_rows import Plan, Row, number

PERIOD_ORIGIN = "uploadedperiod"
NAMED = "ZTFJ"
"""How sources begin that are named after a position of ZTF's light curves."""


def upload(
    marshal: Any,
    catalogue: Any,
    wanted: Sequence[Row],
    plan: Plan,
    once: Once,
    *,
    jobs: int = 4,
    recheck: bool = False,
) -> Iterator[batches.Ended[Row]]:
    """Upload the rows to the marshal and yield the result of each.

    ``catalogue`` provides the light curves; with ``skip_phot`` it may be None. Rows of the same
    source are uploaded one after the other. Groups, classes and the instrument are checked before
    the first change; AstrodomeError is raised if the marshal does not have one of them.
    """
    work = _Upload(marshal, catalogue, plan)
    used = ["obj_id", "ra", "dec", "period", "survey_id", *(x.column for x in plan.labels)]

    def key(row: Row) -> str:
        values = {name: row.values.get(name) for name in used}
        return journals.key(once.address, "upload", asdict(plan), values)

    finished = once.journal.finished if once.journal and not recheck else lambda item: None
    if any(finished(key(row)) is None for row in wanted):
        work.check()
    return batches.work(
        once,
        _apart(wanted, plan),
        work.row,
        key=key,
        name=lambda row: row.name,
        jobs=jobs,
        recheck=recheck,
    )


def _apart(wanted: Sequence[Row], plan: Plan) -> list[list[Row]]:
    """The rows in parts, those that may be of the same source together."""
    ra = [number(row.values.get("ra")) for row in wanted]
    dec = [number(row.values.get("dec")) for row in wanted]
    # Two rows may lead to sources that are this far from each of them.
    near = positions.clusters(
        np.array(ra, np.float64), np.array(dec, np.float64), max(2 * plan.radius, 1)
    )
    parts: dict[Any, list[Row]] = {}
    for row, cluster in zip(wanted, near, strict=True):
        named = plan.use_existing_obj_id and row.values.get("obj_id")
        parts.setdefault(named or int(cluster), []).append(row)
    return list(parts.values())


class _Upload:
    """Does the rows of one run."""

    def __init__(self, marshal: Any, catalogue: Any, plan: Plan) -> None:
        self.marshal, self.catalogue, self.plan = marshal, catalogue, plan
        self._instrument = 0

    def check(self) -> None:
        """Check that everything that the plan names exists on the marshal; change nothing."""
        plan = self.plan
        checks.groups(self.marshal, plan.group_ids)
        checks.classes(self.marshal, ((x.target.name, x.target.taxonomy_id) for x in plan.labels))
        if not plan.skip_phot:
            self._instrument = checks.instrument(self.marshal, plan.instrument)

    def row(self, row: Row, once: Once) -> str:
        """Everything that a row asks for; gives the name of its source."""
        source = self._find(row)
        curves: list[dict[str, Any]] = []
        if self.catalogue is not None and (source is None or not self.plan.skip_phot):
            curves = self.catalogue.cone("sources", *row.position, self.plan.radius)[0]
        if source is None:
            source = self._make(row, curves, once)
        obj_id = source["id"]
        points = self._points(curves, row)
        if not self.plan.skip_phot and points is not None:
            self._photometry(source, points, once)
        self._annotate(source, PERIOD_ORIGIN, "period", row.period, once)
        self._groups(source, once)
        found = labelling.of_row(row.values, self.plan.labels, self.plan.threshold)
        if self.plan.replace_classifications:
            self._replace(source, found, once)
        self._classes(source, found, once)
        self._comments(source, row, points, found, once)
        if self.plan.post_survey_id:
            self._survey_id(source, row, once)
        return str(obj_id)

    def _find(self, row: Row) -> dict[str, Any] | None:
        """The source of a row, if the marshal has it."""
        if self.plan.use_existing_obj_id and row.values.get("obj_id"):
            obj_id = str(row.values["obj_id"])
            named: dict[str, Any] | None = self.marshal.source(obj_id)
            if named is None and number(row.values.get("ra")) is None:
                raise AstrodomeError(f"there is no source {obj_id}, and no position to look at")
            if named is not None:
                return named
        near: list[dict[str, Any]] = self.marshal.near(*row.position, self.plan.radius)
        survey_id = row.values.get("survey_id")
        if self.plan.match_ids and survey_id is not None:
            for source in near:
                for one in source["annotations"]:
                    known = map(str, one["data"].values())
                    if one["origin"] == self.plan.survey_id_origin and str(survey_id) in known:
                        return source
        return next((s for s in near if s["id"].startswith(NAMED)), near[0] if near else None)

    def _make(self, row: Row, curves: Sequence[Mapping[str, Any]], once: Once) -> dict[str, Any]:
        """A new source at the mean position of its light curves."""
        ra, dec = row.position
        if self.catalogue is not None:
            if not curves:
                radius = f"{self.plan.radius:g} arcsec"
                raise AstrodomeError(f"no light curve within {radius} of ({ra:.5f}, {dec:.5f})")
            ra, dec = positions.mean([c["ra"] for c in curves], [c["dec"] for c in curves])
        obj_id = positions.iau_name(ra, dec)
        known: dict[str, Any] | None = self.marshal.source(obj_id)
        if known is not None:
            return known
        groups = self.plan.group_ids
        once.ensure(
            "save source",
            obj_id,
            {"ra": ra, "dec": dec, "group_ids": groups},
            lambda: self.marshal.save_source(obj_id, ra, dec, groups),
            lambda: self.marshal.source(obj_id) is not None,
            there=False,
        )
        empty: dict[str, Any] = {key: [] for key in ("classifications", "annotations", "labellers")}
        return {"id": obj_id, "ra": ra, "dec": dec, "groups": list(groups), "new": True, **empty}

    def _points(self, curves: Sequence[Mapping[str, Any]], row: Row) -> pd.DataFrame | None:
        if not curves or (self.plan.skip_phot and not self.plan.plots):
            return None
        epochs = self.catalogue.light_curves([curve["_id"] for curve in curves])
        plan = self.plan
        good = photometry.usable(epochs, programmes=plan.programmes, latest=plan.latest)
        return photometry.points(good, *row.position, plan.limiting_mag) if len(good) else None

    def _photometry(self, source: Mapping[str, Any], points: pd.DataFrame, once: Once) -> None:
        obj_id = source["id"]
        there = [] if source.get("new") and once.dry else self.marshal.photometry(obj_id)
        new = photometry.missing(points, there)
        for body in photometry.payloads(new, obj_id, self._instrument, self.plan.group_ids):
            part = pd.DataFrame({name: body[name] for name in ("mjd", "filter")})
            told = {
                "points": len(part),
                "mjd": [float(part["mjd"].min()), float(part["mjd"].max())],
                "digest": journals.key(body)[:16],
            }
            once.ensure(
                "photometry",
                obj_id,
                told,
                partial(self.marshal.add_photometry, body),
                partial(self._has_points, obj_id, part),
                there=False,
            )

    def _has_points(self, obj_id: str, points: pd.DataFrame) -> bool:
        return not len(photometry.missing(points, self.marshal.photometry(obj_id)))

    def _annotate(
        self, source: Mapping[str, Any], origin: str, name: str, value: Any, once: Once
    ) -> None:
        """An annotation of this origin, unless there is one or the row has no value."""
        if value is None:
            return
        obj_id, groups = source["id"], self.plan.group_ids
        once.ensure(
            "annotation",
            obj_id,
            {"origin": origin, "data": {name: value}, "group_ids": groups},
            lambda: self.marshal.annotate(obj_id, origin, {name: value}, groups),
            lambda: any(a["origin"] == origin for a in self.marshal.annotations(obj_id)),
            there=any(a["origin"] == origin for a in source["annotations"]),
        )

    def _groups(self, source: Mapping[str, Any], once: Once) -> None:
        obj_id = source["id"]
        wanted = [group for group in self.plan.group_ids if group not in source["groups"]]
        once.ensure(
            "groups",
            obj_id,
            {"group_ids": wanted},
            lambda: self.marshal.add_to_groups(obj_id, wanted),
            lambda: set(wanted) <= set((self.marshal.source(obj_id) or {"groups": []})["groups"]),
            there=not wanted,
        )

    def _replace(
        self, source: dict[str, Any], found: list[tuple[Target, float]], once: Once
    ) -> None:
        """Delete what the groups have and the row does not say in the same way."""
        wanted = {(target.name, probability) for target, probability in found}
        kept = []
        for one in source["classifications"]:
            same = (one["classification"], one["probability"]) in wanted
            if same or not set(one["groups"]) & set(self.plan.group_ids):
                kept.append(one)
                continue
            mark = one["id"]
            once.ensure(
                "delete classification",
                source["id"],
                {"id": mark, "classification": one["classification"]},
                partial(self.marshal.delete_classification, source["id"], mark),
                partial(self._is_gone, source["id"], mark),
                there=False,
            )
        source["classifications"] = kept

    def _is_gone(self, obj_id: str, mark: int) -> bool:
        return mark not in {c["id"] for c in self.marshal.classifications(obj_id)}

    def _classes(
        self, source: Mapping[str, Any], found: list[tuple[Target, float]], once: Once
    ) -> None:
        """The classes that some of the groups lack, in one call."""
        obj_id, plan = source["id"], self.plan

        def lacking(there: list[dict[str, Any]]) -> list[dict[str, Any]]:
            records = []
            for target, probability in found:
                same = [c for c in there if c["classification"] == target.name]
                have = {group for one in same for group in one["groups"]}
                groups = [group for group in plan.group_ids if group not in have]
                if groups:
                    records.append(
                        {
                            "obj_id": obj_id,
                            "classification": target.name,
                            "origin": plan.origin,
                            "taxonomy_id": target.taxonomy_id,
                            "probability": probability,
                            "group_ids": groups,
                            "vote": plan.upvote,
                            "label": plan.check_labelled_box,
                            "ml": plan.ml,
                        }
                    )
            return records

        todo = lacking(source["classifications"])

        def arrived() -> bool:
            todo[:] = lacking(self.marshal.classifications(obj_id))
            return not todo

        asked = [
            {key: record[key] for key in ("classification", "taxonomy_id", "probability")}
            for record in todo
        ]
        once.ensure(
            "classifications",
            obj_id,
            {"classifications": asked, "group_ids": plan.group_ids},
            lambda: self.marshal.classify(todo),
            arrived,
            there=not todo,
        )

    def _comments(
        self,
        source: Mapping[str, Any],
        row: Row,
        points: pd.DataFrame | None,
        found: list[tuple[Target, float]],
        once: Once,
    ) -> None:
        wanted: dict[str, tuple[str, bytes] | None] = {}
        if self.plan.comment:
            wanted[self.plan.comment] = None
        if self.plan.plots and points is not None:
            from . import light_curve_plot

            about = f"ZTF source within {self.plan.radius:.1f} arcsec of {source['id']}"
            names = [target.name for target, _ in found]
            for kind in self.plan.plots:
                period = row.period if kind == "phase-folded" else None
                if kind == "phase-folded" and period is None:
                    continue
                png = light_curve_plot.draw(points, source["id"], names, period)
                if self.plan.plot_folder:
                    path = Path(self.plan.plot_folder) / f"{source['id']}_{kind}.png"
                    files.write_bytes(path, png, sync=False)
                wanted[f"{about}: {kind}"] = (f"{source['id']}_{kind}.png", png)
        if not wanted:
            return
        obj_id = source["id"]

        def texts() -> set[str]:
            return {comment["text"] for comment in self.marshal.comments(obj_id)}

        def told(text: str) -> bool:
            return text in texts()

        there = set() if source.get("new") and once.dry else texts()
        for text, attachment in wanted.items():
            once.ensure(
                "comment",
                obj_id,
                {"text": text, "attachment": attachment[0] if attachment else None},
                partial(self.marshal.comment, obj_id, text, attachment),
                partial(told, text),
                there=text in there,
            )

    def _survey_id(self, source: Mapping[str, Any], row: Row, once: Once) -> None:
        """The id of the survey, as an annotation that keeps the ids it has."""
        value = row.values.get("survey_id")
        if value is None or value != value:
            raise AstrodomeError("no survey_id to post")
        origin, value = self.plan.survey_id_origin, str(value)
        before = next((a for a in source["annotations"] if a["origin"] == origin), None)
        if before is None:
            self._annotate(source, origin, "survey_id", value, once)
            return
        obj_id, mark = source["id"], before["id"]
        data = {**before["data"], f"survey_id_{len(before['data']) + 1}": value}

        def there() -> bool:
            now = [a for a in self.marshal.annotations(obj_id) if a["id"] == mark]
            return bool(now) and value in map(str, now[0]["data"].values())

        once.ensure(
            "change annotation",
            obj_id,
            {"origin": origin, "data": data},
            lambda: self.marshal.change_annotation(obj_id, mark, origin, data),
            there,
            there=value in map(str, before["data"].values()),
        )
