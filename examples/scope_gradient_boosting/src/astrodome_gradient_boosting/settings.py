"""Options of the classifier. This module does not import scikit-learn."""

from __future__ import annotations

from pydantic import BaseModel, Field


class GradientBoostingSettings(BaseModel):
    """Options of the classifier ``gradient_boosting``."""

    trees: int = Field(100, ge=1, description="Maximum number of trees.")
    leaves: int = Field(31, ge=2, description="Maximum number of leaves of a tree.")
    rate: float = Field(0.1, gt=0, le=1, description="Learning rate.")
    early_stopping: int = Field(
        10, ge=1, description="Number of trees without improvement after which training stops."
    )
