"""Open catalogues by name."""

from __future__ import annotations

from typing import Any

from astrodome import sources


def open_catalogue(name: str = "", *, token: str = "", page_size: int = 0) -> Any:
    """Open a catalogue of survey sources.

    Parameters
    ----------
    name : str, optional
        ``kowalski``, or ``local:FOLDER`` for a directory of Parquet files. The default is the value
        of the setting ``sources.catalogue``, or ``kowalski`` if it is not set.
    token : str, optional
        Token for Kowalski. By default, the token from the settings is used.
    page_size : int, optional
        Number of documents per Kowalski request. If it is 0, the default of 10,000 is used.

    Returns
    -------
    Catalogue
        Catalogue with the methods ``light_curves(ids)``, which returns a table with one row per
        epoch, ``cone(collection, ra, dec, radius)``, ``find(collection, where)`` and
        ``collections()``.

    Raises
    ------
    AstrodomeError
        If the directory does not exist, or if no installed plugin provides a catalogue with this
        name.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> import pandas as pd
    >>> curve = {"id": 7, "hjd": [2458000.5, 2458001.5], "mag": [15.0, 15.5], "filter": 1}
    >>> file = scope.write_table("survey/light_curves.parquet", pd.DataFrame(curve))
    >>> scope.open_catalogue("local:survey").light_curves([7])
       id        hjd   mag  filter
    0   7  2458000.5  15.0       1
    1   7  2458001.5  15.5       1
    """
    name = sources.choose("catalogue", name, default="kowalski")
    options: dict[str, Any] = {}
    if name.partition(":")[0] == "kowalski":
        options = {"token": token, **({"page": page_size} if page_size else {})}
    return sources.get("catalogue", name, **options)
