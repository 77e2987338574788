"""The command that downloads classifications: arguments in, library call, show the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from astrodome import AstrodomeError, console

from .options import (
    WHICH,
    Groups,
    Jobs,
    Json,
    MarshalName,
    Token,
    catalogue_of,
    command,
    marshal_of,
    option,
)


def download(
    file: Annotated[
        str, option("CSV, Parquet or HDF5 with obj_id, or ra and dec (deg); parse: by group.")
    ] = "parse",
    group_ids: Groups = None,
    token: Token = "",
    marshal: MarshalName = "",
    start: Annotated[
        int, option("Row, from 0, or with parse page, from 1, to begin with.", min=0, panel=WHICH)
    ] = 0,
    radius_arcsec: Annotated[
        float, option("Radius (arcsec) of the search by position.", min=0, panel=WHICH)
    ] = 2.0,
    jobs: Jobs = 8,
    output_dir: Annotated[
        Path | None, option("Folder for the result [that of the file].", file_okay=False)
    ] = None,
    output_format: Annotated[str, option("csv, parquet or h5 [that of the file].")] = "",
    long: Annotated[
        bool, option("Write a second table too, with a row a statement.", "--long")
    ] = False,
    fresh: Annotated[
        bool, option("Do not go on with a download that was stopped.", "--fresh")
    ] = False,
    merge_features: Annotated[
        bool,
        option("Join labels with features by position.", "--merge-features", panel="Features"),
    ] = False,
    catalogue: Annotated[
        str,
        option(
            "Catalogue with the features: kowalski, or local:FOLDER "
            "[setting sources.catalogue, or kowalski].",
            panel="Features",
        ),
    ] = "",
    features_catalog: Annotated[
        str, option("Collection of the features [kowalski.collections.features].", panel="Features")
    ] = "features",
    features_limit: Annotated[
        int, option("Light curves whose features are asked for at once.", min=1, panel="Features")
    ] = 1000,
    taxonomy_map: Annotated[
        str, option("Labels and their classes: golden, tags, or a JSON file.", panel="Features")
    ] = "golden",
    output_filename: Annotated[
        str, option("Name of the table with features.", panel="Features")
    ] = "merged_classifications_features",
    get_ztf_filters: Annotated[
        bool, option("Add the filter of each light curve.", "--get-ztf-filters", panel="Features")
    ] = False,
    impute_missing_features: Annotated[
        bool,
        option("Impute as configured.", "--impute-missing-features", panel="Features"),
    ] = False,
    update_training_set: Annotated[
        bool,
        option(
            "Write training.dataset with these sources, by their votes.",
            "--update-training-set",
            panel="Features",
        ),
    ] = False,
    updated_training_set_prefix: Annotated[
        str, option("What the name of that file begins with.", panel="Features")
    ] = "updated_AL",
    min_vote_diff: Annotated[
        int, option("Votes, up minus down, that a class needs for that.", panel="Features")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Download classifications, periods and votes of sources from a marshal.

    Every row of the file stays, with columns classification, probability, period_origin, period
    (d), labellers and sum_votes (several values joined by ;) and a status. A download that was
    stopped goes on when the same command is given again.
    """
    from ..marshal.classifications import download
    from ..tables import table_io

    parse = file.lower() == "parse"
    if parse and not group_ids:
        raise AstrodomeError(
            "Which sources? Give -file FILE, or -group_ids for those of groups.", exit_code=2
        )
    ending = table_io.writable_extension(output_format) if output_format else ""
    service = marshal_of(marshal, token, jobs)
    with console.progress("Downloading", None, "sources") as bar:
        got = download.fetch(
            service,
            None if parse else Path(file),
            tuple(group_ids or ()),
            start=start,
            radius=radius_arcsec,
            jobs=jobs,
            fresh=fresh,
            watch=bar.advance,
        )
    out = got.write(output_dir, ending, long=long)
    merged = None
    if merge_features or update_training_set:
        from ..classifiers import training_sets

        asked = training_sets.Merge(
            taxonomy_map=taxonomy_map,
            collection=features_catalog,
            radius=radius_arcsec,
            at_once=features_limit,
            filters=get_ztf_filters,
            impute=impute_missing_features,
            min_votes=min_vote_diff if update_training_set else None,
        )
        merged = training_sets.merge(got.sources, catalogue_of(catalogue), asked)
        out["merged"] = str(
            table_io.write_table(got.beside(output_dir, output_filename, ending), merged)
        )
        if update_training_set:
            from ..config.loading import load_config

            updated = training_sets.update(
                merged, load_config().training.dataset, updated_training_set_prefix
            )
            out["training set"] = str(updated)
    for one in got.failed:
        console.note(f"  failed  {one[0]}: {one[1]}")
    console.show_one({**out, **got.counts()}, as_json=as_json)
    if got.failed:
        console.note("The same command again asks for those that failed.")
        raise SystemExit(1)


download_command = command(download)
