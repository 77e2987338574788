"""Settings in the section ``hek``."""

from __future__ import annotations

from pydantic import BaseModel, Field


class HekSettings(BaseModel):
    """Settings for requests to HEK."""

    url: str = Field(
        "https://www.lmsal.com/hek/her",
        description="URL of the HEK search service, or of a mirror.",
    )
    timeout: float = Field(60, gt=0, description="Maximum time without data from HEK, in seconds.")
    retries: int = Field(
        2,
        ge=0,
        description="Maximum number of retries before the time window of a failed request is "
        "split.",
    )
    page_size: int = Field(
        500, ge=1, le=10_000, description="Maximum number of events per response page."
    )
    settle_days: float = Field(
        14,
        ge=0,
        description="Number of days after which the events in a time window are assumed to be "
        "complete in HEK. More recent time windows are downloaded again.",
    )
