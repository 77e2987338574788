"""The command that uploads classifications: arguments in, library call, show the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from astrodome import AstrodomeError, console

from .options import (
    LIGHT,
    SAID,
    WHERE,
    WHICH,
    DryRun,
    Groups,
    Jobs,
    Json,
    MarshalName,
    Token,
    catalogue_of,
    command,
    file_to_create,
    marshal_of,
    option,
    shown,
)

if TYPE_CHECKING:
    from ..marshal.batches import Ended
    from ..marshal.classifications.upload_rows import Plan


def upload(
    file: Annotated[Path, option("CSV, Parquet or HDF5 with ra, dec (deg), period (d), labels.")],
    group_ids: Groups = None,
    taxonomy_id: Annotated[int | None, option("Id of the taxonomy on the marshal.")] = None,
    classification: Annotated[
        list[str] | None,
        option("Classes, of which the last columns are the probabilities; read: by the map."),
    ] = None,
    token: Token = "",
    taxonomy_map: Annotated[
        str,
        option("Labels and their classes: JSON file, golden, tags, DNN_AL_mapper, XGB_AL_mapper."),
    ] = "",
    comment: Annotated[str, option("Comment to post on each source.")] = "",
    period_column: Annotated[
        str,
        option("Column with the period (d); none uploads no period [period].", "--period-column"),
    ] = "",
    resume: Annotated[
        int, option("First row, from 0; not needed after a stop.", "--resume", "--start", min=0)
    ] = 0,
    stop: Annotated[int | None, option("Last row.", min=0, panel=WHICH)] = None,
    marshal: MarshalName = "",
    catalogue: Annotated[
        str,
        option(
            "Where light curves are: kowalski, or local:FOLDER "
            "[setting sources.catalogue, or kowalski].",
            panel=WHERE,
        ),
    ] = "",
    jobs: Jobs = 4,
    dry_run: DryRun = False,
    recheck: Annotated[
        bool, option("Look at the marshal also for rows that were done before.", "--recheck")
    ] = False,
    by_name: Annotated[
        bool | None,
        option("Classes are labels of the map, or names of the last columns.", panel=SAID),
    ] = None,
    p_threshold: Annotated[
        float, option("Least probability that is posted.", min=0, max=1, panel=SAID)
    ] = 0.0,
    classification_origin: Annotated[str, option("Origin of classes.", panel=SAID)] = "SCoPe",
    no_ml: Annotated[bool, option("Classes are not of a machine.", "--no-ml", panel=SAID)] = False,
    post_upvote: Annotated[
        bool, option("Vote for each new class.", "--post-upvote", panel=SAID)
    ] = False,
    check_labelled_box: Annotated[
        bool, option("Mark sources as labelled.", "--check-labelled-box", panel=SAID)
    ] = False,
    replace_classifications: Annotated[
        bool,
        option("Delete other classes of these groups.", "--replace-classifications", panel=SAID),
    ] = False,
    use_existing_obj_id: Annotated[
        bool, option("Sources are those of obj_id.", "--use-existing-obj-id", panel=WHICH)
    ] = False,
    match_ids: Annotated[
        bool, option("Match sources by survey_id first.", "--match-ids", panel=WHICH)
    ] = False,
    radius_arcsec: Annotated[
        float, option("Radius (arcsec) of a source and its light curves.", min=0.01, panel=WHICH)
    ] = 2.0,
    post_survey_id: Annotated[
        bool, option("Annotate with survey_id of the file.", "--post-survey-id", panel=SAID)
    ] = False,
    survey_id_origin: Annotated[
        str, option("Origin of that annotation.", panel=SAID)
    ] = "SCoPe_xmatch",
    skip_phot: Annotated[bool, option("Post no photometry.", "--skip-phot", panel=LIGHT)] = False,
    limiting_mag: Annotated[
        float | None, option("Limiting magnitude (AB) [that of the band].", panel=LIGHT)
    ] = None,
    programs: Annotated[
        list[int] | None, option("Programmes whose epochs are posted [1 2 3].", panel=LIGHT)
    ] = None,
    max_timestamp_hjd: Annotated[
        float | None,
        option("Last epoch (HJD, d) that is posted [kowalski.max_timestamp_hjd].", panel=LIGHT),
    ] = None,
    post_phot_as_comment: Annotated[
        bool, option("Post a plot, too.", "--post-phot-as-comment", panel=LIGHT)
    ] = False,
    post_phasefolded_phot: Annotated[
        bool, option("And one by phase.", "--post-phasefolded-phot", panel=LIGHT)
    ] = False,
    phot_dirname: Annotated[str, option("Folder to keep the plots in [none].", panel=LIGHT)] = "",
    instrument_name: Annotated[str, option("Instrument on the marshal.", panel=LIGHT)] = "ZTF",
    write_obj_id: Annotated[
        bool, option("Write the file again with obj_id.", "--write-obj-id", panel="Result")
    ] = False,
    result_dir: Annotated[Path, option("Its folder.", panel="Result")] = Path("fritzUpload"),
    result_filetag: Annotated[str, option("What its name ends with.", panel="Result")] = (
        "fritzUpload"
    ),
    result_format: Annotated[str, option("csv, parquet or h5.", panel="Result")] = "parquet",
    as_json: Json = False,
) -> None:
    """Upload sources with photometry, period, classes and comment to groups of a marshal.

    Nothing that is there is posted twice, in any number of runs: what was sent stands in a
    journal, and what is unknown is looked up before it is sent again. After a stop give the same
    command again.
    """
    from ..config import services
    from ..marshal import checks
    from ..marshal.classifications import periods
    from ..marshal.classifications import upload_rows as planning
    from ..marshal.classifications.upload_rows import Plan
    from ..tables import table_io

    if not group_ids:
        raise AstrodomeError("To which groups? Give -group_ids.", exit_code=2)
    kind = table_io.writable_extension(result_format)
    table = table_io.read_table(file)
    labels = _labels(table, classification or [], taxonomy_map, taxonomy_id, by_name)
    if max_timestamp_hjd is None:
        max_timestamp_hjd = services.kowalski().max_timestamp_hjd
    plots = ("time series", "phase-folded")[: post_phot_as_comment + post_phasefolded_phot]
    plan = Plan(
        group_ids=tuple(dict.fromkeys(group_ids)),
        labels=tuple(labels),
        comment=comment,
        threshold=p_threshold,
        origin=classification_origin,
        ml=not no_ml,
        upvote=post_upvote,
        check_labelled_box=check_labelled_box,
        replace_classifications=replace_classifications,
        radius=radius_arcsec,
        skip_phot=skip_phot,
        use_existing_obj_id=use_existing_obj_id,
        match_ids=match_ids,
        post_survey_id=post_survey_id,
        survey_id_origin=survey_id_origin,
        plots=plots if post_phot_as_comment else (),
        plot_folder=phot_dirname,
        programmes=tuple(programs or (1, 2, 3)),
        latest=max_timestamp_hjd,
        limiting_mag=limiting_mag,
        instrument=instrument_name,
    )
    with_period = periods.with_period(table, period_column, file)
    wanted = planning.rows(with_period, resume, stop, origin=file)
    for line in planning.problems(with_period, wanted, plan, file):
        console.warn(line)
    _tell_columns(table, plan)
    if "period" not in with_period and period_column != periods.NONE:
        console.note("No periods are uploaded: the table has no column period.")
    curves = None if skip_phot and not catalogue else catalogue_of(catalogue)
    if not skip_phot and (new := file_to_create(marshal)):
        checks.instrument(new, instrument_name)
    service = marshal_of(marshal, token, jobs, new=True, dry=dry_run)
    ended = _upload(service, curves, wanted, plan, jobs=jobs, dry=dry_run, recheck=recheck)
    if write_obj_id and not dry_run:
        names = {one.item.number: one.obj_id for one in ended}
        before = table["obj_id"] if "obj_id" in table else [""] * len(table)
        table["obj_id"] = [names.get(n) or old for n, old in enumerate(before)]
        stem = Path(result_filetag).stem
        out = table_io.write_table(result_dir / f"{file.stem}_{stem}{kind}", table)
        console.note(f"Wrote {out}.")
    _tell(ended, dry_run, as_json, _columns(table, plan))


def _labels(
    table: Any, names: list[str], which: str, taxonomy_id: int | None, by_name: bool | None
) -> list[Any]:
    """Which column is which class; see the module of that name."""
    from ..config import taxonomy_maps
    from ..marshal.classifications import labels

    if not names:
        return []
    read = len(names) == 1 and names[0].lower() == labels.READ
    if (read or by_name) and not which:
        raise AstrodomeError("Which column is which class? Give -taxonomy_map.", exit_code=2)
    if read:
        return labels.from_map(table, taxonomy_maps.read(which, taxonomy_id))
    if by_name is None:  # SCoPe 0.9.5 takes names for labels, and its maps have the taxonomy
        by_name = bool(which) and taxonomy_id is None and taxonomy_maps.has_taxonomies(which)
    if by_name:
        return labels.by_name(table, names, taxonomy_maps.read(which, taxonomy_id))
    return labels.last_columns(table, names, taxonomy_id)


def _columns(table: Any, plan: Plan) -> list[dict[str, Any]]:
    from ..marshal.classifications import labels

    return labels.summary(table, plan.labels, plan.threshold)


def _tell_columns(table: Any, plan: Plan) -> None:
    for line in _columns(table, plan):
        zero = f", {line['of them zero']} of them 0" if line["of them zero"] else ""
        console.note(
            f"Column '{line['column']}' goes to class '{line['class']}' of taxonomy "
            f"{line['taxonomy']}: {line['rows']} rows{zero}."
        )


def _upload(
    service: Any, curves: Any, wanted: list[Any], plan: Plan, *, jobs: int, dry: bool, recheck: bool
) -> list[Ended[Any]]:
    from ..marshal.batches import changing
    from ..marshal.classifications import upload as uploading

    ended = []
    with (
        changing(service, dry=dry) as once,
        console.progress("Uploading", len(wanted), "rows") as bar,
    ):
        for one in uploading.upload(
            service, curves, wanted, plan, once, jobs=jobs, recheck=recheck
        ):
            ended.append(one)
            bar.advance(1, one.obj_id)
    return sorted(ended, key=lambda one: one.item.number)


def _tell(ended: list[Ended[Any]], dry: bool, as_json: bool, columns: list[dict[str, Any]]) -> None:
    """Show what was, or would be, done; leave with 1 when a row failed."""
    from ..marshal import batches

    came = batches.outcome(ended, lambda row: row.name)
    rows = [
        {
            "row": one.item.number,
            "status": one.status,
            "obj_id": one.obj_id,
            "why": one.why,
            "changes": [{"verb": c.verb, **c.request} for c in one.changes],
        }
        for one in ended
    ]
    if as_json:
        console.show_json({"dry_run": dry, "columns": columns, **came.as_dict(), "rows": rows})
    else:
        calls = ((one, change) for one in ended for change in one.changes)
        console.show(
            (
                {"row": o.item.number, "source": c.obj_id, "call": c.verb, "what": shown(c.request)}
                for o, c in calls
            ),
        )
    if not as_json:
        batches.finish(came, "would be uploaded" if dry else "uploaded", "rows")
    elif came.failed:
        raise SystemExit(1)


upload_command = command(upload)
