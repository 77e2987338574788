"""Bills of materials, known vulnerabilities, and the citation file."""

from __future__ import annotations

import json
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from . import environments, project
from .processes import run
from .project import HOST, ROOT, ReleaseError, distributions, shared

SERVICE = "https://api.osv.dev"


def sbom(output: Path) -> list[str]:
    """Write a bill of materials (CycloneDX) for each application."""
    wrong = []
    for app in sorted({app for one in distributions() for app in one.apps}):
        names = [HOST, *(one.name for one in distributions() if app in one.apps)]
        with tempfile.TemporaryDirectory(prefix="release-") as made:
            prefix, raw = Path(made) / "env", Path(made) / "sbom.json"
            environments.install(prefix, names, output)
            run(
                *("cyclonedx-py", "environment", prefix / "bin" / "python"),
                *("--output-reproducible", "--of", "JSON", "-o", raw),
            )
            document = _public(json.loads(raw.read_text("utf-8")), app)
        path = output / f"sbom-{app}.cdx.json"
        path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")
        listed = {component["name"].lower() for component in document["components"]}
        missing = sorted(set(names) - listed)
        wrong += [f"{path.name}: {name} is not listed" for name in missing]
        unlicensed = [c["name"] for c in document["components"] if not c.get("licenses")]
        print(f"   {path.name}: {len(listed)} components, {len(unlicensed)} without a license")
        if "file:" in path.read_text("utf-8"):
            wrong.append(f"{path.name} contains a local path")
    return wrong


def _public(document: dict[str, Any], app: str) -> dict[str, Any]:
    """Remove addresses of local files, and describe the application as the root component."""
    for component in document["components"]:
        found = component.get("externalReferences", [])
        component["externalReferences"] = [
            each for each in found if not each["url"].startswith("file:")
        ]
        if not component["externalReferences"]:
            del component["externalReferences"]
    document.setdefault("metadata", {})["component"] = {
        "type": "application",
        "name": app,
        "version": project.version(),
        "bom-ref": f"application-{app}",
        "externalReferences": [{"type": "vcs", "url": shared()["repository"]}],
    }
    own = {one.name for one in distributions()}
    refs = [each["bom-ref"] for each in document["components"] if each["name"] in own]
    document["dependencies"].append({"ref": f"application-{app}", "dependsOn": sorted(refs)})
    return document


def audit(_output: Path) -> list[str]:
    """Check the versions in constraints.txt for known vulnerabilities (pip-audit)."""
    if not _is_reachable(SERVICE):
        print(f"   Skipped: the advisory service {SERVICE} cannot be reached.")
        return []
    try:
        run(
            *("pip-audit", "--vulnerability-service", "osv", "--no-deps", "--disable-pip"),
            *("-r", ROOT / "constraints.txt"),
        )
    except ReleaseError as error:
        return [str(error)]
    return []


def _is_reachable(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def citation(_output: Path) -> list[str]:
    """Check CITATION.cff with cffconvert in a separate environment."""
    # cffconvert requires a release of jsonschema that conflicts with the other tools.
    command = ("uv", "tool", "run", "-q", "--from", "cffconvert", "--with", "setuptools<81")
    try:
        run(*command, "cffconvert", "--validate", "-i", ROOT / "CITATION.cff",
            environ=environments.index_settings(), isolated=True)  # fmt: skip
    except ReleaseError as error:
        return [str(error)]
    return []
