"""Settings in the section ``goes``: the folder of the store, and the URLs of the archives."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class GoesSettings(BaseModel):
    """Settings for GOES data.

    Each setting can also be set with the environment variable ``ASTRODOME_GOES_<KEY>``.
    """

    model_config = ConfigDict(extra="forbid")

    store: Path | None = Field(
        None,
        description="Folder of the store (default: the subfolder 'goes' of the --home folder).",
    )
    url_nasa: str = Field(
        "https://umbra.nascom.nasa.gov",
        description="URL of the NASA archive with data before March 2001.",
    )
    url_noaa: str = Field(
        "https://www.ncei.noaa.gov", description="URL of the NOAA archive with data from GOES 8-15."
    )
    url_ngdc: str = Field(
        "https://data.ngdc.noaa.gov",
        description="URL of the NOAA archive with data from GOES 16 and later satellites.",
    )
    timeout: float = Field(
        60.0, gt=0, description="Maximum time without data from an archive, in seconds."
    )
