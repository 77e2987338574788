"""Commands about annotations, disagreements, taxonomies and the journal of a marshal."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from astrodome import AstrodomeError, console

from .manual_syntax import Manual
from .options import (
    DryRun,
    Groups,
    Jobs,
    Json,
    MarshalName,
    Token,
    catalogue_of,
    command,
    marshal_name,
    marshal_of,
    option,
    shown,
)

CHANGED = ("obj_id", "origin", "key", "before", "after")
SAYS = {
    "post": "Posted annotation {origin} ({key} = {after}) for {obj_id}",
    "update": "Updated annotation {origin} ({key} = {before} to {after}) for {obj_id}",
    "delete": "Deleted annotation {origin} ({key} = {before}) for {obj_id}",
    "undo": "Restored annotation {origin} of {obj_id}",
}


def manage(
    action: Annotated[str, option("post, update or delete.")] = "",
    source: Annotated[str, option("Name of a source, or CSV, Parquet, HDF5 with obj_id.")] = "",
    group_ids: Groups = None,
    token: Token = "",
    origin: Annotated[str, option("Origin of the annotation.")] = "",
    key: Annotated[str, option("Key in the annotation.")] = "",
    value: Annotated[
        str | None, option("Value to post or update [that of the column named like the key].")
    ] = None,
    marshal: MarshalName = "",
    whole: Annotated[bool, option("Delete the annotation with all its keys.", "--whole")] = False,
    undo_file: Annotated[
        Path | None, option("Write what was there before [annotations-undo-<time>.json].")
    ] = None,
    undo: Annotated[
        Path | None, option("Bring back what such a file says; no action then.", exists=True)
    ] = None,
    jobs: Jobs = 4,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Post, update or delete a key in annotations of sources.

    Origin and key are matched exactly. An update leaves the other keys of an annotation as they
    are, and so does deleting one. What was there before is kept in a file, for --undo.
    """
    from ..marshal import annotations, batches, checks

    if undo:
        items = annotations.undo(undo)
    else:
        if not action or not source:
            raise AstrodomeError(
                f"Specify {'-source' if action else '-action'}.",
                "manage-annotation -action post|update|delete -source NAME|FILE …",
                exit_code=2,
            )
        items = annotations.wanted(action, source, origin, key, value, group_ids or (), whole=whole)
    service = marshal_of(marshal, token, jobs)
    checks.groups(service, {number for item in items for number in item.group_ids})
    ended, changes, kept = [], [], None
    try:
        with (
            batches.changing(service, dry=dry_run) as once,
            console.progress("Annotating", len(items), "sources") as bar,
        ):
            for end, changed in annotations.manage(service, items, once, jobs=jobs):
                bar.advance(1, end.item.obj_id)
                ended.append(end)
                changes += [changed] if changed else []
    finally:  # also of a run that is stopped
        changes.sort(key=lambda change: change.obj_id)
        if changes and not dry_run:
            kept = str(annotations.write_undo(undo_file or _fresh_name(), changes))
    came = batches.outcome(ended, lambda item: item.name)
    rows = [change.row for change in changes]
    if as_json:
        more = {"dry_run": dry_run, "changes": rows, "undo": kept}
        console.show_json({**more, **came.as_dict()})
        if came.failed:
            raise SystemExit(1)
        return
    console.show(rows, columns=CHANGED)
    if not dry_run:
        for row in rows:
            console.note(SAYS["undo" if undo else action.lower()].format(**row))
    if kept:
        console.note(f"What was there before: manage-annotation --undo {kept}")
    batches.finish(came, "checked" if dry_run else "done", "sources")


def _fresh_name() -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    names = (f"annotations-undo-{stamp}{f'-{n}' if n else ''}.json" for n in itertools.count())
    return next(path for path in map(Path, names) if not path.exists())


