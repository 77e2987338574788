"""Settings of external services. Reading them makes no network request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from astrodome import AstrodomeError, settings
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from .schema import Section

Settings = TypeVar("Settings", bound="ServiceSettings")
SECRETS = Path("secrets.json")
"""SCoPe's file with tokens and passwords, in the current directory."""

Protocol = Literal["https", "http"]
Port = Annotated[int, Field(ge=1, le=65535)]


class ServiceSettings(Section):
    """Address of a service, as ``url`` or as SCoPe's separate parts, and its token."""

    protocol: Protocol = "https"
    host: str = ""
    port: Port = 443
    url: str = Field(default="", validate_default=True)
    token: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _from_parts(cls, url: str, info: ValidationInfo) -> str:
        """Return the URL; if it is empty, build it from protocol, host and port."""
        if url or not {"protocol", "host", "port"} <= info.data.keys():
            return url.rstrip("/")
        standard = {"https": 443, "http": 80}[info.data["protocol"]]
        port = "" if info.data["port"] == standard else f":{info.data['port']}"
        return f"{info.data['protocol']}://{info.data['host']}{port}"


class KowalskiCollections(Section):
    """Names of the collections in Kowalski."""

    gaia: str = "Gaia_EDR3"
    sources: str = "ZTF_sources_20240117"
    features: str = "ZTF_source_features_DR16"
    classifications: str = "ZTF_source_classifications_DR16"
    alerts: str = "ZTF_alerts"


class KowalskiInstance(Section):
    """One of several Kowalski instances; missing keys are taken from the section ``kowalski``."""

    protocol: Protocol | None = None
    host: str | None = None
    port: Port | None = None
    token: SecretStr | None = None
    timeout: float | None = Field(default=None, gt=0)


class KowalskiSettings(ServiceSettings):
    """Section ``kowalski``; ``timeout`` is in seconds, ``max_timestamp_hjd`` in days."""

    host: str = "kowalski.caltech.edu"
    hosts: dict[str, KowalskiInstance | None] = Field(default_factory=dict)
    alt_token: SecretStr | None = None
    timeout: float = Field(default=300, gt=0)
    collections: KowalskiCollections = KowalskiCollections()
    max_timestamp_hjd: float | None = 2459951.5


class FritzSettings(ServiceSettings):
    """Section ``fritz``; ``rate`` is in requests per second, all other numbers in seconds.

    ``timeout`` is the maximum time for a response, ``sleep_time`` the maximum pause before a
    request is repeated. ``settle`` is the maximum time that the server may still process a
    request after the connection was lost.
    """

    host: str = "fritz.science"
    rate: float | None = Field(default=None, gt=0)
    max_attempts: int = Field(default=10, ge=1)
    sleep_time: float = Field(default=5, ge=0)
    timeout: float = Field(default=60, gt=0)
    settle: float = Field(default=3, ge=0)


class WandbSettings(Section):
    """Section ``wandb``: the project in Weights & Biases to which runs are logged."""

    entity: str | None = None
    project: str = "scope"
    token: SecretStr | None = None
    sweep_config_dnn: dict[str, Any] = Field(default_factory=dict)


class GcsSettings(Section):
    """Section ``gcs``: the ``bucket`` in Google Cloud Storage with SCoPe's data sets and models.

    ``credentials`` is the path of a JSON file of a service account or of ``gcloud``, ``token`` an
    access token. If both are missing, the credentials of ``gcloud auth application-default
    login`` are used.
    """

    url: str = "https://storage.googleapis.com"
    bucket: str = "ztf-scope"
    project: str = ""
    credentials: str | None = None
    token: SecretStr | None = None


def connection(name: str, model: type[Settings], token: str = "") -> tuple[Settings, str]:
    """Return the settings of a service, and its token.

    The token is ``token`` if it is not empty, otherwise the one from the settings, otherwise the
    one from ``secrets.json``. Raises AstrodomeError if the token was configured for another
    address.
    """
    found = settings.current()
    if not token and not found.section(name, model).token:
        entry = secrets().get(name)
        entry = {"token": entry} if isinstance(entry, str) else entry
        if isinstance(entry, Mapping) and entry.get("token"):
            layers = [(str(SECRETS.resolve()), {name: dict(entry)}), *found.layers]
            found = settings.Settings(layers, found.environ)
    secret = found.credential(name, model, given=token).strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise AstrodomeError(
            f"Invalid token for {name}: it contains spaces, control or non-ASCII characters.",
            "Copy the token again.",
            exit_code=2,
        )
    return found.section(name, model), secret


def secrets(path: Path = SECRETS) -> dict[str, Any]:
    """Return the entries of ``secrets.json`` by service; empty if the file does not exist.

    Raises AstrodomeError, without the content in the message, if it is not a JSON object.
    """
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text("utf-8"))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise AstrodomeError(
            f"{path.resolve()} is not a JSON object.",
            'Expected, for example: {"fritz": {"token": "…"}}.',
        )
    return document


def kowalski() -> KowalskiSettings:
    """Return the section ``kowalski`` of the settings."""
    return settings.section("kowalski", KowalskiSettings)
