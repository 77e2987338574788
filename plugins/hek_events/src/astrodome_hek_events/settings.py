"""Settings in the section ``hek``."""

from __future__ import annotations

from pydantic import BaseModel, Field


class HekSettings(BaseModel):
    """Settings for requests to HEK."""

    url: str = Field(
        "https://www.lmsal.com/hek/her",
        description="URL of the HEK search service, or of a mirror.",
    )
    timeout: float = Field(
        60, gt=0, description="Maximum time between two packets of a response, in seconds."
    )
    retries: int = Field(
        2,
        ge=0,
        description="Number of retries of a failed request, before its time range is split.",
    )
    page_size: int = Field(
        500, ge=1, le=10_000, description="Maximum number of events per page of a response."
    )
    settle_days: float = Field(
        14,
        ge=0,
        description="Age at which a time range in HEK is complete, in days. Later time ranges are "
        "downloaded again.",
    )
