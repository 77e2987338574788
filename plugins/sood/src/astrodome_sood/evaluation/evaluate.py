"""An evaluation from the names of models and images to tables, curves and a page in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from astrodome import AstrodomeError, compute, console, files, models, temporary
from astrodome.runs import Run, provenance

from .. import config as configuration
from ..datasets.loading import TEST, location, open_images
from ..training import DISTRIBUTIONS, TASK
from ..views import evaluation_page
from . import compare, metrics
from .references import Synthetic, flares, from_file

OF_AN_EVALUATION = ("predict.score_mode", "predict.sample_score", "data.batch_size")
"""Keys in which the runs do not have a say."""


@dataclass(frozen=True)
class Wanted:
    """What to hold models against; see the options of ``sdo sood evaluate``."""

    against: str = "synthetic"
    kinds: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    wavelength: int = 0
    labels: Path | None = None
    goes_class: str = "M1.0"
    event_types: Sequence[str] = ("AR", "FL")
    bootstraps: int = 1000
    flux_source: str = ""
    events_source: str = ""


@dataclass
class Evaluation:
    """A comparison, what became of the images, and all of it as one JSON document."""

    comparison: compare.Comparison
    outcome: compute.Outcome
    document: dict[str, Any] = field(default_factory=dict)


def evaluate(
    names: Sequence[str],
    config: configuration.Config,
    explicit: set[str],
    wanted: Wanted,
    out: Path,
) -> Evaluation:
    """Score the images of ``config`` with every model, and write what came out to ``out``.

    ``names`` are run folders, weights or models, each with ``LABEL=`` before it if it is to be
    called so; trainings of one model are averaged under the model's name, or under a label
    that they share. ``explicit`` are the keys of ``config`` that go before those of a run; how to
    score, and where, always comes from ``config``.
    """
    if not names:
        raise AstrodomeError("No model is given.", "Name run folders, or threshold.", exit_code=2)
    contenders, sizes = _contenders(names, _overrides(config, explicit))
    size = _one_size(sizes, config)
    config = config.model_copy(
        update={"model": config.model.model_copy(update={"target_size": size})}
    )
    with files.lock(out / ".lock"):
        files.sweep(out)
        images = open_images(config, TEST)
        reference = _reference(images, wanted)
        with temporary.folder(out / "scores") as scratch:
            scored = compare.score(contenders, reference, scratch)
            console.note(f"{len(scored.cases)} images scored by {len(contenders)} models.")
            comparison = compare.compare(contenders, scored, wanted.bootstraps)
            comparison.about = {
                **reference.about(),
                "data_dir": location(config),
                "target_size": size,
                "bootstraps": wanted.bootstraps,
                "interval": metrics.LEVEL,
                "models": [_described(each) for each in contenders],
                **provenance(DISTRIBUTIONS, TASK, [each.group for each in contenders]),
            }
            document = {
                "about": comparison.about,
                "models": comparison.groups,
                "runs": comparison.rows,
                "differences": comparison.differences,
            }
            _write(out, comparison, document)
            evaluation_page.write(out / "evaluation.html", comparison, reference)
    outcome = compute.Outcome(done=len(images), failed=images.failed)
    return Evaluation(comparison, outcome, document)


def _overrides(config: configuration.Config, explicit: set[str]) -> dict[str, Any]:
    """What goes before the configuration of a run, by dotted key."""
    plain = config.plain()
    keys = {key for key in explicit if key != "devices"} | set(OF_AN_EVALUATION)
    found = {key: _at(plain, key) for key in sorted(keys)}
    return found | {f"devices.{key}": value for key, value in plain["devices"].items()}


def table(comparison: compare.Comparison) -> list[dict[str, Any]]:
    """A row for each model and kind, its figures with their intervals as text."""
    return [
        {"model": row["model"], "runs": row["runs"], "kind": row["kind"]}
        | {
            name: f"{row[name]:.3f} ({row[f'{name}_low']:.3f}-{row[f'{name}_high']:.3f})"
            for name in ("auroc", "ap", "pixel_ap", "iou")
            if name in row
        }
        for row in comparison.groups
    ]


def numbers(text: str) -> list[int]:
    """``"0,1,2"`` as numbers; AstrodomeError when it is something else."""
    try:
        found = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise AstrodomeError(
            f"'{text}' is no list of seeds.", "Write 0,1,2.", exit_code=2
        ) from error
    if not found or min(found) < 0:
        raise AstrodomeError(f"'{text}' is no list of seeds.", "Write 0,1,2.", exit_code=2)
    return found


def _contenders(
    names: Sequence[str], overrides: dict[str, Any]
) -> tuple[list[compare.Contender], dict[str, int]]:
    """The models by their names, those with weights first asked for their size."""
    found: list[tuple[str, str, str, Path | None]] = []
    for name in names:
        label, equals, place = name.rpartition("=")
        model, weights = _resolved(place if equals else name)
        found.append((label, label or model, model, weights))
    sizes: dict[str, int] = {}
    made: list[compare.Contender] = []
    for label, group, model, weights in sorted(found, key=lambda each: each[3] is None):
        size = next(iter(sizes.values()), None)
        contender, config = compare.contender(model, weights, "", overrides, size)
        contender.group = group
        place = weights.name if weights else model
        taken = {each.label for each in made}
        wanted = (label, place, f"{group} {place}", *(f"{group} {n}" for n in range(2, 999)))
        contender.label = next(name for name in wanted if name and name not in taken)
        if weights:
            sizes[contender.label] = config.model.target_size
        made.append(contender)
    order = {group: number for number, (_, group, _, _) in enumerate(found)}
    return sorted(made, key=lambda each: order[each.group]), sizes


def _resolved(name: str) -> tuple[str, Path | None]:
    """The model and the weights that a name on the command line stands for."""
    path = Path(name)
    if path.is_dir() and (path / "run.json").exists():
        return str(Run.open(path, TASK).record["model"]), path
    if path.exists():
        from ..models import weights

        about, _ = weights.read(weights.locate(path))
        return str(about.get("model")), path
    if name in models.specs(TASK):
        return name, None
    raise AstrodomeError(
        f"'{name}' is neither a run folder, nor a weights file, nor a model.",
        f"Models: {', '.join(models.specs(TASK))}.",
        exit_code=2,
    )


def _one_size(sizes: dict[str, int], config: configuration.Config) -> int:
    if len(set(sizes.values())) > 1:
        each = ", ".join(f"{label} {size} px" for label, size in sizes.items())
        raise AstrodomeError(
            f"The models were trained on images of different sizes: {each}.",
            "Only models of one size see the same images: evaluate the others apart.",
        )
    return next(iter(sizes.values()), config.model.target_size)


def _reference(images: Any, wanted: Wanted) -> Any:
    if wanted.against == "synthetic":
        return Synthetic(images, wanted.seeds, wanted.kinds, wanted.wavelength)
    if wanted.against == "flux":
        return flares(images, wanted.goes_class, wanted.flux_source)
    if wanted.against == "labels":
        if wanted.labels is None:
            raise AstrodomeError("No file of labels is given.", "Use --labels FILE.", exit_code=2)
        return from_file(images, wanted.labels)
    if wanted.against == "events":
        from .events import Events

        return Events(images, wanted.event_types, wanted.events_source)
    raise AstrodomeError(
        f"Models can be held against synthetic, labels, flux or events, not '{wanted.against}'.",
        exit_code=2,
    )


def _described(each: compare.Contender) -> dict[str, Any]:
    from ..scoring.shards import weight_files

    weights = each.weights
    return {
        "label": each.label,
        "model": each.group,
        "score_mode": each.mode,
        "sample_score": each.of,
        "weights": str(weights.absolute()) if weights else None,
        "weights_digest": files.digest(weight_files(weights)) if weights else None,
    }


def _write(out: Path, comparison: compare.Comparison, document: dict[str, Any]) -> None:
    """``evaluation.json``, ``evaluation.parquet`` (figures) and ``scores.parquet`` (each image)."""
    files.write_text(out / "evaluation.json", json.dumps(_plain(document), indent=1) + "\n")
    rows = [{"level": "run", **row} for row in comparison.rows]
    rows += [{"level": "model", **row} for row in comparison.groups]
    names = dict.fromkeys(key for row in rows for key in row)
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    files.write_parquet(out / "evaluation.parquet", table, comparison.about)
    scored = comparison.scored
    cases = {
        "image": [case.name for case in scored.cases],
        "kind": [case.kind for case in scored.cases],
        "label": [case.label for case in scored.cases],
    }
    scores = pa.table({**cases, **scored.scores})
    files.write_parquet(out / "scores.parquet", scores, comparison.about)


def _plain(value: Any) -> Any:
    """As JSON has it: NaN is null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def _at(plain: dict[str, Any], key: str) -> Any:
    value: Any = plain
    for part in key.split("."):
        value = value[part]
    return value
