"""Look up the views of a subject: sections of HTML reports, and exporters that write files."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from . import errors, plugins, protocols, registry, temporary
from .compute import Outcome
from .errors import AstrodomeError, InvalidInputError
from .hookspecs import ViewSpec
from .registry import Plugin
from .specs import dashed

Failures = list[tuple[str, str]]
"""Tuples (name of a view with its distribution, error message)."""


@dataclass(frozen=True)
class Section:
    """A section of an HTML report.

    ``title`` is plain text, and ``html`` contains the HTML elements below the heading. Text that
    comes from data must be escaped with :func:`html.escape` or by a template library.

    Examples
    --------
    >>> Section("Depths", "<p>The deepest crater is 4 km deep.</p>").title
    'Depths'
    """

    title: str
    html: str


@dataclass(frozen=True)
class WrittenReport:
    """A report that was written, with the files of the exporters and the views that failed.

    ``failed`` contains one tuple (name, error message) for each view that failed.

    Examples
    --------
    >>> written = WrittenReport(Path("report.html"), [], [("depths (moon 1.0)", "No craters.")])
    >>> written.as_dict()["failed"]
    [{'name': 'depths (moon 1.0)', 'reason': 'No craters.'}]
    """

    page: Path
    exports: list[Path]
    failed: Failures

    def as_dict(self) -> dict[str, Any]:
        """Return the paths and the failures as a dictionary that can be converted to JSON.

        The keys ``exports`` and ``failed`` are omitted if they would be empty.
        """
        found: dict[str, Any] = {"report": str(self.page)}
        if self.exports:
            found["exports"] = [str(path) for path in self.exports]
        if self.failed:
            found["failed"] = self.outcome().as_dict()["failed"]
        return found

    def outcome(self) -> Outcome:
        """Return the number of written files and the views that failed."""
        return Outcome(done=1 + len(self.exports), failed=self.failed)


def option(content: str) -> Any:
    """Return a Typer option ``--export`` for choosing exporters, which can be repeated.

    Use the option in the annotation of a parameter of the type ``list[str] | None`` with the
    default ``None``, and pass the value to :func:`targets`.

    Parameters
    ----------
    content
        Noun for the exported data in the help text, for example ``predictions``.

    Examples
    --------
    >>> option("craters").metavar
    'NAME[=FILE]'
    """
    import typer

    return typer.Option(
        "--export",
        metavar="NAME[=FILE]",
        help=f"Exporter that writes the {content} to a file, for example csv (default file: next "
        "to the HTML page). This option can be repeated.",
    )


def specs(subject: str, role: str = "") -> dict[str, ViewSpec]:
    """Return the registered views of a subject, keyed by name, without importing them.

    The views of the plugin that declares the subject come first.

    Parameters
    ----------
    subject
        Name of the subject.
    role
        ``section`` or ``exporter``. By default, the views with both roles are returned.

    Examples
    --------
    >>> specs("craters")
    {}
    """
    found = [owned[0][1] for owned in plugins.current().views(subject).values()]
    return {spec.name: spec for spec in found if role in ("", spec.role)}


def get(subject: str, name: str) -> Any:
    """Return a new instance of a view.

    Parameters
    ----------
    subject
        Name of the subject.
    name
        Name of the view, in which ``_`` and ``-`` are equivalent.

    Raises
    ------
    AstrodomeError
        If the view is unknown, if several plugins registered it, or if a library that it needs is
        not installed.

    Examples
    --------
    >>> get("craters", "depths")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    astrodome.errors.InvalidInputError: View not found: 'depths' for the subject 'craters'.
    """
    found = plugins.current().views(subject)
    plugin, spec = registry.find("view", ("subject", subject), name, found)
    return protocols.load(plugin, spec)()


def sections(subject: str, content: object) -> tuple[list[Section], Failures]:
    """Return the registered sections of a report, and a list of the sections that failed.

    An exception in a view is not raised. A view whose method ``section`` returns None is omitted. A
    section that contains an unclosed element, comment or CDATA block is a failure, because it would
    change the sections below it.

    Parameters
    ----------
    subject
        Name of the subject.
    content
        Object that is passed to the method ``section`` of each view.

    Returns
    -------
    sections : list of Section
        The sections, in the order of :func:`specs`.
    failures : list of tuple
        One tuple (name, error message) for each section that could not be created.

    Examples
    --------
    >>> sections("craters", None)
    ([], [])
    """
    found, failures = [], Failures()
    for name in specs(subject, "section"):
        with _contained(subject, name, failures):
            section = get(subject, name).section(content)
            if section is not None:
                _check(section)
                found.append(section)
    return found, failures


def targets(subject: str, requested: Iterable[str], page: Path) -> dict[Path, str]:
    """Return the names of the requested exporters, keyed by the path of the file to write.

    Parameters
    ----------
    subject
        Name of the subject.
    requested
        Names of exporters, or ``NAME=FILE``. The default file is next to ``page``, with the
        extension of the exporter.
    page
        Path of the report.

    Raises
    ------
    InvalidInputError
        If an exporter is unknown, or if two exporters would write the same file.

    Examples
    --------
    >>> targets("craters", [], Path("report.html"))
    {}
    """
    known = {dashed(name): spec for name, spec in specs(subject, "exporter").items()}
    found: dict[Path, str] = {}
    for text in requested:
        name, equals, file = text.partition("=")
        spec = known.get(dashed(name))
        if spec is None:
            names = [spec.name for spec in known.values()]
            raise InvalidInputError(
                f"Exporter not found: '{name}'.",
                f"{errors.similar(name, names)}Installed exporters: {', '.join(names) or 'none'}.",
            )
        if equals and not file:
            raise InvalidInputError(f"Missing file name in '{text}'.", "Use NAME or NAME=FILE.")
        path = Path(file).expanduser() if file else page.with_suffix(f".{spec.extension}")
        if path == page or found.get(path, spec.name) != spec.name:
            other = "the report" if path == page else f"the exporter '{found[path]}'"
            raise InvalidInputError(
                f"The exporter '{spec.name}' cannot write to {path}, because {other} uses this "
                "file.",
                f"Choose another file: {spec.name}=FILE.",
            )
        found[path] = spec.name
    return found


def export(subject: str, content: object, files: Mapping[Path, str]) -> tuple[list[Path], Failures]:
    """Write files with exporters, and return their paths and a list of the exporters that failed.

    Existing files are replaced atomically. An exception in an exporter is not raised.

    Parameters
    ----------
    subject
        Name of the subject.
    content
        Object that is passed to the method ``export`` of each view.
    files
        Names of exporters, keyed by the path of the file to write, as returned by :func:`targets`.

    Returns
    -------
    paths : list of pathlib.Path
        Paths of the written files.
    failures : list of tuple
        One tuple (name, error message) for each exporter that failed.

    Examples
    --------
    >>> export("craters", None, {})
    ([], [])
    """
    written, failures = [], Failures()
    for path, name in files.items():
        with _contained(subject, name, failures):
            view = get(subject, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.folder(path) as folder:
                view.export(content, folder / path.name)
                if not (folder / path.name).is_file():
                    raise AstrodomeError("The exporter wrote no file.")
                (folder / path.name).replace(path)
            written.append(path)
    return written, failures


@contextlib.contextmanager
def _contained(subject: str, name: str, failures: Failures) -> Iterator[None]:
    """Append an exception of a view to ``failures``, and redirect its standard output."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # A plugin may raise any exception.
        if errors.stops_everything(error):
            raise
        owners = [_owner(plugin) for plugin, _ in plugins.current().views(subject)[dashed(name)]]
        failures.append((f"{name} ({', '.join(owners)})", errors.reason(error)))


