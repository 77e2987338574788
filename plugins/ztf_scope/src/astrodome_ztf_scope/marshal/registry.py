"""Open marshals by name."""

from __future__ import annotations

import os
from typing import Any, Literal

from astrodome import sources

from .protocol import Marshal


def open_marshal(
    name: str | os.PathLike[str] = "",
    *,
    token: str = "",
    connections: int = 8,
    missing: Literal["error", "create", "empty"] = "error",
) -> Marshal:
    """Open a marshal.

    Parameters
    ----------
    name : str or path, optional
        ``fritz`` for the service at ``fritz.url`` of the settings, or a local SQLite file:
        ``local:mine.db`` or ``Path("mine.db")``. By default, the setting ``sources.marshal``,
        otherwise ``fritz``.
    token : str, optional
        Token of the service. By default, the token in the settings, in the environment variable
        ``ASTRODOME_FRITZ_TOKEN`` or in ``secrets.json``.
    connections : int, optional
        Maximum number of simultaneous requests.
    missing : {"error", "create", "empty"}, optional
        What to do if a local file does not exist: raise an error, create the file, or use an empty
        marshal in memory.

    Returns
    -------
    Marshal
        Object with the methods of ``astrodome_ztf_scope.marshal.protocol.Marshal``.

    Raises
    ------
    AstrodomeError
        If the file does not exist, if the token is missing, or if the marshal is not installed.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> marshal = scope.open_marshal("local:mine.db", missing="create")
    >>> marshal.source("ZTFJ004000.00-003000.0") is None
    True
    """
    if not isinstance(name, str):
        name = f"local:{os.fspath(name)}"
    name = sources.choose("marshal", name, default="fritz")
    options: dict[str, Any] = {"token": token, "connections": connections}
    if name.partition(":")[0] == "local":
        options["missing"] = missing
    marshal: Marshal = sources.get("marshal", name, **options)
    return marshal
