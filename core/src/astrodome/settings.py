"""Read settings from the environment, configuration files and defaults.

Environment variables take precedence, followed by the file given with ``--config``,
``./config.yaml``, the per-user configuration file, and the defaults.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from .errors import AstrodomeError, from_os_error, not_found

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)

ENVIRONMENT = "environment"
DEFAULT = "default"
SECRETS = ("token", "password", "secret", "api_key")
ADDRESS = ("url", "host", "hosts", "port", "protocol")


@dataclass
class Options:
    """The global options of the current command line."""

    home: Path | None = None
    config: Path | None = None
    verbose: bool = False
    debug: bool = False


options = Options()


def home() -> Path:
    """Return the data folder: ``--home``, ``ASTRODOME_HOME``, or the default per-user folder."""
    if options.home:
        return options.home
    if given := os.environ.get("ASTRODOME_HOME"):
        return Path(given).expanduser()
    from platformdirs import user_data_path

    return user_data_path("astrodome")


def config_files() -> list[Path]:
    """Return the paths of the configuration files, in order of decreasing priority."""
    from platformdirs import user_config_path

    given = [options.config] if options.config else []
    return [*given, Path("config.yaml").resolve(), user_config_path("astrodome") / "config.yaml"]


DASK = "dask"
"""Name of the settings section for Dask clusters."""


@cache
def dask_settings() -> Any:
    """Return the pydantic model for the section ``dask``."""
    from pydantic import BaseModel, Field

    class DaskSettings(BaseModel):
        """Settings for Dask clusters."""

        worker_timeout: float = Field(
            60.0, gt=0, description="Maximum time to wait for a worker, in seconds."
        )

    return DaskSettings


def section(name: str, model: type[Model]) -> Model:
    """Return a validated section of the settings.

    Parameters
    ----------
    name
        Name of the section.
    model
        Pydantic model with the types and defaults of the keys.

    Raises
    ------
    AstrodomeError
        If a key is unknown or a value is invalid. The message contains the origin of the value, the
        key and the expected type.

    Examples
    --------
    >>> from pydantic import BaseModel
    >>> class Dome(BaseModel):
    ...     speed: float = 2.5
    >>> section("dome", Dome).speed
    2.5
    """
    return current().section(name, model)


@cache
def _read(files: tuple[tuple[Path, int], ...], environ: tuple[tuple[str, str], ...]) -> Settings:
    settings = Settings()
    for path, _ in files:
        settings.add_file(path)
    settings.environ = dict(environ)
    return settings


def current() -> Settings:
    """Return the settings from the configuration files and the environment."""
    if options.config and not options.config.is_file():
        raise not_found(options.config, kind="Configuration file", exit_code=2)
    environ = tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith("ASTRODOME_")))
    files = tuple((path, path.stat().st_mtime_ns) for path in config_files() if path.is_file())
    return _read(files, environ)


@dataclass(repr=False)
class Settings:
    """The values of all settings, and the origin of each value."""

    layers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:  # The values may be secrets.
        return f"Settings(sections={self.sections()})"

    def add_file(self, path: Path) -> None:
        """Add a configuration file. Files that were added earlier take precedence over it."""
        self.layers.append((str(path), read_yaml(path)))

    def sections(self) -> list[str]:
        """Return the names of the sections in the configuration files."""
        return list(dict.fromkeys(name for _, layer in self.layers for name in layer))

    def values(self, name: str) -> dict[str, tuple[Any, str]]:
        """Return a dictionary that maps each key in a section to (value, origin).

        Each value comes from the source with the highest priority.
        """
        found: dict[str, tuple[Any, str]] = {}
        prefix = f"ASTRODOME_{name.upper()}_"
        for variable, text in self.environ.items():
            if variable.startswith(prefix):
                found[variable.removeprefix(prefix).lower()] = (text, f"{ENVIRONMENT} {variable}")
        for origin, layer in self.layers:
            given = layer.get(name) or {}
            if not isinstance(given, Mapping):
                raise AstrodomeError(f"{origin}: '{name}' must be a mapping of keys to values.")
            for key, value in given.items():
                found.setdefault(str(key), (value, origin))
        return found

    def section(self, name: str, model: type[Model]) -> Model:
        """Return a validated section; see :func:`section`."""
        found = self.values(name)
        known = model.model_fields  # Variables for another section may have the same prefix.
        given = {}
        for key, (value, origin) in found.items():
            if not origin.startswith(ENVIRONMENT):
                given[key] = value
            elif key in known:
                given[key] = _from_json(value, known[key].annotation)

        def where(key: str) -> str:
            return found[key][1] if key in found else "settings"

        return validate(model, given, where, name)

    def credential(
        self, name: str, model: type[Model], key: str = "token", *, given: str = ""
    ) -> str:
        """Return a secret if it may be sent to the URL in the section ``name``.

        ``given`` is a secret passed as an argument or option. It may be sent to the default URL,
        or to a URL from an environment variable or the file passed with ``--config``.

        Raises AstrodomeError if the secret and the URL have different origins, or if the URL uses
        unencrypted HTTP and is not on localhost.
        """
        values = self.section(name, model)
        secret = given or getattr(values, key)
        text = str(
            secret.get_secret_value() if hasattr(secret, "get_secret_value") else secret or ""
        )
        if not text:
            return ""
        found = self.values(name)
        origin = "an argument" if given else found[key][1] if key in found else DEFAULT
        own = {ENVIRONMENT, str(options.config)} if given else {_layer(origin)}
        for part in ADDRESS:
            place = found[part][1] if part in found else DEFAULT
            if place == DEFAULT or _layer(place) in own or _usual(found[part][0], model, part):
                continue
            raise AstrodomeError(
                f"The {key} was not sent, because its origin "
                f"({'the defaults' if origin == DEFAULT else origin}) differs from the origin of "
                f"{name}.{part} ({place}).",
                f"Set {name}.{key} and {name}.{part} in the same file, or both with environment "
                "variables.",
            )
        if not safe_for_secrets(str(getattr(values, "url", "") or "")):
            raise AstrodomeError(
                f"The {key} of {name} was not sent, because {name}.url uses unencrypted HTTP.",
                f"Use https in {name}.url.",
            )
        return text


COLLECTIONS = (list, tuple, set, frozenset, dict)
JSON_FAULTS = ("list_type", "tuple_type", "set_type", "frozen_set_type", "dict_type", "model_type")
"""Types of errors for a text that is not a collection."""


def _from_json(text: str, annotation: Any) -> Any:
    """Parse the text of an environment variable as JSON if the type is a collection or a model.

    Return other texts unchanged, because a type can also have its own format for texts.
    """
    if text.lstrip()[:1] not in ("[", "{") or not _is_collection(annotation):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_collection(annotation: Any) -> bool:
    if annotation in COLLECTIONS or get_origin(annotation) in COLLECTIONS:
        return True
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        return True
    choices = get_args(annotation)
    return str not in choices and any(_is_collection(choice) for choice in choices)


def _usual(value: Any, model: type[Model], part: str) -> bool:
    """Return whether a configured value is the same as the default."""
    known = model.model_fields.get(part)
    return known is not None and str(value or "") == str(known.default or "")


def safe_for_secrets(url: str) -> bool:
    """Return whether a secret may be sent to a URL. Plain HTTP is allowed only for localhost."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.scheme != "http" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


