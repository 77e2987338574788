"""Names of commands of SCoPe, and the commands that replace them."""

from __future__ import annotations

ALIASES = {
    "scope-train": "train",
    "scope-upload-classification": "upload-classification",
    "scope-download-classification": "download-classification",
    "scope-upload-disagreements": "upload-disagreements",
    "scope-manage-annotation": "manage-annotation",
    "scope-fetch-datasets": "fetch-datasets",
    "scope-fetch-models": "fetch-models",
}
"""Commands of SCoPe that have the same options as commands of ``scope``."""
MANY = "One command scores all classes with all models"
TRAIN = "One command trains many classes and random states, in parallel processes"
FEATURES = "scope does not compute features yet; it reads the feature files of SCoPe"
SLURM = "put this command into your own job script"
DEVELOP = ("", "It is for developers of SCoPe; for this project, see CONTRIBUTING.md")
REPLACED: dict[str, tuple[str, str]] = {
    "scope-initialize": ("scope init", "It writes a commented config.yaml"),
    "run-inference": ("scope predict FEATURES.parquet --out scores.parquet", MANY),
    "run-inference-slurm": ("scope predict FEATURES.parquet --scheduler ADDRESS", MANY),
    "run-inference-job-submission": ("scope predict FEATURES.parquet --scheduler ADDRESS", MANY),
    "run-scope-local": ("scope predict FEATURES.parquet --out scores.parquet", FEATURES),
    "create-inference-script": ("scope predict FEATURES.parquet --out scores.parquet", MANY),
    "combine-preds": (
        "scope predict FEATURES.parquet --merge mean",
        "The file contains the scores of all algorithms; --merge mean or max adds one per class",
    ),
    "combine-preds-slurm": ("scope predict FEATURES.parquet --merge mean", SLURM.capitalize()),
    "combine-preds-job-submission": (
        "scope predict FEATURES.parquet --merge mean",
        SLURM.capitalize(),
    ),
    "select-fritz-sample": (
        "scope vet --file scores.parquet --out vetted.csv",
        "Choose sources on a page; scope upload-classification then uploads the result",
    ),
    "create-training-script": ("scope train --all --random-state 1 --random-state 2", TRAIN),
    "train-algorithm-slurm": ("scope train --all", f"{TRAIN}; {SLURM}"),
    "train-algorithm-job-submission": ("scope train --all", f"{TRAIN}; {SLURM}"),
    "assemble-training-stats": ("scope report GROUP", "It compares all models of a group"),
    "post-taxonomy": ("scope taxonomy post", "Options: --taxonomy, --name, --version, --group-ids"),
    "check-quads-for-sources": (
        "scope get-field-ids --field 296 --whole-field",
        "meta.json contains the number of ids in every quadrant",
    ),
    "scope-download-gcn-sources": (
        "scope sources --group-ids 360",
        "Sources of a GCN event cannot be selected; list the sources of a group",
    ),
    **dict.fromkeys(
        (
            "generate-features",
            "generate-features-slurm",
            "generate-features-job-submission",
            "get-features",
            "generate-features-rubin",
            "generate-features-rubin-slurm",
            "combine-rubin-features",
            "prepare-rubin-chunks",
            "refine-periods",
            "evt-calibration",
        ),
        ("scope predict FEATURES.parquet", FEATURES),
    ),
    "get-rubin-ids": ("scope get-field-ids --field 296", "Catalogues of Rubin are not supported"),
    "analyze-logs": ("scope report GROUP", "It shows how the models of a group were trained"),
    **dict.fromkeys(("scope-develop", "scope-lint", "scope-doc", "scope-test"), DEVELOP),
    **dict.fromkeys(("scope-test-limited", "develop", "lint", "doc", "test"), DEVELOP),
}
"""Commands that replace a command of SCoPe, and the differences, by its name."""
