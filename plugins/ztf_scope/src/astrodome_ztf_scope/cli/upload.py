"""The command ``scope upload-classification``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astrodome import InvalidInputError, console, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
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
    """Options that select the rows and the source for each row."""

    resume: int = option(
        0,
        "First row to upload, counted from 0. This option is not required to resume an interrupted "
        "upload.",
        "--resume",
        "--start",
        min=0,
    )
    stop: int | None = option(None, "Last row to upload, counted from 0.", min=0)
    use_existing_obj_id: bool = option(
        False, "Use the existing sources named in the column 'obj_id'."
    )
    match_ids: bool = option(
        False, "Search for sources by the column 'survey_id' first, then by position."
    )
    radius: float = option(
        2.0,
        "Maximum separation between the position in a row and its source or light curves, in "
        "arcsec.",
        "--radius-arcsec",
        min=0.01,
    )


class UploadClassOptions(OptionGroup, panel=CLASSIFICATIONS):
    """Options for the classifications that are posted."""

    taxonomy_id: int | None = option(None, "Id of the taxonomy that contains the classes.")
    classification: list[str] | None = option(
        None,
        "Names of the classes whose probabilities are in the last columns, or 'read' to upload all "
        "labels in the taxonomy map.",
    )
    taxonomy_map: str = option(
        "", "Taxonomy map: golden, tags, DNN_AL_mapper, XGB_AL_mapper, or a JSON file."
    )
    by_name: bool | None = option(
        None, "Whether -classification contains labels in the taxonomy map instead of class names."
    )
    threshold: float = option(
        0.0, "Minimum probability of the classes that are uploaded.", "--p-threshold", min=0, max=1
    )
    origin: str = option("SCoPe", "Origin of the classifications.", "--classification-origin")
    no_ml: bool = option(False, "Mark the classifications as not made by machine learning.")
    upvote: bool = option(False, "Upvote each new classification.", "--post-upvote")
    check_labelled_box: bool = option(False, "Mark the sources as labeled.")
    replace_classifications: bool = option(
        False, "Delete all other classifications of the sources in the groups in --group-ids."
    )
    post_survey_id: bool = option(False, "Post the column 'survey_id' as an annotation.")
    survey_id_origin: str = option(
        "SCoPe_xmatch", "Origin of the annotation that contains the survey id."
    )


class PhotometryOptions(OptionGroup, panel=LIGHT_CURVES):
    """Options for the photometry and plots that are posted."""

    catalogue: str = option(
        "",
        "Catalogue with the light curves: kowalski or local:FOLDER "
        "(setting: sources.catalogue; default: kowalski).",
        panel=SERVICES,
    )
    skip_phot: bool = option(False, "Do not post photometry.")
    limiting_mag: float | None = option(
        None, "AB limiting magnitude of the photometry (default: survey depth in each band)."
    )
    programs: list[int] | None = option(
        None, "Numbers of the ZTF programs to include (default: 1, 2 and 3)."
    )
    max_hjd: float | None = option(
        None,
        "Maximum HJD of the epochs to post, in days (setting: kowalski.max_timestamp_hjd).",
        "--max-timestamp-hjd",
    )
    post_phot_as_comment: bool = option(False, "Post a plot of the light curve as a comment.")
    post_phasefolded_phot: bool = option(False, "Also post a phase-folded plot.")
    plot_folder: str = option(
        "", "Folder to which copies of the plots are written (optional).", "--phot-dirname"
    )
    instrument: str = option("ZTF", "Name of the instrument on the marshal.", "--instrument-name")

    def open_catalogue(self) -> Any:
        """Open the catalogue, or return None if it is not required and not specified."""
        from ..catalogues.registry import open_catalogue

        if self.skip_phot and not self.catalogue:
            return None
        return open_catalogue(self.catalogue)


class UploadResultOptions(OptionGroup, panel=RESULT):
    """Options for the copy of the input file that also contains the source names."""

    write_obj_id: bool = option(False, "Write a copy of the input file with the column 'obj_id'.")
    result_dir: Path = option(Path("fritzUpload"), "Folder for the copy of the input file.")
    result_filetag: str = option("fritzUpload", "File name suffix of the copy.")
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
@outputs.declare(documents.UploadDocument)
def upload(
    file: Path = option(
        ...,
        "File with the columns 'ra', 'dec' (deg), 'period' (days), and class probabilities.",
    ),
    group_ids: GroupIds = None,
    comment: str = option("", "Comment to post on each source."),
    period_column: str = option(
        "", "Column with the periods in days, or 'none' to upload no periods (default: period)."
    ),
    jobs: Jobs = 4,
    dry_run: DryRun = False,
    recheck: bool = option(False, "Also check rows that an earlier run has completed."),
    *,
    service: NewMarshalOptions,
    rows: RowOptions,
    classes: UploadClassOptions,
    light_curves: PhotometryOptions,
    result: UploadResultOptions,
    as_json: Json = False,
) -> None:
    """Upload sources, with their photometry, periods, classes and comments, to groups on a marshal.

    Only data that does not exist on the marshal is sent. All requests are recorded in a journal.
    To resume an interrupted upload, run the same command again.
    """
    from ..marshal.classifications import labels, upload_rows
    from ..marshal.classifications import upload as uploads
    from ..tables import table_io

    if not group_ids:
        raise InvalidInputError("No groups specified.", "Specify -group_ids.")
    table_io.writable_extension(result.result_format)
    table = table_io.read_table(file)
    options = _options(table, group_ids, comment, rows, classes, light_curves)
    columns = labels.summary(table, options.labels, options.threshold)
    for line in columns:
        zero = f", {line['of them zero']} with probability 0" if line["of them zero"] else ""
        console.note(
            f"Column '{line['column']}': class '{line['class']}' in taxonomy {line['taxonomy']}, "
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
                "reason": result.reason,
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
    """Convert the command-line options to :class:`UploadOptions`."""
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
