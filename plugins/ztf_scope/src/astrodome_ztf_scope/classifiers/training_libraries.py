"""Libraries of the training processes, which are imported before these are forked.

TensorFlow is not among them, because it does not support forking.
"""

from __future__ import annotations

import os

from .training import ENVIRONMENT

# OpenMP reads its variables when xgboost loads it.
os.environ.update({**ENVIRONMENT, **os.environ})

from . import plots, training_run  # noqa: F401
from .models import xgb  # noqa: F401
