"""Model ``statistics``: the density of local statistics, with explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from astrodome import settings
from astrodome.runs import Run
from numpy.typing import NDArray

from ..model_settings import StatisticsSettings
from ..protocols import Explanation, ImageSet
from . import weights
from .detector import DetectorModel
from .explanations import explain
from .statistics_network import StatisticsNetwork


class StatisticsModel(DetectorModel[StatisticsNetwork]):
    """Model that compares the local statistics of images with those of the training images.

    The pixel score is the negative logarithm of the density of the local statistics, which is a
    Gaussian mixture. The image score is the larger of two values: the mean of the top 10 % of the
    pixel scores, and the Mahalanobis distance of the statistics of the whole image. Each value is
    standardized with the validation images. Images with unusually little structure or intensity
    have large scores, too.

    ``model.options.layout`` is ``patches``, ``disks`` or ``auto`` (default). For full-disk images,
    the statistics are compared separately for each cell of the disk.
    """

    name = "statistics"
    modes = ("density",)

    @staticmethod
    def new_network(shape: Mapping[str, Any]) -> StatisticsNetwork:
        names = ("target_size", "channels", "cells", "components")
        return StatisticsNetwork(*(shape[name] for name in names))

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Compute the density of the local statistics. This takes seconds, not epochs."""
        from .statistics_fit import fit

        net = fit(train, validation, config["seed"], chosen_layout(config))
        weights.save(self.name, net, run.path / weights.WEIGHTS)
        layout = "disks" if net.cells > 1 else "patches"
        run.note(parameters=sum(each.numel() for each in net.buffers()), epochs=1, layout=layout)

    @torch.inference_mode()
    def explain(self, batch: NDArray[np.float32]) -> list[Explanation]:
        """Return the statistic of each image that deviates most from the training images."""
        return [each for images in self._chunks(batch) for each in explain(self.net, images)]


def chosen_layout(config: Mapping[str, Any]) -> str:
    """Return ``model.options.layout``. Raises AstrodomeError if it is invalid."""
    known = StatisticsSettings.model_fields
    given = {key: value for key, value in config["model"]["options"].items() if key in known}
    return settings.validate(StatisticsSettings, given, "", "model.options").layout
