"""Public functions that read data from a marshal or change it."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from astrodome import AstrodomeError, InvalidInputError

from ..catalogues import positions
from ..tables import identifiers, table_io
from . import checks
from .annotations import annotation_requests, apply_requests
from .batches import WriteResult
from .classifications import labels, result_tables, upload_rows
from .classifications import upload as uploads
from .classifications.download import download_groups
from .classifications.source_lookup import find_sources
from .idempotent_writes import open_writer
from .protocol import Marshal

Table: TypeAlias = pd.DataFrame | str | os.PathLike[str]


def list_sources(
    marshal: Marshal,
    *,
    group_ids: int | Sequence[int] | None = None,
    position: tuple[float, float] | None = None,
    radius: float = 2.0,
    limit: int | None = None,
) -> pd.DataFrame:
    """List the sources in groups, or the sources near a position.

    Parameters
    ----------
    marshal : Marshal
        Marshal returned by ``open_marshal``.
    group_ids : int or sequence of int, optional
        Ids of the groups whose sources are listed.
    position : (float, float), optional
        Right ascension and declination in degrees, instead of ``group_ids``.
    radius : float, optional
        Maximum distance from the position, in arcsec.
    limit : int, optional
        Maximum number of sources. By default, all sources are listed.

    Returns
    -------
    pandas.DataFrame
        One row per source with the columns ``obj_id``, ``ra`` and ``dec`` (in degrees),
        ``classification``, ``probability``, ``period`` (in days) and others. Multiple values in a
        cell are separated by ``;``. If ``position`` is given, the rows are sorted by the additional
        column ``separation``, the distance from the position in arcsec.

    Raises
    ------
    astrodome.AstrodomeError
        If the marshal cannot be read, if a group does not exist, if the position is invalid, or if
        both or neither of ``group_ids`` and ``position`` are given.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> marshal = scope.open_marshal("local:mine.db", missing="create", create_groups=[500])
    >>> _ = marshal.save_source("ZTFJ1", 10.0, -0.5, [500])
    >>> scope.list_sources(marshal, group_ids=[500])[["obj_id", "ra", "dec"]]
      obj_id    ra  dec
    0  ZTFJ1  10.0 -0.5
    """
    if (group_ids is None) == (position is None):
        raise InvalidInputError("Expected either group_ids or position, got both or neither.")
    if position is not None:
        found = marshal.near(*positions.validated(*position), radius)[:limit]
    else:
        found = list(islice(marshal.in_groups(_existing_groups(marshal, group_ids)), limit))
    table = result_tables.source_table(found, "").drop(columns=result_tables.STATUS)
    if position is not None:
        table.insert(3, "separation", [one["separation"] for one in found])
    return table


def download_classifications(
    marshal: Marshal,
    table: Table | None = None,
    *,
    group_ids: int | Sequence[int] | None = None,
    radius: float = 2.0,
    jobs: int = 8,
) -> pd.DataFrame:
    """Download classifications, periods and votes from a marshal.

    Parameters
    ----------
    marshal : Marshal
        Marshal returned by ``open_marshal``.
    table : pandas.DataFrame or path, optional
        Table, or path of a CSV, Parquet or HDF5 file, with the column ``obj_id`` or the columns
        ``ra`` and ``dec`` (in degrees).
    group_ids : int or sequence of int, optional
        Ids of the groups whose sources are downloaded, instead of a table.
    radius : float, optional
        Maximum separation between the position in a row and its source, in arcsec.
    jobs : int, optional
        Number of parallel requests.

    Returns
    -------
    pandas.DataFrame
        All rows of the table with the additional columns ``classification``, ``probability``,
        ``period_origin``, ``period`` (in days), ``labellers`` and ``sum_votes``. Multiple values in
        a cell are separated by ``;``. The value of ``status`` is ``not found``, or begins with
        ``found`` or ``failed:``.

    Raises
    ------
    astrodome.AstrodomeError
        If the table contains neither names nor positions, if a group does not exist, or if the
        sources in the groups cannot be listed.

    Examples
    --------
    >>> import pandas as pd
    >>> import astrodome_ztf_scope as scope
    >>> marshal = scope.open_marshal("local:mine.db", missing="create", create_groups=[500])
    >>> _ = marshal.save_source("ZTFJ1", 10.0, -0.5, [500])
    >>> stars = pd.DataFrame({"ra": [10.0, 20.0], "dec": [-0.5, 0.0]})
    >>> scope.download_classifications(marshal, stars)["status"].tolist()
    ['found by position, 0.00 arcsec', 'not found']
    """
    if (table is None) == (group_ids is None):
        raise InvalidInputError("Expected either table or group_ids, got both or neither.")
    if table is None:
        result = download_groups(marshal, _existing_groups(marshal, group_ids))
        if result.failed:
            raise AstrodomeError(result.failed[0][1])
        return result.table
    rows = _read(table)
    matches = find_sources(marshal, rows, radius=radius, jobs=jobs)
    return result_tables.add_columns(rows, matches)


def upload_classifications(
    marshal: Marshal,
    table: Table,
    group_ids: int | Sequence[int],
    *,
    classes: str | Sequence[str] = (labels.READ,),
    taxonomy_map: str | os.PathLike[str] = "",
    taxonomy_id: int | None = None,
    threshold: float = 0.0,
    period_column: str = "",
    comment: str = "",
    radius: float = 2.0,
    use_existing_obj_id: bool = True,
    replace_classifications: bool = False,
    catalogue: Any = None,
    dry_run: bool = False,
    jobs: int = 4,
) -> pd.DataFrame:
    """Upload sources with periods, classifications and photometry to groups on a marshal.

    Everything that already exists on the marshal is skipped. To resume an interrupted upload, call
    the function again with the same arguments.

    Parameters
    ----------
    marshal : Marshal
        Marshal returned by ``open_marshal``.
    table : pandas.DataFrame or path
        Table, or path of a CSV, Parquet or HDF5 file, with the columns ``ra`` and ``dec`` (in
        degrees), optionally ``obj_id`` and ``period`` (in days), and one column of probabilities
        for each class. A period must be greater than 0, or NaN if it is unknown.
    group_ids : int or sequence of int
        Ids of the groups to which the sources are saved.
    classes : str or sequence of str, optional
        Names of the classes. For n names, the last n columns contain the probabilities in the same
        order. By default, every column whose name is a label in the taxonomy map is uploaded as a
        class. If the sequence is empty, no classes are uploaded.
    taxonomy_map : str or path, optional
        Path of a JSON file that maps each label to a class, or the name of a built-in map:
        ``"golden"``, ``"tags"``, ``"DNN_AL_mapper"`` or ``"XGB_AL_mapper"``.
    taxonomy_id : int, optional
        Id of the taxonomy on the marshal that contains the classes. By default, the taxonomy ids in
        the taxonomy map are used.
    threshold : float, optional
        Minimum probability of the classes that are uploaded.
    period_column : str, optional
        Name of the column with the periods in days, or ``"none"`` to upload no periods. By default,
        the column ``period`` is used.
    comment : str, optional
        Comment that is posted on each source.
    radius : float, optional
        Maximum separation between the position in a row and its source or light curves, in arcsec.
    use_existing_obj_id : bool, optional
        Whether to use the source with the name in the column ``obj_id``, if the table has this
        column and the source exists. Otherwise, sources are found by position.
    replace_classifications : bool, optional
        Whether to delete other classifications of the sources in the same groups.
    catalogue : Catalogue, optional
        Catalogue with light curves, for example ``open_catalogue("local:FOLDER")``. By default, no
        photometry is uploaded.
    dry_run : bool, optional
        Whether to skip all requests that change the marshal.
    jobs : int, optional
        Number of parallel uploads.

    Returns
    -------
    pandas.DataFrame
        One row for each row of the table. The columns are ``row`` (row number, counted from 0),
        ``obj_id``, ``status`` (``done``, ``unchanged``, ``skipped`` or ``failed``), ``reason`` (the
        reason for a failure) and ``requests`` (number of requests that change the marshal).

    Raises
    ------
    astrodome.AstrodomeError
        If a column, value, class, group or taxonomy is invalid. In this case, nothing is changed.

    Examples
    --------
    >>> import pandas as pd
    >>> import astrodome_ztf_scope as scope
    >>> marshal = scope.open_marshal("local:mine.db", missing="create", create_groups=[500])
    >>> classes = {"class": "star", "subclasses": [{"class": "variable"}]}
    >>> taxonomy = marshal.post_taxonomy({"name": "mine", "version": "1", "hierarchy": classes})
    >>> stars = pd.DataFrame({"ra": [10.0], "dec": [-0.5], "period": [0.7], "variable": [0.9]})
    >>> result = scope.upload_classifications(
    ...     marshal, stars, 500, classes="variable", taxonomy_id=taxonomy
    ... )
    >>> result[["obj_id", "status"]]
                       obj_id status
    0  ZTFJ004000.00-003000.0   done
    """
    rows = _read(table)
    names = [classes] if isinstance(classes, str) else list(classes)
    columns = labels.select(rows, names, os.fspath(taxonomy_map), taxonomy_id)
    options = upload_rows.UploadOptions(
        group_ids=_group_ids(group_ids),
        labels=tuple(columns),
        comment=comment,
        threshold=threshold,
        radius=radius,
        use_existing_obj_id=use_existing_obj_id and "obj_id" in rows,
        replace_classifications=replace_classifications,
        skip_phot=catalogue is None,
    )
    items = upload_rows.prepare(rows, options, period_column)
    with open_writer(marshal, dry_run=dry_run) as writer:
        results = list(uploads.upload(marshal, catalogue, items, options, writer, jobs=jobs))
    results.sort(key=lambda result: result.item.number)
    return _result_table(results, [{"row": result.item.number} for result in results])


def annotate(
    marshal: Marshal,
    action: str,
    source: Table,
    *,
    origin: str,
    key: str = "",
    value: Any = None,
    group_ids: int | Sequence[int] = (),
    whole: bool = False,
    dry_run: bool = False,
    jobs: int = 4,
) -> pd.DataFrame:
    """Post, update or delete a key in the annotations of sources.

    Parameters
    ----------
    marshal : Marshal
        Marshal returned by ``open_marshal``.
    action : {"post", "update", "delete"}
        Action to perform on the key.
    source : str, pandas.DataFrame or path
        Name of a source, or a table with the column ``obj_id``.
    origin : str
        Origin of the annotation.
    key : str
        Key in the annotation.
    value : optional
        New value of the key. By default, the values in the table column named ``key`` are used.
    group_ids : int or sequence of int, optional
        Ids of the groups that can see a new annotation.
    whole : bool, optional
        Whether to delete the annotation with all its keys.
    dry_run : bool, optional
        Whether to skip all requests that change the marshal.
    jobs : int, optional
        Number of parallel requests.

    Returns
    -------
    pandas.DataFrame
        One row per source with the columns ``obj_id``, ``origin``, ``key``, ``before`` and
        ``after`` (the values before and after the change), ``status``, ``reason`` (the reason for a
        failure) and ``requests`` (number of requests that change the marshal).

    Raises
    ------
    astrodome.AstrodomeError
        If an argument or a group is invalid. In this case, nothing is changed.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> marshal = scope.open_marshal("local:mine.db", missing="create", create_groups=[500])
    >>> _ = marshal.save_source("ZTFJ1", 10.0, -0.5, [500])
    >>> scope.annotate(marshal, "post", "ZTFJ1", origin="mine", key="period", value=0.75)[
    ...     ["obj_id", "after", "status"]
    ... ]
      obj_id  after status
    0  ZTFJ1   0.75   done
    """
    source = os.fspath(source) if isinstance(source, os.PathLike) else source
    groups = _existing_groups(marshal, group_ids)
    items = annotation_requests(action, source, origin, key, value, groups, whole=whole)
    with open_writer(marshal, dry_run=dry_run) as writer:
        results = list(apply_requests(marshal, items, writer, jobs=jobs))
    order = {item.obj_id: number for number, item in enumerate(items)}
    results.sort(key=lambda result: order[result.item.obj_id])
    return _result_table(results, [result.item.row for result in results])


def _group_ids(group_ids: int | Sequence[int] | None) -> tuple[int, ...]:
    numbers: Iterable[Any] = group_ids if isinstance(group_ids, Iterable) else [group_ids]
    try:
        return tuple(dict.fromkeys(operator.index(number) for number in numbers))
    except TypeError:
        raise InvalidInputError(
            f"Invalid group_ids {group_ids!r}: expected an integer or a sequence of integers."
        ) from None


def _existing_groups(marshal: Marshal, group_ids: int | Sequence[int] | None) -> tuple[int, ...]:
    """Return the group ids, or raise AstrodomeError if a group does not exist."""
    found = _group_ids(group_ids)
    checks.check_groups(marshal, found)
    return found


def _read(table: Table) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table.reset_index(drop=True)
    return table_io.read_table(Path(table).expanduser())


def _result_table(results: Sequence[WriteResult[Any]], about: list[dict[str, Any]]) -> pd.DataFrame:
    return identifiers.from_records(
        {
            **columns,
            "obj_id": result.obj_id or columns.get("obj_id", ""),
            "status": result.status,
            "reason": result.reason,
            "requests": len(result.requests),
        }
        for result, columns in zip(results, about, strict=True)
    )
