"""Model ``detect``: a U-Net that finds changed regions, guarded by local statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from astrodome.runs import Run
from numpy.typing import NDArray
from torch import Tensor

from ..protocols import Explanation, ImageSet
from . import weights
from .detect_network import DetectNetwork
from .detector import DetectorModel
from .explanations import explain, explain_region
from .segmentation import SegmentationModel, random_network, train_segmentation
from .statistics import StatisticsModel, chosen_layout


class DetectModel(DetectorModel[DetectNetwork]):
    """Model that combines ``segmentation`` and ``statistics``.

    The U-Net of ``segmentation`` finds changed regions, and ``statistics`` finds defects of whole
    images. The options of both models can be used.
    """

    name = "detect"
    modes = ("standardized",)

    @staticmethod
    def new_network(shape: Mapping[str, Any]) -> DetectNetwork:
        statistics = StatisticsModel.new_network(shape)
        return DetectNetwork(statistics, SegmentationModel.new_network(shape))

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Fit the statistics, train the U-Net, and standardize both scores.

        If ``model.load_path`` is set, the training of the U-Net starts from these weights.
        """
        from .statistics_fit import fit, image_chunks, some_images

        seed = config["seed"]
        statistics = fit(train, validation, seed, chosen_layout(config))
        load_path = config["model"]["load_path"]
        unet = self.read(Path(load_path)).unet if load_path else random_network(train, config)
        net = DetectNetwork(statistics, unet)
        train_segmentation(self.name, net, unet, train, validation, run, config)
        net = self.read(run.path).eval()
        held = some_images(len(validation), np.random.default_rng(seed))
        with torch.inference_mode():
            parts = [net.parts(chunk) for chunk in image_chunks(validation, held)]
            net.set_limits(torch.cat(parts))
        weights.save(self.name, net, run.path / weights.WEIGHTS)

    @torch.inference_mode()
    def explain(self, batch: NDArray[np.float32]) -> list[Explanation]:
        """Return the most important deviation of each image from the training images.

        If the score of the U-Net is at least that of the statistics, and the deviation in the
        changed region is larger than all other deviations, the explanation describes the region.
        Otherwise, it describes the statistic that deviates most.
        """
        return [each for images in self._chunks(batch) for each in self._explain(images)]

    def _explain(self, images: Tensor) -> list[Explanation]:
        net, logits = self.net.statistics, self.net.unet(images)
        scores, guards = self.net.standardized(logits, net.image_scores(images))
        found = []
        for whole, score, guard, image, own in zip(
            explain(net, images), scores, guards, images, logits, strict=True
        ):
            region = explain_region(net, image, own)
            is_larger = abs(region.deviation) > abs(whole.deviation)
            found.append(region if is_larger and score >= guard else whole)
        return found
