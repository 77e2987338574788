"""Types of the JSON documents that the commands of the host print."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from .outputs import More


class PluginRow(TypedDict):
    """An installed plugin, its state and the names that it registers."""

    name: str
    distribution: str
    version: str
    origin: str
    status: str
    provides: list[str]
    error: str


# The other keys are "milliseconds to load" and one key for each registered object.
PluginDetails = Annotated[PluginRow, More(str | float)]


class NewPluginDocument(TypedDict):
    """The name, the folder and the files of a new distribution."""

    distribution: str
    folder: str
    files: list[str]


class FindingRow(TypedDict):
    """A finding of ``plugins doctor``, and the change that repairs or would repair it."""

    plugin: str
    status: str
    finding: str
    repair: NotRequired[str]


class SettingRow(TypedDict):
    """A setting with its value and, if requested, the origin of the value."""

    key: str
    value: Any
    origin: NotRequired[str]


class PathRow(TypedDict):
    """A file or folder that the host uses."""

    name: str
    path: str
    exists: bool
