"""Open marshals by name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Literal

from astrodome import InvalidInputError, sources

from .protocol import Marshal


def open_marshal(
    name: str | os.PathLike[str] = "",
    *,
    token: str = "",
    connections: int = 8,
    missing: Literal["error", "create", "empty"] = "error",
    create_groups: Iterable[int] = (),
) -> Marshal:
    """Open a marshal by its name.

    Parameters
    ----------
    name : str or path, optional
        ``fritz`` for the service at the URL in the setting ``fritz.url``, or a local SQLite file,
        for example ``local:mine.db`` or ``Path("mine.db")``. The default is the setting
        ``sources.marshal`` or, if it is not set, ``fritz``.
    token : str, optional
        API token of the service. By default, the token is read from the settings, the environment
        variable ``ASTRODOME_FRITZ_TOKEN`` or the file ``secrets.json``.
    connections : int, optional
        Maximum number of simultaneous requests.
    missing : {"error", "create", "empty"}, optional
        Action if a local file does not exist: raise an error, create the file, or use an empty
        marshal in memory.
    create_groups : iterable of int, optional
        Ids of the groups to create in a local file if they do not exist. A new file contains no
        groups and no taxonomies. To create a taxonomy, use ``marshal.post_taxonomy``.

    Returns
    -------
    Marshal
        Object that implements the protocol ``astrodome_ztf_scope.Marshal``.

    Raises
    ------
    AstrodomeError
        If the file does not exist, if the token is missing, if no installed plugin provides a
        marshal with this name, or if groups cannot be created on this marshal.

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
        options |= {"missing": missing, "create_groups": create_groups}
    elif create_groups:
        raise InvalidInputError(
            f"Cannot create groups on the marshal '{name}': groups can be created only in a local "
            "file (local:FILE.db)."
        )
    marshal: Marshal = sources.get("marshal", name, **options)
    return marshal
