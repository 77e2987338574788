"""Register the commands, source kinds, sources and models that this distribution provides."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import CheckSpec, CommandSpec, KindSpec, ModelSpec, SourceSpec, hookimpl

from .config.scope_ml_commands import ALIASES, REPLACED

SERVICES = {
    "kowalski": "astrodome_ztf_scope.config.services:KowalskiSettings",
    "fritz": "astrodome_ztf_scope.config.services:FritzSettings",
    "wandb": "astrodome_ztf_scope.config.services:WandbSettings",
}
SCOPE = dict.fromkeys(("training", "features", "feature_stats", "taxonomy"), "")
"""Sections in the layout of SCoPe, which the package ``config`` validates."""
GCS = {"gcs": "astrodome_ztf_scope.config.services:GcsSettings"}
COMMANDS = {
    "Configuration": (
        ("init", "configuration:init", "Write a configuration file that contains all classes."),
        ("classes", "configuration:classes", "Show the configured classes and trained models."),
    ),
    "Light curves": (
        ("features", "features:features", "Compute features and periods of light curves."),
        ("anomalies", "anomalies:anomalies", "Find anomalous light curves in feature tables."),
        (
            "refine-periods",
            "refinement:refine_periods",
            "Refine the periods of eclipsing and pulsating stars.",
        ),
    ),
    "Classifiers": (
        ("train", "train:train", "Train classifiers for many classes in parallel."),
        ("predict", "classifiers:predict", "Use trained models to compute the scores of sources."),
        ("run", "run:run", "Compute the features and scores of a list of sources."),
        ("evaluate", "classifiers:evaluate", "Evaluate trained models on a labeled data set."),
        ("report", "classifiers:report", "Write an HTML report about a group of classifiers."),
        ("select-sample", "select_sample:select_sample", "Select a sample of sources to label."),
    ),
    "Marshal": (
        ("upload-classification", "upload:upload", "Upload sources with their classifications."),
        (
            "download-classification",
            "download:download",
            "Download classifications, periods and votes.",
        ),
        (
            "upload-disagreements",
            "disagreements:disagreements",
            "Upload light curves on which two classifiers disagree.",
        ),
        ("manage-annotation", "annotations:manage", "Post, update or delete annotation keys."),
        ("journal", "journal:journal", "Show all requests that were sent to change a marshal."),
        ("vet", "vet:vet", "Accept, reject or relabel sources on a local web page."),
        ("taxonomy", "taxonomy:app", "Post a taxonomy to a marshal, or show the existing ones."),
    ),
    "Data": (
        ("get-field-ids", "catalogues:field_ids", "Get the ids of light curves in a ZTF field."),
        ("get-quad-ids", "catalogues:field_ids", "Alias for get-field-ids (SCoPe 0.9.5)."),
        ("sources", "catalogues:find_sources", "Show the sources near a position, or in groups."),
        ("lightcurve", "light_curve:light_curve", "Show the light curves and periods of a source."),
        ("fetch-datasets", "cloud_storage:fetch_datasets", "Download the SCoPe data sets."),
        ("fetch-models", "cloud_storage:fetch_models", "Download the trained SCoPe models."),
    ),
}
"""Commands, grouped by help panel.

Each tuple contains the command name, the function in the package ``cli``, and the help text.
"""
SETTINGS = {"init": SERVICES | SCOPE, "fetch-datasets": GCS, "fetch-models": GCS}


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    targets = {}
    for panel, commands in COMMANDS.items():
        for name, function, text in commands:
            targets[name] = f"astrodome_ztf_scope.cli.{function}"
            yield CommandSpec(name, targets[name], text, panel, SETTINGS.get(name, ""))
    for name, same in ALIASES.items():
        yield CommandSpec(name, targets[same], help=f"Alias for scope {same}.", hidden=True)
    for name in REPLACED:
        text = "Show the command that replaces this scope-ml command."
        target = "astrodome_ztf_scope.cli.scope_ml:replaced_command"
        yield CommandSpec(name, target, text, hidden=True)


@hookimpl
def register_kinds() -> Iterator[KindSpec]:
    yield KindSpec(
        "catalogue",
        "astrodome_ztf_scope.catalogues.protocol:Catalogue",
        summary="Database of survey sources, searchable by query or position.",
        option="--catalogue",
    )
    yield KindSpec(
        "marshal",
        "astrodome_ztf_scope.marshal.protocol:Marshal",
        summary="Service that stores sources with classifications.",
        option="--marshal",
    )
    yield KindSpec(
        "scope",
        "astrodome_ztf_scope.classifiers.protocol:Classifier",
        summary="Binary classifier that distinguishes one class from all other sources.",
        contract="astrodome_ztf_scope.classifiers.algorithm_options:problems",
        role="model",
        optional=("train", "predict"),
        template="astrodome_ztf_scope:templates/scope",
    )


@hookimpl
def register_sources() -> Iterator[SourceSpec]:
    yield SourceSpec(
        "catalogue",
        "kowalski",
        "astrodome_ztf_scope.catalogues.kowalski:KowalskiCatalogue",
        summary="Kowalski, the archive of ZTF catalogues.",
    )
    yield SourceSpec(
        "catalogue",
        "local",
        "astrodome_ztf_scope.catalogues.local:LocalCatalogue",
        summary="Local folder with Parquet files (local:FOLDER).",
    )
    yield SourceSpec(
        "marshal",
        "fritz",
        "astrodome_ztf_scope.marshal.fritz:Fritz",
        summary="Fritz or another SkyPortal instance.",
    )
    yield SourceSpec(
        "marshal",
        "local",
        "astrodome_ztf_scope.marshal.local:LocalMarshal",
        summary="Local SQLite file (local:FILE.db).",
    )


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    yield ModelSpec(
        "scope",
        "dnn",
        "astrodome_ztf_scope.classifiers.models.dnn:DnnClassifier",
        summary="Neural network with branches for the features and the dmdt image.",
        extra="dnn",
    )
    yield ModelSpec(
        "scope",
        "xgb",
        "astrodome_ztf_scope.classifiers.models.xgb:XgbClassifier",
        summary="Gradient-boosted trees (XGBoost) that use only the features.",
    )


@hookimpl
def register_checks() -> Iterator[CheckSpec]:
    yield CheckSpec(
        "services",
        "astrodome_ztf_scope.config.health:check_services",
        summary="Kowalski, Fritz and Google Cloud Storage can be reached.",
        online=True,
    )
    yield CheckSpec(
        "configuration",
        "astrodome_ztf_scope.config.health:check_configuration",
        summary="The classes, feature sets and taxonomy in the configuration files are valid.",
    )
