"""The command ``scope upload-classification``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import InvalidInputError, console
from astrodome.option_groups import OptionGroup, option

from .batches import finish_batch, request_rows, run_batch
from .options import (
    CLASSIFICATIONS,
    LIGHT_CURVES,
    RESULT,
    ROWS,
    SERVICES,
    DryRun,
    GroupIds,
    Jobs,
    Json,
    NewMarshalOptions,
    command,
)

if TYPE_CHECKING:
    import pandas as pd

    from ..marshal.batches import WriteResult
    from ..marshal.classifications.upload_rows import UploadOptions, UploadRow


class RowOptions(OptionGroup, panel=ROWS):
    """Selection of rows, and of the source of each row."""

    resume: int = option(
        0,
        "First row, counted from 0; not required after an interruption.",
        "--resume",
        "--start",
        min=0,
    )
    stop: int | None = option(None, "Last row.", min=0)
    use_existing_obj_id: bool = option(False, "Use the sources in obj_id.")
    match_ids: bool = option(False, "Find sources by survey_id first.")
    radius: float = option(
        2.0,
        "Maximum separation between a row, its source and its light curves, in arcsec.",
        "--radius-arcsec",
        min=0.01,
    )


class UploadClassOptions(OptionGroup, panel=CLASSIFICATIONS):
    """The classes of each row, and how they are posted."""

    taxonomy_id: int | None = option(None, "Id of the taxonomy on the marshal.")
    classification: list[str] | None = option(
        None, "Classes whose probabilities are in the last columns; read: all labels of the map."
    )
    taxonomy_map: str = option(
        "", "Classes of the labels: JSON file, golden, tags, DNN_AL_mapper, XGB_AL_mapper."
    )
    by_name: bool | None = option(
        None,
        "Whether -classification contains labels of the map, not names of the last columns.",
    )
    threshold: float = option(0.0, "Minimum probability.", "--p-threshold", min=0, max=1)
    origin: str = option("SCoPe", "Origin of the classifications.", "--classification-origin")
    no_ml: bool = option(False, "The classifications are not from machine learning.")
    upvote: bool = option(False, "Vote for each new classification.", "--post-upvote")
    check_labelled_box: bool = option(False, "Mark the sources as labelled.")
    replace_classifications: bool = option(
        False, "Delete other classifications of the same groups."
    )
    post_survey_id: bool = option(False, "Annotate the sources with survey_id.")
    survey_id_origin: str = option("SCoPe_xmatch", "Origin of the annotation with survey_id.")


class PhotometryOptions(OptionGroup, panel=LIGHT_CURVES):
    """Which photometry and plots are posted."""

    catalogue: str = option(
        "",
        "Catalogue with the light curves: kowalski, or local:FOLDER "
        "[setting sources.catalogue, or kowalski].",
        panel=SERVICES,
    )
    skip_phot: bool = option(False, "Post no photometry.")
    limiting_mag: float | None = option(
        None, "Limiting magnitude (AB) [depth of the survey in the band]."
    )
    programs: list[int] | None = option(None, "ZTF programs to post [1 2 3].")
    max_hjd: float | None = option(
        None,
        "Last epoch to post (HJD, d) [kowalski.max_timestamp_hjd].",
        "--max-timestamp-hjd",
    )
    post_phot_as_comment: bool = option(False, "Post a plot of the light curve as a comment.")
    post_phasefolded_phot: bool = option(False, "Post a phase-folded plot, too.")
    plot_folder: str = option("", "Folder for copies of the plots [none].", "--phot-dirname")
    instrument: str = option("ZTF", "Instrument on the marshal.", "--instrument-name")

    def open_catalogue(self) -> Any:
        """Open the catalogue, or return None if neither photometry nor a catalogue is used."""
        from ..catalogues.registry import open_catalogue

        if self.skip_phot and not self.catalogue:
            return None
        return open_catalogue(self.catalogue)


class UploadResultOptions(OptionGroup, panel=RESULT):
    """The copy of the table with the names of the sources."""

    write_obj_id: bool = option(False, "Write a copy of the file with obj_id.")
    result_dir: Path = option(Path("fritzUpload"), "Folder for the copy.")
    result_filetag: str = option("fritzUpload", "Suffix of the name of the copy.")
    result_format: str = option("parquet", "Format of the copy: csv, parquet or h5.")

    def write(
        self, file: Path, table: pd.DataFrame, results: Sequence[WriteResult[UploadRow]]
    ) -> None:
        from ..tables import table_io

        names = {result.item.number: result.obj_id for result in results}
        before = table["obj_id"] if "obj_id" in table else [""] * len(table)
        table = table.assign(obj_id=[names.get(n) or name for n, name in enumerate(before)])
        extension = table_io.writable_extension(self.result_format)
        name = f"{file.stem}_{Path(self.result_filetag).stem}{extension}"
        console.note(f"Wrote {table_io.write_table(self.result_dir / name, table)}.")


@command
def upload(
    file: Path = option(
        ..., "CSV, Parquet or HDF5 file with ra, dec (deg), period (d), probabilities."
    ),
    group_ids: GroupIds = None,
    comment: str = option("", "Comment for each source."),
    period_column: str = option(
        "", "Column with the periods (d); none: upload no periods [period]."
    ),
    jobs: Jobs = 4,
    dry_run: DryRun = False,
    recheck: bool = option(False, "Compare completed rows with the marshal, too."),
    *,
    service: NewMarshalOptions,
    rows: RowOptions,
    classes: UploadClassOptions,
    light_curves: PhotometryOptions,
    result: UploadResultOptions,
    as_json: Json = False,
) -> None:
    """Upload sources with photometry, period, classes and comment to groups of a marshal.

    Only what the marshal does not have is sent, also if the command is repeated. All requests are
    recorded in a journal. If the upload is interrupted, the same command resumes it.
    """
    from ..marshal.classifications import labels, upload_rows
    from ..marshal.classifications import upload as uploads
    from ..tables import table_io

    if not group_ids:
        raise InvalidInputError("The groups are missing.", "Specify -group_ids.")
    table_io.writable_extension(result.result_format)
    table = table_io.read_table(file)
    options = _options(table, group_ids, comment, rows, classes, light_curves)
    columns = labels.summary(table, options.labels, options.threshold)
    for line in columns:
        zero = f", {line['of them zero']} with probability 0" if line["of them zero"] else ""
        console.note(
            f"Column '{line['column']}': class '{line['class']}' of taxonomy {line['taxonomy']}, "
            f"{line['rows']} rows{zero}."
        )
    items = upload_rows.prepare(
        table, options, period_column, rows.resume, rows.stop, origin=file, warn=console.warn
    )
    catalogue = light_curves.open_catalogue()
    if service.is_new_file():  # An invalid upload must not create the file.
        uploads.check(service.create(group_ids, dry_run=True), options)
    marshal = service.create(group_ids, jobs, dry_run=dry_run)
    results = run_batch(
        marshal,
        lambda writer: uploads.upload(
            marshal, catalogue, items, options, writer, jobs=jobs, recheck=recheck
        ),
        "Uploading",
        len(items),
        "rows",
        dry_run=dry_run,
    )
    results.sort(key=lambda result: result.item.number)
    if result.write_obj_id and not dry_run:
        result.write(file, table, results)
    if not as_json:
        console.show(request_rows(results, "row", lambda row: row.number))
    document = {
        "dry_run": dry_run,
        "columns": columns,
        "rows": [
            {
                "row": result.item.number,
                "status": result.status,
                "obj_id": result.obj_id,
                "why": result.reason,
                "changes": [{"verb": r.operation, **r.parameters} for r in result.requests],
            }
            for result in results
        ],
    }
    verb = "would be uploaded" if dry_run else "uploaded"
    finish_batch(results, lambda row: row.name, verb, "rows", document, as_json=as_json)


def _options(
    table: pd.DataFrame, group_ids: list[int], comment: str, *groups: OptionGroup
) -> UploadOptions:
    """Return the options for the library, most of which have the name of an option."""
    from ..config import services
    from ..marshal.classifications import labels
    from ..marshal.classifications.upload_rows import UploadOptions

    given = {name: value for group in groups for name, value in group.given().items()}
    columns = labels.select(
        table,
        given.get("classification", []),
        given["taxonomy_map"],
        given.get("taxonomy_id"),
        given.get("by_name"),
    )
    plots = ("time series", "phase-folded")[: 1 + given["post_phasefolded_phot"]]
    options = UploadOptions(
        tuple(dict.fromkeys(group_ids)),
        tuple(columns),
        comment,
        ml=not given["no_ml"],
        plots=plots if given["post_phot_as_comment"] else (),
        max_hjd=services.kowalski().max_timestamp_hjd,
    )
    names = {field.name for field in fields(UploadOptions)}
    return replace(options, **{name: given[name] for name in names & given.keys()})
