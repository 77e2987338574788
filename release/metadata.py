"""Generate the metadata that is the same everywhere: addresses, authors and the version.

The version is ``__version__`` of the host, and the addresses are in ``[tool.astrodome]`` of the
``pyproject.toml`` at the root. All other places are generated from them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from .project import HOST, ROOT, Distribution, distributions, find, shared, urls

AUTHOR = "The astrodome developers"
CITATION = ROOT / "CITATION.cff"
CODEMETA = ROOT / "codemeta.json"
PYTHONS = ("3.11", "3.12", "3.13")


def files(version: str, date: str = "") -> dict[Path, str]:
    """Return the expected text of every file with generated metadata, keyed by path.

    Parameters
    ----------
    version : str
        Version of all distributions.
    date : str
        Date of the release (YYYY-MM-DD). If empty, the date in ``CITATION.cff`` is not changed.
    """
    made = {CITATION: _citation(version, date), CODEMETA: _codemeta(version)}
    for one in distributions():
        made[one.folder / "pyproject.toml"] = _pyproject(one, version)
        made[one.folder / "README.md"] = _readme(one)
        old, new = (f'__version__ = "{each}"' for each in (one.version, version))
        made[one.init] = one.init.read_text("utf-8").replace(old, new)
    return made


def _pyproject(one: Distribution, version: str) -> str:
    text = (one.folder / "pyproject.toml").read_text("utf-8")
    contact = f'[{{ name = "{AUTHOR}", email = "{shared()["contact"]}" }}]'
    text = re.sub(r"^authors = .*$", f"authors = {contact}", text, count=1, flags=re.M)
    text = re.sub(r"^maintainers = .*$", f"maintainers = {contact}", text, count=1, flags=re.M)
    for name in one.siblings:
        text = re.sub(
            rf'^(  "{re.escape(name)}(?:\[[\w,]+\])?)>=[^",;]+',
            rf"\g<1>>={version}",
            text,
            flags=re.M,
        )
    table = "".join(f'{name} = "{url}"\n' for name, url in urls().items())
    return re.sub(
        r"^\[project\.urls\]\n(?:\w+ = .*\n)*",
        f"[project.urls]\n{table}",
        text,
        count=1,
        flags=re.M,
    )


def _readme(one: Distribution) -> str:
    """Return the description of a distribution with absolute links to files of the repository.

    The Python Package Index shows the text without the other files.
    """
    text = (one.folder / "README.md").read_text("utf-8")
    target = f"]({shared()['repository']}/blob/main/"
    if former := one.project.get("urls", {}).get("Source"):
        text = text.replace(f"]({former}/blob/main/", target)
    return text.replace("](../../", target)


def _citation(version: str, date: str) -> str:
    text = CITATION.read_text("utf-8")
    text = re.sub(r"^version: .*$", f"version: {version}", text, flags=re.M)
    text = re.sub(
        r"^repository-code: .*$", f"repository-code: {shared()['repository']}", text, flags=re.M
    )
    text = re.sub(r"^url: .*$", f"url: {shared()['documentation']}", text, flags=re.M)
    if date:
        text = re.sub(r"^date-released: .*\n", "", text, flags=re.M)
        text = re.sub(r"^(version: .*\n)", rf"\g<1>date-released: {date}\n", text, flags=re.M)
    return text


def _codemeta(version: str) -> str:
    """Return the project's description in the CodeMeta vocabulary, version 3.0."""
    project, address = find(HOST).project, urls()
    organization = {"@type": "Organization", "name": AUTHOR, "email": shared()["contact"]}
    keywords = dict.fromkeys(word for one in distributions() for word in one.project["keywords"])
    document = {
        "@context": "https://w3id.org/codemeta/3.0",
        "@type": "SoftwareSourceCode",
        "name": HOST,
        "description": project["description"],
        "version": version,
        "license": f"https://spdx.org/licenses/{project['license']}",
        "codeRepository": address["Source"],
        "issueTracker": address["Issues"],
        "softwareHelp": {"@type": "WebPage", "url": address["Documentation"]},
        "url": address["Homepage"],
        "releaseNotes": address["Changelog"],
        "readme": f"{address['Source']}/blob/main/README.md",
        "developmentStatus": "active",
        "operatingSystem": ["Linux", "macOS"],
        "programmingLanguage": {"@type": "ComputerLanguage", "name": "Python"},
        "runtimePlatform": [f"Python {number}" for number in PYTHONS],
        "softwareRequirements": [f"Python {project['requires-python']}"],
        "applicationCategory": "Astronomy",
        "keywords": list(keywords),
        "author": [organization],
        "maintainer": [organization],
        "hasPart": [
            {
                "@type": "SoftwareSourceCode",
                "name": one.name,
                "description": one.project["description"],
                "version": version,
            }
            for one in distributions()
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def check(_output: Path) -> list[str]:
    """Check that the version, the addresses and the authors are the same everywhere."""
    version = find(HOST).version
    wrong = [
        f"{path.relative_to(ROOT)} is not up to date (run: python -m release update)"
        for path, text in files(version).items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    for one in distributions():
        wrong += [f"{one.name}: {text}" for text in _missing(one)]
    return wrong


def _missing(one: Distribution) -> list[str]:
    """Return the metadata that a distribution lacks, which no tool can generate."""
    project, found = one.project, []
    if project.get("dynamic") != ["version"] or "version" in project:
        found.append('expected dynamic = ["version"], because __version__ is the version')
    if project.get("urls") != urls():
        found.append("expected the table [project.urls]")
    wanted = [
        "Development Status ::",
        "Intended Audience ::",
        "Operating System ::",
        "Topic ::",
        "Typing :: Typed",
        *(f"Programming Language :: Python :: {number}" for number in PYTHONS),
    ]
    for start in wanted:
        if not any(line.startswith(start) for line in project["classifiers"]):
            found.append(f"missing classifier '{start}'")
    for key in ("authors", "maintainers", "keywords", "readme", "license"):
        if not project.get(key):
            found.append(f"missing '{key}' in [project]")
    return found