def _owner(plugin: Plugin) -> str:
    return f"{plugin.owner} {plugin.version}".rstrip()


def _check(section: Any) -> None:
    """Raise AstrodomeError if the value that a view returned is not a valid section."""
    texts = [getattr(section, name, None) for name in ("title", "html")]
    if not isinstance(section, Section) or not all(isinstance(text, str) for text in texts):
        raise AstrodomeError(
            f"The method section returned an object of type {type(section).__name__}: expected an "
            "astrodome.views.Section that contains two strings."
        )
    elements = _Elements()
    elements.feed(f"{section.html}<{_Elements.END}>")
    if elements.wrong:
        raise AstrodomeError(f"The HTML of the section is invalid: {elements.wrong[0]}.")
    unclosed = elements.unclosed()
    if not elements.complete and not (unclosed and unclosed[-1] in _Elements.RAW):
        raise AstrodomeError(
            "The HTML of the section ends inside a comment, a CDATA block or a tag that is not "
            "closed."
        )
    if unclosed:
        raise AstrodomeError(f"The HTML element <{unclosed[-1]}> is not closed.")


class _Elements(HTMLParser):
    """Parser that finds unclosed elements and comments, and end tags without an element."""

    VOID = frozenset({"area", "br", "col", "embed", "hr", "img", "input", "source", "track", "wbr"})
    OPTIONAL = frozenset({"p", "li", "dt", "dd", "thead", "tbody", "tfoot", "tr", "th", "td"})
    """Elements whose end tag may be omitted."""
    RAW = frozenset({"script", "style", "textarea", "title", "iframe", "noscript", "xmp"})
    """Elements whose content may be parsed as text, up to the end tag."""
    END = "astrodome-end"
    """Element that follows the section. An unclosed comment, for example, would contain it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.complete = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == self.END:
            self.complete = True
        elif tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Ignore an element such as ``<path/>`` in an SVG image."""

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in self.OPTIONAL:
            self.open.pop()
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.wrong.append(f"</{tag}> does not close an open element")

    def unclosed(self) -> list[str]:
        return [tag for tag in self.open if tag not in self.OPTIONAL]
