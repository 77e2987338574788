"""Settings for the image sources, with one section per source.

This module does not import the archive libraries, so that ``sdo config show`` is fast. Each setting
can also be set with an environment variable, for example ``ASTRODOME_GSU_URL``.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

Deadline = Annotated[
    float, Field(gt=0, description="Maximum duration of one transfer, in seconds.")
]
Tolerance = Annotated[
    float,
    Field(ge=0, description="Maximum difference between requested and observed time, in seconds."),
]


class ServerSettings(BaseModel):
    """Settings for requests to a server."""

    url: str = Field(description="Base URL of the service.")
    connections: int = Field(8, ge=1, le=64, description="Maximum number of connections.")
    connect_timeout: float = Field(10.0, gt=0, description="Timeout for connecting, in seconds.")
    read_timeout: float = Field(
        60.0, gt=0, description="Maximum time without data from the server, in seconds."
    )
    deadline: Deadline = 300.0
    retries: int = Field(4, ge=0, description="Maximum number of retries after a failed transfer.")
    backoff: float = Field(
        0.5,
        ge=0,
        description="Delay before the first retry, in seconds. It doubles with each retry.",
    )
    patience: float = Field(
        300.0,
        ge=0,
        description="Maximum accepted delay in a Retry-After header, in seconds.",
    )


class GsuSettings(ServerSettings):
    """Settings for the image service of Georgia State University."""

    url: str = Field("http://dmlab.cs.gsu.edu/dmlabapi", description="Base URL of the service.")


class HelioviewerSettings(ServerSettings):
    """Settings for the Helioviewer API."""

    url: str = Field(
        "https://api.helioviewer.org/v2", description="Base URL of version 2 of the API."
    )
    connections: int = Field(4, ge=1, le=8, description="Maximum number of connections.")
    tolerance: Tolerance = 360.0


class SdomlSettings(BaseModel):
    """Settings for the SDO ML v2 store."""

    store: str = Field(
        "gs://fdl-sdoml-v2/sdomlv2.zarr", description="Folder or URL of the zarr store."
    )
    anonymous: bool = Field(True, description="Access the store without credentials.")
    endpoint: str = Field(
        "", description="URL of the server for gs:// and s3:// stores (default: the public server)."
    )
    tolerance: Tolerance = 180.0


class Level1Settings(ServerSettings):
    """Settings for archives with AIA level 1 files, and for the calibration tables."""

    connections: int = Field(4, ge=1, le=8, description="Maximum number of connections.")
    deadline: Deadline = 900.0
    tolerance: Tolerance = 60.0
    pointing: str = Field(
        "lmsal", description="Pointing table: lmsal, jsoc, or path of a CSV file."
    )
    degradation: str = Field("ssw", description="Degradation table: ssw, jsoc, or path of a file.")


class FidoSettings(Level1Settings):
    """Settings for the Virtual Solar Observatory."""

    url: str = Field(
        "",
        description="WSDL URL of a VSO server (default: the first reachable server).",
    )
    port: str = Field("sdacVSOi", description="Name of the VSO port in the WSDL.")


class JsocSettings(Level1Settings):
    """Settings for the Joint Science Operations Center."""

    url: str = Field("http://jsoc.stanford.edu", description="Base URL of the server.")
    email: str = Field("", description="E-mail address that is registered with JSOC for exports.")
    connections: int = Field(1, ge=1, le=2, description="Maximum number of connections.")
    poll: float = Field(
        5.0, gt=0, description="Time between two status requests for an export, in seconds."
    )
    export_deadline: float = Field(
        3600.0, gt=0, description="Maximum duration of an export, in seconds."
    )
