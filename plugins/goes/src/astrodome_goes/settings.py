"""The section ``goes`` of the settings: where the store and the archives are."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

NASA = "https://umbra.nascom.nasa.gov"
NOAA = "https://www.ncei.noaa.gov"
NGDC = "https://data.ngdc.noaa.gov"


class GoesSettings(BaseModel):
    """Every key also as ``ASTRODOME_GOES_<KEY>``."""

    model_config = ConfigDict(extra="forbid")

    store: Path | None = Field(
        None, description="Folder of the store; without it, goes in the folder of --home."
    )
    url_nasa: str = Field(NASA, description="Root of the archive of GOES 1-7, before March 2001.")
    url_noaa: str = Field(NOAA, description="Root of the archive of GOES 8-15.")
    url_ngdc: str = Field(NGDC, description="Root of the archive of GOES 16 and later.")
    timeout: float = Field(
        60.0, gt=0, description="Longest silence of an archive during a transfer, in seconds."
    )
