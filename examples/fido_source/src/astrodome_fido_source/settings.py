"""Settings of the source. This module does not import sunpy."""

from __future__ import annotations

from pydantic import BaseModel, Field


class FidoImagesSettings(BaseModel):
    """Settings of the image source ``sunpy``."""

    instrument: str = Field("AIA", description="Name of the instrument.")
    retries: int = Field(2, ge=0, description="Maximum number of retries of a download.")