def disagreements(
    file: Annotated[Path, option("Training set (CSV, Parquet, HDF5), whose ztf_id are left out.")],
    id: Annotated[int, option("Id of the group on the marshal.", "--id", "--group-id")] = 1,
    token: Token = "",
    marshal: MarshalName = "",
    catalogue: Annotated[
        str,
        option(
            "Catalogue of scores and features: kowalski, or local:FOLDER "
            "[setting sources.catalogue, or kowalski]."
        ),
    ] = "",
    tag: Annotated[str, option("Class whose scores are compared.")] = "vnv",
    score: Annotated[float, option("One of the scores is above this.", min=0, max=1)] = 0.9,
    high: Annotated[float, option("One score is above this…", min=0, max=1)] = 0.95,
    low: Annotated[float, option("…and the other at most this.", min=0, max=1)] = 0.1,
    origin: Annotated[str, option("Origin of the annotation.")] = "ML_DR5_d15_v1",
    catalog: Annotated[
        str, option("Catalogue from which the marshal takes light curves [kowalski.collections].")
    ] = "",
    period: Annotated[str, option("Column of the features with the period (d).")] = "period",
    statistics: Annotated[
        Path, option("Table to write: scores and features of the disagreements.", dir_okay=False)
    ] = Path("disagreements.parquet"),
    jobs: Jobs = 4,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Upload light curves on which the network and the boosted trees disagree, to look at.

    Those of the training set are left out. Each gets an annotation with its period, both scores
    and what Gaia has; the table of their statistics is written too.
    """
    from ..config import services
    from ..marshal import batches, checks
    from ..marshal import disagreements as apart
    from ..tables import table_io

    limits = apart.Limits(tag, score, high, low)
    source = catalogue_of(catalogue)
    scores = apart.find(source, limits)
    table = apart.statistics(source, scores)
    sample = apart.unseen(table, file)
    if not dry_run:
        table_io.write_table(statistics, sample)
    plan = apart.Plan(
        id, catalog or services.kowalski().collections.sources, origin, limits, period
    )
    counts = {
        "disagreements": len(scores),
        "with features": len(table),
        "not in the training set": len(sample),
    }
    service = marshal_of(marshal, token, jobs, new=True, dry=dry_run)
    checks.groups(service, [id])
    ended = []
    with (
        batches.changing(service, dry=dry_run) as once,
        console.progress("Uploading", len(sample), "light curves") as bar,
    ):
        for one in apart.upload(service, source, sample, plan, once, jobs=jobs):
            ended.append(one)
            bar.advance(1, one.obj_id)
    came = batches.outcome(ended, lambda row: str(row["_id"]))
    rows = [
        {"ztf_id": one.item["_id"], "status": one.status, "source": one.obj_id, "why": one.why}
        for one in sorted(ended, key=lambda one: one.item["_id"])
    ]
    about = {**counts, "statistics": None if dry_run else str(statistics)}
    if as_json:
        console.show_json({"dry_run": dry_run, **about, **came.as_dict(), "light_curves": rows})
        if came.failed:
            raise SystemExit(1)
        return
    if dry_run:
        calls = [(one.item["_id"], change) for one in ended for change in one.changes]
        rows = [{"ztf_id": n, "call": c.verb, "what": shown(c.request)} for n, c in calls]
    console.show(rows)
    for name, count in counts.items():
        console.note(f"{count} {name}")
    batches.finish(came, "would be uploaded" if dry_run else "uploaded", "light curves")


taxonomies = typer.Typer(
    help="Post taxonomies of classes to a marshal, and show those that are there.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@taxonomies.command("post", cls=Manual)
def post_taxonomy(
    taxonomy: Annotated[
        str, option("Tree of classes in YAML, as tdtax has it; config: the configured one.")
    ] = "config",
    group_ids: Groups = None,
    name: Annotated[str, option("Its name.")] = "Scope Phenomenological Taxonomy",
    version: Annotated[str, option("Its version.")] = "1.0.0",
    provenance: Annotated[str, option("Address of where it is from.")] = "github",
    token: Token = "",
    marshal: MarshalName = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Post a taxonomy to a marshal, once for each name and version."""
    from ..marshal import checks
    from ..marshal import taxonomies as trees
    from ..marshal.batches import changing

    tree = trees.read(taxonomy)
    service = marshal_of(marshal, token, new=True, dry=dry_run)
    checks.groups(service, group_ids or ())
    with changing(service, dry=dry_run) as once:
        there = trees.post(service, once, tree, name, version, provenance, group_ids or ())
    classes = sum(1 for _ in trees.paths(tree))
    about = {"name": name, "version": version, "classes": classes, "posted": bool(once.changes)}
    about["posted"] = bool(once.changes) and not dry_run
    console.show_one({"id": there["id"] if there else None, **about}, as_json=as_json)


@taxonomies.command("show", cls=Manual)
def show_taxonomies(
    number: Annotated[
        int | None, typer.Argument(metavar="[ID]", help="Show the classes of this one.")
    ] = None,
    token: Token = "",
    marshal: MarshalName = "",
    as_json: Json = False,
) -> None:
    """List the taxonomies of a marshal, or the classes of one."""
    from ..marshal import taxonomies as trees

    found = marshal_of(marshal, token).taxonomies()
    if number is None:
        console.show(
            (
                {
                    **{key: one.get(key) for key in ("id", "name", "version", "provenance")},
                    "classes": sum(1 for _ in trees.paths(one["hierarchy"])),
                }
                for one in found
            ),
            as_json=as_json,
        )
        return
    chosen = next((one for one in found if one["id"] == number), None)
    if chosen is None:
        raise AstrodomeError(f"There is no taxonomy {number}.", "scope taxonomy show", exit_code=2)
    if as_json:
        console.show_json(chosen)
        return
    for path in trees.paths(chosen["hierarchy"]):
        print(f"{'  ' * (len(path) - 1)}{path[-1]}")


def journal(
    marshal: MarshalName = "",
    obj_id: Annotated[str, option("Only calls about this source.")] = "",
    state: Annotated[str, option("Only these: done, found, refused, or begun (unknown).")] = "",
    as_json: Annotated[bool, option("Print one JSON array.", "--json")] = False,
) -> None:
    """Show every call that was made to change a marshal, and what became of it.

    A call whose state is begun was cut off: the next run of its command looks it up.
    """
    from astrodome import http, settings

    from ..config import services
    from ..marshal import journal as journals

    marshal = marshal_name(marshal)
    name, colon, _ = marshal.partition(":")
    if name == "fritz" and not colon:  # needs no token
        address = http.shown(settings.section("fritz", services.FritzSettings).url)
    else:
        address = marshal_of(marshal, "").address
    path = journals.place(address)
    rows = []
    if path.is_file():
        book = journals.Journal(path)
        rows = book.calls(obj_id, state)
        book.close()
    console.show(
        (
            {
                "begun": datetime.fromtimestamp(row["begun"], UTC).replace(tzinfo=None),
                "obj_id": row["obj_id"],
                "call": row["verb"],
                "state": row["state"],
                "attempts": row["attempts"],
                "request": row["request"],
                "said": row["said"],
            }
            for row in rows
        ),
        columns=("begun", "obj_id", "call", "state", "attempts", "request", "said"),
        as_json=as_json,
    )


manage_command = command(manage)
disagreements_command = command(disagreements)
journal_command = command(journal)
