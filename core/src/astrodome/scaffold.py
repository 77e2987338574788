"""Write the files of a new plugin distribution from templates.

A template is a folder with the file ``template.toml`` and with the files of the distribution. The
host contains templates for commands, kinds and applications. The distribution that declares a kind
or task contains its template (``KindSpec.template``). In file names and contents, ``$name`` is
replaced, and the file extension ``.tmpl`` is removed.
"""

from __future__ import annotations

import json
import keyword
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import cached_property
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from . import API_VERSION, distributions, plugins, scripts, suggestions, temporary
from .errors import AstrodomeError, InvalidInputError, not_found, similar
from .specs import RESERVED, dashed

TEMPLATES = Path(__file__).with_name("templates")
EXTENSION = ".tmpl"
DESCRIPTION = "template.toml"
NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
LONGEST = 24
"""Maximum length of a name, so that the lines in the generated files are not too long."""
DEV = ("jsonschema>=4.23", "mypy>=1.11", "pytest>=9.0.3", "ruff>=0.6")
HOOK = '''

@hookimpl
def {hook}() -> Iterator[{spec}]:
    """Register the {what} of this distribution."""
{yields}'''


@dataclass(frozen=True)
class Names:
    """The names in a new distribution, derived from the name of its plugin."""

    name: str
    app: str
    """App that is extended if a template does not specify one."""

    @property
    def distribution(self) -> str:
        """Name of the distribution, for example ``astrodome-moon-phases``."""
        return f"astrodome-{dashed(self.name)}"

    @property
    def package(self) -> str:
        """Name of the package, for example ``astrodome_moon_phases``."""
        return self.distribution.replace("-", "_")

    def values(self) -> dict[str, str]:
        """Return the values of the placeholders."""
        return {
            "name": self.name,
            "app": self.app,
            "command": dashed(self.name),
            "identifier": dashed(self.name).replace("-", "_"),
            "identifier_upper": dashed(self.name).replace("-", "_").upper(),
            "class_name": class_name(self.name),
            "distribution": self.distribution,
            "package": self.package,
        }


