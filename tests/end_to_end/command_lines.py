"""Run all commands of an app in this process: ``python -m end_to_end.command_lines APP FILE``.

The JSON file maps the names of prepared inputs to their values. The process has a single
thread, so that worker processes are forked, which takes milliseconds instead of seconds. It
prints the number of command lines and the failures as JSON. The JSON document of every command is
compared with the schema that the command ``schema`` prints.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from astrodome import plugins
from astrodome.registry import Registry
from end_to_end import every_command


def main(app: str, world: dict[str, str]) -> None:
    folder, registry = Path.cwd(), plugins.load(app)

    def call(*words: object) -> None:
        result = every_command.run(app, registry, [str(word) for word in words])
        assert result.code == 0, (words, result)

    if app == "sdo":
        import_module("astrodome_goes.archives.csv_files")  # Otherwise, every worker imports sunpy.
        call("events", "import", world["hek"])
        call("goes", "import", world["xrs"], "--jobs=1")
        for model, name in (("ce_vae", "run"), ("ae", "run_ae")):
            world[name] = str(folder / name)
            train = (word.format(**world) for word in every_command.TRAIN[0])
            call("sood", model, "train", *train, "--log-dir", world[name])
        for model in every_command.FINDERS:
            world[f"run_{model}"] = str(folder / f"run_{model}")
            words = every_command.ARGUMENTS[f"sdo sood {model} train"][0]
            train = (word.format(**world) for word in words)
            call("sood", model, "train", *train, "--log-dir", world[f"run_{model}"])
        world["store"] = str(folder / "store")
        call("sood", "dataset", "build", world["disks"], "--out", world["store"], "--size=64")
    else:
        world["models"] = str(folder / "models")
        train = (word.format(**world) for word in every_command.ARGUMENTS["scope train"][0])
        call("train", *train, "--path-models", world["models"])
    failures, count = every_line(registry, world, folder)
    print(json.dumps({"count": count, "failures": failures}))


def every_line(registry: Registry, world: dict[str, str], folder: Path) -> tuple[list[str], int]:
    """Run each command with its required arguments, and with explicit defaults and ``--json``."""
    failures, count = [], 0
    app = registry.app
    with plugins.using(registry):
        commands = list(every_command.walk(every_command.root(app, registry), app))
    for path, command in commands:
        if every_command.is_elsewhere(path):
            continue
        output = every_command.output_schema(registry, path)
        for given in every_command.arguments(path):
            with plugins.using(registry):
                defaults = every_command.spelled(command, path, given)
            defaults += ["--json"] if output is not None else []
            for number, words in enumerate([given, (*given, *defaults)] if defaults else [given]):
                place = folder / f"line{count}"
                place.mkdir()
                os.chdir(place)
                line = [*path.split()[1:], *(word.format(**world) for word in words)]
                result = every_command.run(app, registry, line)
                count += 1
                wrong = every_command.differences(output, result.out) if number else []
                odd = [word for word in ("Unexpected", "Traceback") if word in result.err]
                if result.code or odd or wrong:
                    what = "with explicit defaults" if number else "with required arguments"
                    text = "\n".join([*wrong, result.err[-1500:]])
                    failures.append(f"{what}: {app} {' '.join(line)}\n{text}")
    return failures, count


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8")))
