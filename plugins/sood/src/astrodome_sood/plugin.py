"""Plugin hooks that register the command ``sood``, the task ``sood`` and its models."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CommandSpec, KindSpec, ModelSpec, hookimpl


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "sood",
        "astrodome_sood.cli.main:app",
        help="Detect anomalous images of the Sun, and anomalous regions in them.",
        panel="Models",
    )


@hookimpl
def register_kinds() -> Iterable[KindSpec]:
    yield KindSpec(
        "sood",
        "astrodome_sood.protocols:AnomalyModel",
        summary="Anomaly detection in images of the Sun.",
        role="model",
        optional=("train", "reconstruct", "generate", "explain"),
        template="astrodome_sood:templates/sood",
    )


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    yield ModelSpec(
        "sood",
        "detect",
        "astrodome_sood.models.detect:DetectModel",
        summary="Segmentation of defects, combined with local statistics.",
        verbs=("train", "predict", "explain"),
    )
    yield ModelSpec(
        "sood",
        "statistics",
        "astrodome_sood.models.statistics:StatisticsModel",
        summary="Density of local statistics, which explains its scores.",
        verbs=("train", "predict", "explain"),
    )
    yield ModelSpec(
        "sood",
        "segmentation",
        "astrodome_sood.models.segmentation:SegmentationModel",
        summary="U-Net that is trained to find generated defects.",
        verbs=("train", "predict"),
    )
    yield ModelSpec(
        "sood",
        "ce_vae",
        "astrodome_sood.models.ce_vae:CeVae",
        summary="Context-encoding variational autoencoder.",
        verbs=("train", "predict", "reconstruct", "generate"),
    )
    yield ModelSpec(
        "sood",
        "ae",
        "astrodome_sood.models.ae:Ae",
        summary="Plain convolutional autoencoder.",
        verbs=("train", "predict", "reconstruct"),
    )
    yield ModelSpec(
        "sood",
        "threshold",
        "astrodome_sood.models.threshold:Threshold",
        summary="Brightness threshold, a baseline that requires no training.",
        verbs=("predict",),
    )