@dataclass(frozen=True)
class Part:
    """One component of a distribution: the folder of its template, and a value.

    ``value`` is the kind of a source, the task of a model, or the name of an application.
    """

    folder: Path
    value: str = ""

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Content of ``template.toml``."""
        file = self.folder / DESCRIPTION
        try:
            return tomllib.loads(file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise AstrodomeError(f"Cannot read the template {file}: {error}.") from error

    @property
    def claims(self) -> set[str]:
        """What the name of the plugin is used for: a command, source, source kind or model."""
        claims = {"KindSpec": "source kind"}
        specs = {entry["spec"] for entry in self.about["objects"]} if self.module != "app" else ()
        return {claims.get(spec, spec.removesuffix("Spec").lower()) for spec in specs}

    @property
    def module(self) -> str:
        """Name of the module that contains the hooks."""
        return str(self.about.get("module", "plugin"))

    def folders(self) -> Iterator[Path]:
        """Yield the folders with the files of this component."""
        yield self.folder
        yield from (self.folder.parent / name for name in self.about.get("include", ()))

    def values(self, names: Names) -> dict[str, str]:
        """Return the values of the placeholders."""
        return names.values() | {"value": self.value, "value_class": class_name(self.value)}

    def apps(self, names: Names) -> list[str]:
        """Return the apps that this component extends."""
        return [self.value] if self.module == "app" else list(self.about.get("apps", [names.app]))


def class_name(name: str) -> str:
    """Return a name in the form of a class name, for example ``MoonPhases``."""
    return "".join(word.capitalize() for word in dashed(name).split("-"))


def folder(target: str) -> Path:
    """Return the template folder ``package:folder`` without importing a submodule."""
    package, _, path = target.partition(":")
    spec = find_spec(package)
    found = Path(spec.origin).parent / path if spec and spec.origin and path else Path(target)
    if not (found / DESCRIPTION).is_file():
        raise not_found(found / DESCRIPTION, "Reinstall the distribution.", kind="Template")
    return found


def templates(role: str) -> dict[str, str]:
    """Return the template folders of the declared kinds (or tasks, if ``role`` is ``model``)."""
    declared = plugins.load_all().kinds(role)
    return {name: spec.template for name, [(_, spec), *_] in declared.items() if spec.template}


def check_name(name: str, what: str) -> None:
    """Raise InvalidInputError if a name cannot be used for a distribution, package or command."""
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise InvalidInputError(
            f"Invalid {what} '{name}': expected 1 to {LONGEST} lower-case letters, digits and "
            "single - or _, starting with a letter.",
            "Use a short name, for example 'moon-phases'.",
        )
    identifier = dashed(name).replace("-", "_")
    hint = f"Choose another name, for example '{name[: LONGEST - 6].rstrip('-_')}-tools'."
    if keyword.iskeyword(identifier):
        raise InvalidInputError(f"Invalid {what} '{name}': it is a Python keyword.", hint)
    module = find_spec(identifier)
    if module and module.origin:  # A folder without __init__.py has no origin.
        raise InvalidInputError(f"Invalid {what} '{name}': it is an importable module.", hint)


def choose(
    app: str,
    *,
    command: bool = False,
    kinds: Iterable[str] = (),
    sources: Iterable[str] = (),
    models: Iterable[str] = (),
) -> list[Part]:
    """Return the components for the given options, or a command if no option is given.

    ``app`` is the name of the new application, or an empty string.
    """
    found = [Part(TEMPLATES / "command")] if command else []
    if app:
        check_name(app, "application")
        found.append(Part(TEMPLATES / "app", app))
    for kind in dict.fromkeys(kinds):
        check_name(kind, "kind")
        found.append(Part(TEMPLATES / "kind", kind))
    for role, wanted in (("source", sources), ("model", models)):
        known = templates(role)
        for name in dict.fromkeys(wanted):
            if name not in known:
                raise _no_template(role, name, known)
            found.append(Part(folder(known[name]), name))
    return found or [Part(TEMPLATES / "command")]


def _no_template(role: str, name: str, known: Iterable[str]) -> InvalidInputError:
    what = "kind of source" if role == "source" else "task"
    distribution = suggestions.by_kind().get(name, "")
    declared = name in plugins.load_all().kinds(role)
    if distribution and not declared:
        hint = f"pip install {distribution}"
    else:
        hint = f"{similar(name, known)}Available: {', '.join(sorted(known)) or 'none'}."
    problem = "has no template" if declared else "is not declared by an installed plugin"
    return InvalidInputError(f"The {what} '{name}' {problem}.", hint)


def check_names(names: Names, parts: Iterable[Part]) -> None:
    """Raise InvalidInputError if a name is invalid or is already used."""
    check_name(names.name, "name")
    command, registered = dashed(names.name), plugins.load_all()
    if command in RESERVED:
        raise InvalidInputError(
            f"The name '{command}' is reserved for the host.", "Choose another name."
        )
    known = set(suggestions.short_names().values())
    if names.distribution in known or distributions.find(names.distribution):
        raise _used(f"The distribution {names.distribution}")
    if find_spec(names.package):
        raise _used(f"The package {names.package}")
    for plugin in registered.plugins:
        if dashed(plugin.name) == command:
            raise _used(f"The plugin {plugin.name}")
    for part in parts:
        if part.folder == TEMPLATES / "app":
            _expect_new_app(part.value)
        for what, taken in (
            ("command", set(suggestions.by_command(names.app)) | set(registered.commands())),
            ("source kind", registered.kinds("source")),
            ("source", registered.sources(part.value)),
            ("model", registered.models(part.value)),
        ):
            wanted = part.value if what == "source kind" else command
            if what in part.claims and dashed(wanted) in map(dashed, taken):
                raise _used(f"The {what} '{wanted}'")


def _expect_new_app(app: str) -> None:
    """Raise InvalidInputError if a program or an app with the given name exists."""
    if app in suggestions.apps() or entry_points(group=plugins.GROUP + app):
        raise _used(f"The application '{app}'")
    if program := shutil.which(app):
        raise _used(f"The program '{app}' ({program})")


def _used(what: str) -> InvalidInputError:
    return InvalidInputError(f"{what} already exists.", "Choose another name.")


def create(names: Names, parts: Iterable[Part], target: Path, author: str = "") -> list[Path]:
    """Write a new distribution to the folder ``target``, and return the relative file paths.

    The files are written to a temporary folder, which is renamed at the end.
    """
    if target.exists() or target.is_symlink():
        raise InvalidInputError(
            f"{target} already exists.", "Choose another folder with --output, or another name."
        )
    if not target.parent.is_dir():
        raise not_found(target.parent, "Create the folder first.", kind="Folder", exit_code=2)
    files = contents(names, list(parts), author)
    with temporary.folder(target) as part:
        for path, text in files.items():
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            (part / path).write_text(text, "utf-8")
        part.rename(target)
    return sorted(files)


def contents(names: Names, parts: list[Part], author: str) -> dict[Path, str]:
    """Return the contents of all files of a distribution, keyed by relative path."""
    found: dict[Path, str] = {}
    values = names.values() | _project(names, parts, author)
    found.update(_rendered(TEMPLATES / "base", values))
    for module in dict.fromkeys(part.module for part in parts):
        source = Path("src", names.package, f"{module}.py")
        own = [part for part in parts if part.module == module]
        found[source] = _render(TEMPLATES / "hooks.py.tmpl", _hooks(names, own))
        test = Path("tests", f"test_{module}.py")
        found[test] = _render(TEMPLATES / "contract.py.tmpl", values | {"module": module})
    for part in parts:
        for path in part.folders():
            found.update(_rendered(path, part.values(names)))
    return found


def _rendered(folder: Path, values: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield the relative path and the content of each file in a template folder."""
    for file in sorted(folder.rglob(f"*{EXTENSION}")):
        path = Template(file.relative_to(folder).as_posix().removesuffix(EXTENSION))
        words = path.substitute(values).split("/")
        hidden = [f".{w.removeprefix('dot-')}" if w.startswith("dot-") else w for w in words]
        yield Path(*hidden), _render(file, values)


