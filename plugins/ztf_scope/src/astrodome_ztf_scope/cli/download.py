"""The command ``scope download-classification``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from astrodome import InvalidInputError, console, outputs
from astrodome.option_groups import OptionGroup, option

from . import documents
from .options import FEATURES, ROWS, GroupIds, Jobs, Json, MarshalOptions, command

if TYPE_CHECKING:
    from ..marshal.classifications.download import DownloadResult


class FeatureMergeOptions(OptionGroup, panel=FEATURES):
    """Options for merging the labels with features."""

    merge_features: bool = option(False, "Merge the labels with features by position.")
    catalogue: str = option(
        "",
        "Catalogue with the features: kowalski or local:FOLDER "
        "(setting: sources.catalogue; default: kowalski).",
    )
    features_catalog: str = option(
        "features",
        "Name of the collection with the features (setting: kowalski.collections.features).",
    )
    features_limit: int = option(1000, "Number of light curves per request for features.", min=1)
    taxonomy_map: str = option("golden", "Taxonomy map: golden, tags, or a JSON file.")
    output_filename: str = option(
        "merged_classifications_features", "Name of the output file for the labels and features."
    )
    get_ztf_filters: bool = option(False, "Add a column with the filter of each light curve.")
    impute_missing_features: bool = option(
        False, "Impute missing features as specified in the configuration."
    )
    update_training_set: bool = option(
        False, "Add the sources with enough votes to the training set (setting: training.dataset)."
    )
    updated_training_set_prefix: str = option(
        "updated_AL", "Prefix of the file name of the updated training set."
    )
    min_vote_diff: int = option(
        1, "Minimum difference between upvotes and downvotes for --update-training-set."
    )

    def merge(
        self, result: DownloadResult, radius: float, folder: Path | None, extension: str
    ) -> dict[str, str]:
        """Merge the sources with features, and return the paths of the written files."""
        if not (self.merge_features or self.update_training_set):
            return {}
        from ..catalogues.registry import open_catalogue
        from ..classifiers import training_sets
        from ..config.loading import load_config
        from ..tables import table_io

        options = training_sets.MergeOptions(
            taxonomy_map=self.taxonomy_map,
            collection=self.features_catalog,
            radius=radius,
            ids_per_query=self.features_limit,
            filters=self.get_ztf_filters,
            impute=self.impute_missing_features,
            min_votes=self.min_vote_diff if self.update_training_set else None,
        )
        catalogue = open_catalogue(self.catalogue)
        merged = training_sets.merge(result.sources, catalogue, options, notify=console.warn)
        path = result.output_path(folder, self.output_filename, extension)
        paths = {"merged": str(table_io.write_table(path, merged))}
        if self.update_training_set:
            dataset = load_config().training.dataset
            prefix = self.updated_training_set_prefix
            paths["training set"] = str(training_sets.update(merged, dataset, prefix))
        return paths


@command
@outputs.declare(documents.ClassificationsDocument)
def download(
    file: str = option(
        "parse",
        "CSV, Parquet or HDF5 file with the column 'obj_id' or the columns 'ra' and 'dec' (in "
        "degrees). The default 'parse' selects the sources in --group-ids.",
    ),
    group_ids: GroupIds = None,
    start: int = option(
        0,
        "First row, counted from 0. With --group-ids, first page of the listing, counted from 1.",
        min=0,
        panel=ROWS,
    ),
    radius_arcsec: float = option(
        2.0,
        "Maximum separation between the position in a row and its source, in arcsec.",
        min=0,
        panel=ROWS,
    ),
    jobs: Jobs = 8,
    output_dir: Path | None = option(
        None, "Folder for the output files (default: folder of the input file).", file_okay=False
    ),
    output_format: str = option(
        "", "Output format: csv, parquet or h5 (default: format of the input file)."
    ),
    long: bool = option(
        False, "Also write a table with one row per classification, period and labeller."
    ),
    fresh: bool = option(False, "Do not resume an interrupted download."),
    as_json: Json = False,
    *,
    service: MarshalOptions,
    features: FeatureMergeOptions,
) -> None:
    """Download classifications, periods and votes of sources from a marshal.

    The output file contains all rows of the input file, or one row per source in --group-ids, with
    the additional columns 'classification', 'probability', 'period_origin', 'period' (in days),
    'labellers', 'sum_votes' and 'status'. Multiple values in a cell are separated by semicolons. To
    resume an interrupted download, run the same command again.
    """
    from ..marshal.classifications.download import download_groups, download_rows
    from ..tables import table_io

    by_group = file.lower() == "parse"
    if by_group and not group_ids:
        raise InvalidInputError(
            "No sources specified.",
            "Specify -file FILE, or -group_ids to download the sources in groups.",
        )
    extension = table_io.writable_extension(output_format) if output_format else ""
    marshal = service.open(jobs)
    with console.progress("Downloading", None, "sources") as bar:
        if by_group:
            result = download_groups(
                marshal, group_ids or (), start=max(start, 1), on_source=bar.advance
            )
        else:
            result = download_rows(
                marshal,
                Path(file),
                start=start,
                radius=radius_arcsec,
                jobs=jobs,
                fresh=fresh,
                on_source=bar.advance,
            )
    paths = result.write(output_dir, extension, long=long)
    paths |= features.merge(result, radius_arcsec, output_dir, extension)
    for name, why in result.failed:
        console.note(f"  failed  {name}: {why}")
    console.show_one({**paths, **result.counts()}, as_json=as_json)
    if result.failed:
        console.note("Run the same command again to retry the failed rows.")
        raise SystemExit(1)
