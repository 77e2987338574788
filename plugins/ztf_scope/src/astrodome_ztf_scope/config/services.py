"""Settings for external services. Reading the settings does not send any request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from astrodome import AstrodomeError, InvalidInputError, settings
from pydantic import Field, SecretStr, ValidationInfo, field_validator

from .schema import ScopeSection

Settings = TypeVar("Settings", bound="ServiceSettings")
SECRETS = Path("secrets.json")
"""File in the current directory in which SCoPe stores tokens and passwords."""

Protocol = Literal["https", "http"]
Port = Annotated[int, Field(ge=1, le=65535)]


class ServiceSettings(ScopeSection):
    """URL and token of a service.

    SCoPe configuration files specify the URL as protocol, host and port.
    """

    protocol: Protocol = "https"
    """Protocol of the URL. Not used if url is set."""
    host: str = ""
    """Host name in the URL. Not used if url is set."""
    port: Port = 443
    """Port in the URL. Not used if url is set."""
    url: str = Field(default="", validate_default=True)
    """Base URL of the service. If empty, it is built from protocol, host and port."""
    token: SecretStr | None = None
    """Access token. By default, the token in secrets.json is used."""

    @field_validator("url")
    @classmethod
    def _from_parts(cls, url: str, info: ValidationInfo) -> str:
        """Return the URL, or build it from the protocol, host and port if it is empty."""
        if url or not {"protocol", "host", "port"} <= info.data.keys():
            return url.rstrip("/")
        standard = {"https": 443, "http": 80}[info.data["protocol"]]
        port = "" if info.data["port"] == standard else f":{info.data['port']}"
        return f"{info.data['protocol']}://{info.data['host']}{port}"


class KowalskiCollections(ScopeSection):
    """Names of the Kowalski collections."""

    gaia: str = "Gaia_EDR3"
    """Name of the collection with Gaia sources."""
    sources: str = "ZTF_sources_20240117"
    """Name of the collection with light curves."""
    features: str = "ZTF_source_features_DR16"
    """Name of the collection with features."""
    classifications: str = "ZTF_source_classifications_DR16"
    """Name of the collection with scores."""
    alerts: str = "ZTF_alerts"
    """Name of the collection with ZTF alerts."""
    allwise: str = "AllWISE"
    """Name of the collection with AllWISE sources."""
    ps1: str = "PS1_DR1"
    """Name of the collection with Pan-STARRS 1 objects."""


class KowalskiInstance(ScopeSection):
    """A Kowalski instance. The default host is ``<name>.caltech.edu``."""

    protocol: Protocol | None = None
    host: str | None = None
    port: Port | None = None
    token: SecretStr | None = None
    timeout: float | None = Field(default=None, gt=0)


class KowalskiSettings(ServiceSettings):
    """Section ``kowalski``: connection to the catalogue service Kowalski."""

    host: str = "kowalski.caltech.edu"
    """Host name in the URL. Not used if url is set."""
    hosts: dict[str, KowalskiInstance | None] = Field(default_factory=dict)
    """Additional Kowalski instances by name. Each instance can have the keys protocol, host, port
    and token. The default host is NAME.caltech.edu."""
    alt_token: SecretStr | None = None
    """Accepted for compatibility, but has no effect."""
    timeout: float = Field(default=300, gt=0)
    """Maximum time to wait for a response, in seconds."""
    collections: KowalskiCollections = KowalskiCollections()
    max_timestamp_hjd: float | None = 2459951.5
    """Maximum heliocentric Julian date of uploaded photometry, in days; null means no limit."""


class FritzSettings(ServiceSettings):
    """Section ``fritz``: connection to the marshal Fritz."""

    host: str = "fritz.science"
    """Host name in the URL. Not used if url is set."""
    rate: float | None = Field(default=None, gt=0)
    """Maximum number of requests per second; null means no limit."""
    max_attempts: int = Field(default=10, ge=1)
    """Maximum number of attempts for each request."""
    sleep_time: float = Field(default=5, ge=0)
    """Maximum delay before a request is retried, in seconds."""
    timeout: float = Field(default=60, gt=0)
    """Maximum time to wait for a response, in seconds."""
    settle: float = Field(default=3, ge=0)
    """Maximum time for which the server may continue to process a request after the connection is
    lost, in seconds."""


class WandbSettings(ScopeSection):
    """Section ``wandb``: the Weights & Biases project to which runs are logged."""

    entity: str | None = None
    """Team or user account to which runs are logged. If null, the default entity of the account is
    used."""
    project: str = "scope"
    """Project to which runs are logged."""
    token: SecretStr | None = None
    """API key for Weights & Biases. By default, the key stored by wandb login is used."""
    sweep_config_dnn: dict[str, Any] = Field(default_factory=dict)
    """Accepted for compatibility, but has no effect: sweeps are not supported."""


class GcsSettings(ScopeSection):
    """Section ``gcs``: access to the bucket with SCoPe data sets and models."""

    url: str = "https://storage.googleapis.com"
    """URL of the Google Cloud Storage API."""
    bucket: str = "ztf-scope"
    """Name of the Google Cloud Storage bucket with SCoPe data sets and models."""
    project: str = ""
    """Google Cloud project. If empty, the default project is used."""
    credentials: str | None = None
    """Path of a JSON file with credentials, either for a service account or written by gcloud."""
    token: SecretStr | None = None
    """Access token. If token and credentials are both missing, the credentials from
    gcloud auth application-default login are used."""


def connection(name: str, model: type[Settings], token: str = "") -> tuple[Settings, str]:
    """Return the settings for a service, and the token to use.

    The argument ``token`` takes precedence over the token in the settings, which takes precedence
    over the token in ``secrets.json``. Raises AstrodomeError if the token was configured for
    another URL.
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
        raise InvalidInputError(
            f"Invalid token for {name}: it contains spaces, control or non-ASCII characters.",
            "Copy the token again.",
        )
    return found.section(name, model), secret


def secrets(path: Path = SECRETS) -> dict[str, Any]:
    """Return the entries in ``secrets.json``, keyed by service.

    The result is empty if the file does not exist. Raises AstrodomeError if the content is not a
    JSON object; the error message does not include the content, because it may be secret.
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
    """Return the settings in the section ``kowalski``."""
    return settings.section("kowalski", KowalskiSettings)