def _render(file: Path, values: Mapping[str, str]) -> str:
    try:
        text = Template(file.read_text("utf-8")).substitute(values)
        return f"{text.rstrip()}\n" if text else ""
    except (OSError, ValueError, KeyError) as error:
        raise AstrodomeError(f"Cannot use the template {file}: {error}.") from error


def _hooks(names: Names, parts: list[Part]) -> dict[str, str]:
    """Return the values of the placeholders in the module with the hooks."""
    found: dict[str, list[str]] = {}
    for part in parts:
        for entry in part.about["objects"]:
            text = Template(entry["register"]).substitute(part.values(names))
            found.setdefault(entry["spec"], []).append(text)
    hooks = {name: spec.__name__ for name, spec in plugins.HOOKS.items() if spec.__name__ in found}
    return {
        "imports": ", ".join(sorted(found)),
        "api": repr(API_VERSION),
        "hooks": "".join(
            HOOK.format(
                hook=hook,
                spec=spec,
                what=hook.removeprefix("register_"),
                yields="".join(found[spec]).rstrip("\n") + "\n",
            )
            for hook, spec in hooks.items()
        ).rstrip("\n"),
    }


def _project(names: Names, parts: list[Part], author: str) -> dict[str, str]:
    """Return the values of the placeholders in ``pyproject.toml``, the README and the licence."""
    holder, address = parseaddr(author) if "@" in author else (author, "")
    holder = holder or f"The {names.distribution} developers"
    person = {"name": holder} | ({"email": address} if address else {})
    apps = list(dict.fromkeys(app for part in parts for app in part.apps(names)))
    needed = ["astrodome>=0.1", *_collected(parts, "dependencies")]
    needed += [line for app in apps if (line := scripts.requirement(app))]
    untyped = _collected(parts, "untyped")
    override = f"\n[[tool.mypy.overrides]]\nmodule = {json.dumps(untyped)}\n"
    rows, usage = [], ""
    checks = [f"{app} plugins doctor {names.distribution}" for app in apps]
    for part in parts:
        values = part.values(names)
        for entry in part.about["objects"]:
            row = "| {part} | `{name}` | {about} |\n".format(**entry)
            rows.append(Template(row).substitute(values))
        usage += Template(part.about.get("usage", "")).substitute(values)
    return {
        "description": f"Plugin {names.name} for astrodome",
        "author": f"{{ {', '.join(f'{k} = {_quoted(v)}' for k, v in person.items())} }}",
        "holder": holder,
        "year": str(datetime.now(UTC).year),
        "dependencies": _lines(needed),
        "dev": _lines([*DEV, *_collected(parts, "dev")]),
        "entry_points": _entry_points(names, parts),
        "untyped": f"{override}ignore_missing_imports = true\n".lstrip() if untyped else "",
        "parts": "".join(rows),
        "usage": usage,
        "installed": " ".join([names.distribution, *_collected(parts, "installed")]),
        "doctor": "".join(f"$ {line}\n" for line in checks),
        "doctor_steps": "\n".join(f"      - run: {line}" for line in checks),
    }


def _collected(parts: list[Part], key: str) -> list[str]:
    return sorted({line for part in parts for line in part.about.get(key, ())})


def _lines(items: Iterable[str]) -> str:
    return "".join(f"  {_quoted(item)},\n" for item in sorted(set(items)))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _entry_points(names: Names, parts: list[Part]) -> str:
    """Return the tables of ``pyproject.toml`` with the scripts and the entry points."""
    scripts = sorted({part.value for part in parts if part.module == "app"})
    text = ""
    if scripts:
        lines = "".join(f'{script} = "astrodome.start:run"\n' for script in scripts)
        text += f"\n[project.scripts]\n{lines}"
    groups: dict[str, list[str]] = {}
    for part in parts:
        for app in part.apps(names):
            groups.setdefault(app, []).append(part.module)
    for app, modules in groups.items():
        text += f'\n[project.entry-points."astrodome.{app}"]\n'
        for module in dict.fromkeys(modules):
            name = dashed(names.name) if module == "plugin" else app
            text += f'{name} = "{names.package}.{module}"\n'
    return text
