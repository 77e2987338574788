"""Settings in the section ``synthetic``."""

from __future__ import annotations

from pydantic import BaseModel, Field


class SyntheticSettings(BaseModel):
    """Settings for synthetic disks, also read from ``ASTRODOME_SYNTHETIC_<KEY>``."""

    size: int = Field(256, ge=32, le=4096, description="Width and height in pixels.")
    limb_darkening: float = Field(0.56, ge=0, le=1, description="Coefficient u of the linear law.")
    spots: int = Field(3, ge=0, le=100, description="Number of dark spots on each disk.")
    seed: int = Field(0, ge=0, description="Random seed for the spots.")
