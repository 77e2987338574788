"""``sdo sood``: the verbs of every registered model, evaluation, and the report of a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from astrodome import console, lazy, models

TASK = "sood"
OTHERS: dict[str, tuple[str, str]] = {
    "evaluate": ("evaluate", "Compare models: by labels, flares, events, or made anomalies."),
    "dataset": ("dataset", "Look into a store of SDO ML v2 frames, or build one."),
    "export": ("evaluate", "Write the scorer of a run as ONNX."),
}
"""Commands beside the models: the module of each, and what it is for."""


class Models(lazy.LazyGroup):
    """A command group for each registered model, and what serves them all."""

    def entries(self) -> Mapping[str, lazy.Entry]:
        entries = {
            spec.name: lazy.Entry(spec.summary, partial(_verbs, spec), "Models")
            for spec in models.specs(TASK).values()
        }
        for name, (module, text) in OTHERS.items():
            entries[name] = lazy.Entry(text, partial(_command, module, name))
        entries["report"] = lazy.Entry(
            "Write a page about a run: losses, scores, images beside their maps.", lambda: report
        )
        return entries


app = typer.Typer(
    cls=Models,
    no_args_is_help=True,
    help="Find unusual images of the Sun and unusual places in them.",
)


def _verbs(spec: Any) -> Any:
    from .models import verbs

    return verbs(spec)


def _command(module: str, name: str) -> Any:
    return getattr(import_module(f".{module}", __package__), name)


def report(
    run: Annotated[Path, typer.Argument(help="Run folder, or a folder of predictions.")],
    pred_dir: Annotated[
        list[Path] | None,
        typer.Option(help="Predictions to show; repeatable [those in the run folder]."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The page [RUN/report.html].")] = None,
    count: Annotated[
        int, typer.Option(min=1, help="Most and least anomalous images to show, each.")
    ] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write one self-contained HTML page: losses, scores, images beside their maps."""
    from ..views.report import write

    page = write(run, pred_dir or [], out or run / "report.html", count)
    console.show_one({"report": str(page)}, as_json=as_json)
