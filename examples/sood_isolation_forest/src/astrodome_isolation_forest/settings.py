"""Options of the model. This module does not import scikit-learn."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class IsolationForestSettings(BaseModel):
    """Options of the model ``isolation_forest``."""

    trees: int = Field(100, ge=1, le=10_000, description="Number of trees.")
    samples: int = Field(256, ge=2, description="Number of windows with which a tree is trained.")
    window: int = Field(4, ge=2, le=64, description="Width and height of a window, in pixels.")
    combine: Literal["mean", "max"] = Field(
        "max", description="Image score: the mean or the maximum of the scores of the windows."
    )
