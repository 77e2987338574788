"""The commands of an app, their documented defaults, and minimal input for each of them."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from typing import Any

from astrodome import app as host
from astrodome import plugins, settings
from astrodome.registry import Registry
from astrodome.testing import Result
from astrodome.testing.documents import closed
from jsonschema import Draft202012Validator

DEFAULT = re.compile(r"\[(?:[^\[\]]*; )?default: ([^;\]]+)")
"""The default in the help of an option, after the environment variable if there is one."""

SMALL = (
    *("--target-size=32", "--batch-size=8", "--set", "model.z_dim=8"),
    *("--set", "model.fmap_sizes=[4,8,16]", "--set", "devices.gpus=0"),
)
"""Options for a network that is trained within a second."""
TRAIN = (("--data-dir={patches}", "--epochs=1", *SMALL),)
FINDERS = ("detect", "segmentation", "statistics")
"""Models that find defects."""
TRAIN_FINDER = ((*TRAIN[0], "--epoch-images=16"),)
PREDICT = (("--data-dir={patches}", "--load-path={run}", *SMALL),)
TOKEN = "--token={token}"

ARGUMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "sdo data download": (
        ("--end=2012-12-01T01:00", "--size=256"),
        ("--start=2012-12-31T23:00", "--size=256"),
        ("--dry-run",),
    ),
    "sdo data import": (("{fits}", "--path=imported"),),
    "sdo data info": (("{images}",),),
    "sdo data patch": (("--path={images}",),),
    "sdo data resize": (("--path={images}",),),
    "sdo data show": (("{images}",),),
    "sdo events analyze": (("--src-dir={images}", "--sood-dir={maps}"),),
    "sdo events import": (("{hek}",),),
    "sdo events plot": (("{images}/2014-01-01T000011__171.jpeg",),),
    "sdo events show": (("FL_SWPC",),),
    "sdo goes download": (("--end=2012-12-01",), ("--start=2012-12-31",)),
    "sdo goes get": (("--timestamp=2011-06-07T06:41",),),
    "sdo goes import": (("{xrs}",),),
    "sdo sood ce_vae train": TRAIN,
    "sdo sood ae train": TRAIN,
    "sdo sood ce_vae predict": PREDICT,
    "sdo sood ae predict": (("--data-dir={patches}", "--load-path={run_ae}", *SMALL),),
    **{f"sdo sood {model} train": TRAIN_FINDER for model in FINDERS},
    "sdo sood statistics train": TRAIN,
    **{
        f"sdo sood {model} predict": (("--data-dir={patches}", f"--load-path={{run_{model}}}"),)
        for model in FINDERS
    },
    "sdo sood calibrate": (("{run}",),),
    "sdo sood threshold predict": (("--data-dir={patches}", "--target-size=32"),),
    "sdo sood ce_vae reconstruct": (("--data-dir={patches}", "--load-path={run}"),),
    "sdo sood ae reconstruct": (("--data-dir={patches}", "--load-path={run_ae}"),),
    "sdo sood ce_vae generate": (("--load-path={run}",),),
    "sdo sood benchmark": (("threshold", "--quick", "--bootstrap=10", "--out={benchmark}"),),
    "sdo sood dataset build": (("{disks}", "--out=store", "--size=64"),),
    "sdo sood dataset info": (("{store}",),),
    "sdo sood evaluate": (
        ("threshold", "--data-dir={patches}", "--target-size=32", "--bootstrap=20"),
    ),
    "sdo sood export": (("{run}",),),
    "sdo sood report": (("{run}",),),
    "scope anomalies": (("{residuals}",),),
    "scope download-classification": (("--group-ids=500", TOKEN),),
    "scope evaluate": (("{dataset}", "--path-models={models}"),),
    "scope features": (("--file={light_curves}", "--min-points=5", "--max-freq=4"),),
    "scope get-field-ids": (("--catalogue={catalogue}", "--ccd=2", "--quad=3"),),
    "scope get-quad-ids": (("--catalogue={catalogue}", "--ccd=2", "--quad=3"),),
    "scope lightcurve": (
        ("10000000000001", "--file={light_curves}", "--max-freq=4", "--samples-per-peak=3"),
    ),
    "scope manage-annotation": (
        (
            *("--action=post", "--source=star", "--group-ids=500", TOKEN),
            *("--origin=me", "--key=period", "--value=0.5"),
        ),
    ),
    "scope predict": (("{dataset}", "--path-models={models}"),),
    "scope refine-periods": (
        (
            *("--features={periods}", "--classes={classes}", "--file={light_curves}"),
            "--output=refined.parquet",
        ),
    ),
    "scope report": (("--path-models={models}",),),
    "scope run": (
        (
            *("--file={light_curves}", "--path-models={models}", "--min-points=5"),
            *("--max-freq=4", "--samples-per-peak=3"),
        ),
    ),
    "scope select-sample": (("{predictions}",),),
    "scope sources": (("--position", "10", "20", TOKEN),),
    "scope taxonomy post": (("--taxonomy={tree}", "--group-ids=500", TOKEN),),
    "scope taxonomy show": ((TOKEN,),),
    "scope train": (("--algorithm=xgb", "--tag=vnv", "--path-dataset={dataset}", "--no-plot"),),
    "scope upload-classification": (
        (
            *("--file={stars}", "--group-ids=500", TOKEN, "--skip-phot"),
            *("--classification=variable", "--taxonomy-id=7"),
        ),
    ),
    "scope upload-disagreements": (
        ("--file={training}", "--catalogue={scores}", TOKEN, "--id=360"),
    ),
    "plugins info": (("{plugin}",),),
    "plugins disable": (("{plugin}",),),
    "plugins enable": (("{plugin}",),),
}
"""Minimal arguments of the commands that need any, with names of prepared inputs."""
ELSEWHERE = {
    "plugins install": "changes the environment: tests/core/test_installer.py",
    "plugins new": "writes a new folder: tests/end_to_end/test_new_plugin.py",
    "plugins uninstall": "changes the environment: tests/core/test_installer.py",
    "scope vet": "serves a page until it is finished: tests/ztf_scope/test_vet.py",
}
"""Commands that other tests run."""


def root(app: str, registry: Registry) -> Any:
    """Return the root command of an app."""
    with plugins.using(registry):
        return host.build(app, registry)


def walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every listed command below a group, with its full name."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    context = command.make_context(path, [], resilient_parsing=True)
    for name in sorted(name for name, stub in command.commands.items() if not stub.hidden):
        _, found, _ = command.resolve_command(context, [name])
        yield from walk(found, f"{path} {name}")


def arguments(path: str) -> tuple[tuple[str, ...], ...]:
    """Return the arguments of a command in the table; no arguments if it is not in the table."""
    own = path.partition(" ")[2]
    return ARGUMENTS.get(path) or ARGUMENTS.get(own) or ((),)


def is_elsewhere(path: str) -> bool:
    return path in ELSEWHERE or path.partition(" ")[2] in ELSEWHERE


def spelled(command: Any, path: str, given: tuple[str, ...]) -> list[str]:
    """Return options with the default values in the help, for parameters that are not given."""
    context = command.make_context(path, list(given), resilient_parsing=True)
    options = {word.partition("=")[0] for word in given if word.startswith("-")}
    words: list[str] = []
    for param in command.params:
        record = param.get_help_record(context)
        found = DEFAULT.search(record[1]) if record else None
        if not found or options.intersection(param.opts):
            continue
        if param.param_type_name == "argument":
            if context.params.get(param.name) in (None, param.default):
                words.append(found[1])
        elif param.is_flag:
            words.append(f"--{found[1]}")
        else:
            words.append(f"{max(param.opts, key=len)}={found[1]}")
    return words


def output_schema(registry: Registry, path: str) -> Any:
    """Return the JSON Schema of the output of a command; None if it has no option ``--json``."""
    app, *words = path.split()
    described = run(app, registry, ["schema", *words]).succeeded().json
    Draft202012Validator.check_schema(described["arguments"])
    if "json" not in described["arguments"]["properties"]:
        assert described["output"] is False, path
        return None
    assert described["effect"] != "unknown" and described["output"] is not True, path
    return closed(described["output"])


def differences(schema: Any, text: str) -> list[str]:
    """Return the differences between a printed document and the schema of the output."""
    if schema is None:
        return []
    try:
        document = json.loads(text)
    except ValueError as error:
        return [f"no JSON document: {error}: {text[:200]}"]
    Draft202012Validator.check_schema(schema)
    found = Draft202012Validator(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message[:500]}" for error in found]


def run(app: str, registry: Registry, words: list[str]) -> Result:
    """Run a command line in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    options = settings.options
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            host.main(app, words, registry)
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else int(left.code is not None)
        finally:
            settings.options = options
    return Result(code, out.getvalue(), err.getvalue())