def _layer(origin: str) -> str:
    return ENVIRONMENT if origin.startswith(ENVIRONMENT) else origin


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that contains a mapping.

    A value of the form ``{value: …, desc: …}`` is replaced by its ``value``.

    Raises
    ------
    AstrodomeError
        If the file cannot be read, is not valid YAML, or does not contain a mapping.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "run.yaml"
    >>> _ = path.write_text("epochs: {value: 30, desc: Number of epochs}")
    >>> read_yaml(path)
    {'epochs': 30}
    """
    import yaml

    try:
        document = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except OSError as error:
        raise from_os_error(error) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AstrodomeError(
            f"{path} is not valid YAML: {' '.join(str(error).split())}."
        ) from error
    if not isinstance(document, Mapping):
        if document is None:
            return {}
        raise AstrodomeError(
            f"Invalid YAML file {path}: expected a mapping of keys to values, got a "
            f"{type(document).__name__}."
        )
    return {str(key): _plain(value) for key, value in document.items()}


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        if "value" in node and set(node) <= {"value", "desc"}:
            return _plain(node["value"])
        return {str(key): _plain(value) for key, value in node.items()}
    return node


def validate(
    model: type[Model],
    given: Mapping[str, Any],
    where: Callable[[str], str] | str,
    prefix: str = "",
) -> Model:
    """Validate values with a pydantic model. Unknown keys are errors at all levels.

    ``where`` is the origin of all values, or a function that returns the origin of a top-level
    key. An empty string means that the values were passed as arguments or options. Raises
    AstrodomeError with the origin, the key and the reason for each invalid value.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(given, extra="forbid")
    except ValidationError as error:
        faults = error.errors()
    lines, places = [], []
    for fault in faults:
        loc = tuple(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            text = _unknown(loc[-1], _names(model, loc[:-1]))
        else:
            text = f"{fault['msg']}, got {_short(masked('.'.join(loc), fault['input']))}"
        place = where if isinstance(where, str) else where(loc[0] if loc else "")
        if fault["type"] in JSON_FAULTS and place.startswith(ENVIRONMENT):
            example = '{"key": 1}' if fault["type"] in ("dict_type", "model_type") else "[1, 2]"
            text += f" (expected JSON in an environment variable, for example {example})"
        key = ".".join(filter(None, [prefix, *loc]))
        places.append(place)
        lines.append(f"{place}: '{key}': {text}" if place else f"Invalid argument '{key}': {text}")
    text = "\n       ".join(dict.fromkeys(lines))
    raise AstrodomeError(
        text if text.endswith("?") else f"{text}.", exit_code=1 if any(places) else 2
    )


def _names(annotation: Any, loc: tuple[str, ...]) -> list[str]:
    """Return the valid keys at a location in nested models, mappings, lists and unions."""
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        fields = {info.alias or name: info for name, info in annotation.model_fields.items()}
        if not loc:
            return list(fields)
        return _names(fields[loc[0]].annotation, loc[1:]) if loc[0] in fields else []
    rest = loc[1:] if get_origin(annotation) in (dict, list) else loc
    found = (_names(choice, rest) for choice in get_args(annotation))
    return next(filter(None, found), [])


def _unknown(key: str, names: list[str]) -> str:
    if close := difflib.get_close_matches(key, names, 1):
        return f"unknown key; did you mean '{close[0]}'?"
    return f"unknown key; valid keys are {', '.join(names)}" if names else "unknown key"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def masked(key: str, value: Any) -> Any:
    """Return a value for display, in which secrets are replaced with asterisks.

    ``key`` is the name of the setting. A value is a secret if its key contains a word such as
    ``token`` or ``password``. Nested mappings and lists are also masked.

    Examples
    --------
    >>> masked("service", {"token": "abc", "port": 443})
    {'token': '********', 'port': 443}
    """
    if isinstance(value, Mapping):
        return {k: masked(str(k), v) for k, v in value.items()}
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
        return "********" if value else value
    if isinstance(value, Enum):
        value = value.value
    if value and any(word in key.lower() for word in SECRETS):
        return "********"
    return [masked("", v) for v in value] if isinstance(value, list) else value
