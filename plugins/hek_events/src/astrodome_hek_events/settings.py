"""The settings of the section ``hek``."""

from __future__ import annotations

from pydantic import BaseModel, Field


class HekSettings(BaseModel):
    """How the knowledgebase is asked; every key also as ``ASTRODOME_HEK_<KEY>``."""

    url: str = Field(
        "https://www.lmsal.com/hek/her", description="Address of HEK's search, or of a mirror."
    )
    timeout: float = Field(60, gt=0, description="Seconds that HEK may be silent in an answer.")
    retries: int = Field(
        2, ge=0, description="Repetitions of a request before its window is cut in two."
    )
    page_size: int = Field(500, ge=1, le=10_000, description="Events in one page of an answer.")
    settle_days: float = Field(
        14, ge=0, description="Days after which HEK's events of a time hardly change any more."
    )
