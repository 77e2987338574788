"""Plugin hooks that register the command ``sood``, its task and models, and report views."""

from __future__ import annotations

from collections.abc import Iterable

from astrodome import CheckSpec, CommandSpec, KindSpec, ModelSpec, ViewSpec, hookimpl


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
        contract="astrodome_sood.cli.model_options:problems",
        optional=("train", "reconstruct", "generate", "explain"),
        template="astrodome_sood:templates/sood",
    )
    yield KindSpec(
        "sood-report",
        "astrodome_sood.protocols:ReportView",
        summary="Report about a run, and its predictions.",
        role="view",
        optional=("section", "export"),
    )


@hookimpl
def register_views() -> Iterable[ViewSpec]:
    sections = "astrodome_sood.views.report_sections"
    yield ViewSpec(
        "sood-report",
        "training",
        f"{sections}:TrainingSection",
        summary="Plot of the losses.",
    )
    yield ViewSpec(
        "sood-report",
        "predictions",
        f"{sections}:PredictionsSection",
        summary="Most and least anomalous images, with their anomaly maps.",
    )
    for name, extension, text in (
        ("csv", "csv", "Table of the predictions in CSV format."),
        ("ecsv", "ecsv", "Table of the predictions in ECSV format, with units."),
        ("votable", "vot", "Table of the predictions in VOTable format, with units."),
    ):
        yield ViewSpec(
            "sood-report",
            name,
            f"astrodome_sood.views.report_exporters:{name.title()}Exporter",
            summary=text,
            role="exporter",
            extension=extension,
        )


@hookimpl
def register_models() -> Iterable[ModelSpec]:
    yield ModelSpec(
        "sood",
        "detect",
        "astrodome_sood.models.detect:DetectModel",
        summary="Segmentation of defects, combined with local statistics.",
        verbs=("train", "predict", "explain"),
        settings="astrodome_sood.model_settings:DetectSettings",
    )
    yield ModelSpec(
        "sood",
        "statistics",
        "astrodome_sood.models.statistics:StatisticsModel",
        summary="Density of local statistics, which explains its scores.",
        verbs=("train", "predict", "explain"),
        settings="astrodome_sood.model_settings:StatisticsSettings",
    )
    yield ModelSpec(
        "sood",
        "segmentation",
        "astrodome_sood.models.segmentation:SegmentationModel",
        summary="U-Net that is trained to find generated defects.",
        verbs=("train", "predict"),
        settings="astrodome_sood.model_settings:SegmentationSettings",
    )
    yield ModelSpec(
        "sood",
        "ce_vae",
        "astrodome_sood.models.ce_vae:CeVae",
        summary="Context-encoding variational autoencoder.",
        verbs=("train", "predict", "reconstruct", "generate"),
        settings="astrodome_sood.model_settings:AutoencoderSettings",
    )
    yield ModelSpec(
        "sood",
        "ae",
        "astrodome_sood.models.ae:Ae",
        summary="Plain convolutional autoencoder.",
        verbs=("train", "predict", "reconstruct"),
        settings="astrodome_sood.model_settings:AutoencoderSettings",
    )
    yield ModelSpec(
        "sood",
        "threshold",
        "astrodome_sood.models.threshold:Threshold",
        summary="Brightness threshold, a baseline that requires no training.",
        verbs=("predict",),
        settings="astrodome_sood.model_settings:ThresholdSettings",
    )


@hookimpl
def register_checks() -> Iterable[CheckSpec]:
    yield CheckSpec(
        "gpu", "astrodome_sood.health:check_gpu", summary="PyTorch can use the installed GPU."
    )
