"""Settings in the section ``hek``."""

from __future__ import annotations

from pydantic import BaseModel, Field


class HekSettings(BaseModel):
    """Settings for requests to HEK."""

    url: str = Field(
        "https://www.lmsal.com/hek/her", description="Address of the HEK search, or of a mirror."
    )
    timeout: float = Field(
        60, gt=0, description="Time to wait for data from HEK in a response, in seconds."
    )
    retries: int = Field(
        2,
        ge=0,
        description="Number of times to repeat a failed request before its time window is split.",
    )
    page_size: int = Field(
        500, ge=1, le=10_000, description="Maximum number of events per page of a response."
    )
    settle_days: float = Field(
        14, ge=0, description="Days after which HEK receives hardly any more events for a time."
    )
