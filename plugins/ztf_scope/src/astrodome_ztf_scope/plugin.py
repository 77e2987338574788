"""What this distribution adds to ``scope``."""

from __future__ import annotations

from collections.abc import Iterator

from astrodome import CommandSpec, KindSpec, ModelSpec, SourceSpec, hookimpl

from .cli.scope_ml import ALIASES, REPLACED

CLI = "astrodome_ztf_scope.cli.main"
GCS = {"gcs": "astrodome_ztf_scope.config.services:GcsSettings"}


@hookimpl
def register_commands() -> Iterator[CommandSpec]:
    commands = list(_commands())
    yield from commands
    targets = {command.name: command.target for command in commands}
    for name, same in ALIASES.items():
        yield CommandSpec(name, targets[same], help=f"Alias for scope {same}.", hidden=True)
    for name in REPLACED:
        about = "Name the command that replaces this command of SCoPe."
        yield CommandSpec(
            name, "astrodome_ztf_scope.cli.replaced:renamed_command", about, hidden=True
        )


def _commands() -> Iterator[CommandSpec]:
    yield CommandSpec(
        "init",
        f"{CLI}:init",
        help="Write a commented configuration with all classes.",
        panel="Configuration",
        settings={
            "kowalski": "astrodome_ztf_scope.config.services:KowalskiSettings",
            "fritz": "astrodome_ztf_scope.config.services:FritzSettings",
            "wandb": "astrodome_ztf_scope.config.services:WandbSettings",
        },
    )
    yield CommandSpec(
        "classes",
        f"{CLI}:classes",
        help="Show the classes of the configured taxonomy and how each is trained.",
        panel="Configuration",
    )
    yield CommandSpec(
        "train",
        "astrodome_ztf_scope.cli.train:command",
        help="Train classifiers: every class and random state a run, many at a time.",
        panel="Classifiers",
    )
    for name, about in (
        ("predict", "Score sources with trained models, all classes in one pass over the files."),
        ("evaluate", "Measure trained models on a labelled data set."),
        ("report", "Write one HTML page about a group of trained classifiers."),
    ):
        yield CommandSpec(name, f"{CLI}:{name}", help=about, panel="Classifiers")
    for name, target, about in (
        ("upload-classification", "upload:upload", "Upload sources, periods, classes, comments."),
        ("download-classification", "download:download", "Download classes, periods and votes."),
        ("upload-disagreements", "annotations:disagreements", "Upload what models disagree on."),
        ("manage-annotation", "annotations:manage", "Post, update, delete keys of annotations."),
        ("journal", "annotations:journal", "Show every call that changed a marshal."),
    ):
        yield CommandSpec(
            name, f"astrodome_ztf_scope.cli.{target}_command", help=about, panel="Marshal"
        )
    yield CommandSpec(
        "vet",
        "astrodome_ztf_scope.cli.vet:vet_command",
        help="Accept, reject or relabel sources on a page on this machine.",
        panel="Marshal",
    )
    yield CommandSpec(
        "taxonomy",
        "astrodome_ztf_scope.cli.annotations:taxonomies",
        help="Post taxonomies of classes to a marshal, and show those that are there.",
        panel="Marshal",
    )
    for name, about in (
        ("get-field-ids", "Get the ids of all light curves in quadrants of a ZTF field."),
        ("get-quad-ids", "Get ids of a field: SCoPe 0.9.5's name of get-field-ids."),
    ):
        target = "astrodome_ztf_scope.cli.catalogues:field_ids_command"
        yield CommandSpec(name, target, help=about, panel="Data")
    yield CommandSpec(
        "sources",
        "astrodome_ztf_scope.cli.catalogues:find_sources_command",
        help="Show the sources at a position, or those of groups.",
        panel="Data",
    )
    for name, about in (
        ("fetch-datasets", "Fetch SCoPe's data sets from Google Cloud Storage."),
        ("fetch-models", "Fetch SCoPe's trained models from Google Cloud Storage."),
    ):
        target = f"{CLI}:{name.replace('-', '_')}"
        yield CommandSpec(name, target, help=about, panel="Data", settings=GCS)


@hookimpl
def register_kinds() -> Iterator[KindSpec]:
    yield KindSpec(
        "catalogue",
        "astrodome_ztf_scope.catalogues.protocol:Catalogue",
        summary="Documents about survey sources, found by a query or by position.",
        option="--catalogue",
    )
    yield KindSpec(
        "marshal",
        "astrodome_ztf_scope.marshal.protocol:Marshal",
        summary="Sources with classifications and annotations.",
        option="--marshal",
    )
    yield KindSpec(
        "scope",
        "astrodome_ztf_scope.classifiers.protocol:Classifier",
        summary="Separates the sources of one class from all others.",
        role="model",
        optional=("train", "predict"),
    )


@hookimpl
def register_sources() -> Iterator[SourceSpec]:
    yield SourceSpec(
        "catalogue",
        "kowalski",
        "astrodome_ztf_scope.catalogues.kowalski:KowalskiCatalogue",
        summary="Kowalski, the archive of ZTF's catalogues.",
    )
    yield SourceSpec(
        "catalogue",
        "local",
        "astrodome_ztf_scope.catalogues.local:LocalCatalogue",
        summary="A folder of Parquet files: local:FOLDER.",
    )
    yield SourceSpec(
        "marshal",
        "fritz",
        "astrodome_ztf_scope.marshal.fritz:Fritz",
        summary="Fritz, or another SkyPortal.",
    )
    yield SourceSpec(
        "marshal",
        "local",
        "astrodome_ztf_scope.marshal.local:LocalMarshal",
        summary="A SQLite file: local:FILE.db.",
    )


@hookimpl
def register_models() -> Iterator[ModelSpec]:
    yield ModelSpec(
        "scope",
        "dnn",
        "astrodome_ztf_scope.classifiers.models.dnn:DnnClassifier",
        summary="Two-branch network of the features and of the dmdt.",
        extra="dnn",
    )
    yield ModelSpec(
        "scope",
        "xgb",
        "astrodome_ztf_scope.classifiers.models.xgb:XgbClassifier",
        summary="Boosted trees (XGBoost) of the features.",
    )
