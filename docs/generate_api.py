"""Write ``plugins/api.md``, the reference of the public interface for authors of plugins."""

from __future__ import annotations

import ast
import doctest
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import astrodome
from astrodome import AstrodomeError, hookspecs, plugins

DOCS = Path(__file__).parent
TARGET = DOCS / "plugins" / "api.md"
EXAMPLES = DOCS / "plugins" / "examples.txt"
"""Examples for names whose docstrings contain none, each below a line ``== NAME``."""
GUIDE = DOCS / "plugins.md"
INTRODUCTION = """\
# API reference for authors of plugins

All names of the public interface, with an example for each of them; `make docs` generates this
page from the code, and the tests run the examples. The [author's guide](../plugins.md) explains
how the names are used together.
"""
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}$", re.MULTILINE)


@dataclass(frozen=True)
class Name:
    """A public name: the heading, the object, and the docstring."""

    label: str
    value: Any
    text: str

    @property
    def example(self) -> str:
        """Return the example in the docstring, or the one in the file of examples."""
        found = "\n".join(
            textwrap.dedent(" " * one.indent + f">>> {one.source}").rstrip().replace("\n", "\n... ")
            + (f"\n{one.want.rstrip()}" if one.want else "")
            for one in doctest.DocTestParser().get_examples(self.text)
        )
        return found or examples().get(self.label, "").strip()


def examples() -> dict[str, str]:
    """Return the examples in the file, keyed by name."""
    parts = re.split(r"^== (\S+)\n", EXAMPLES.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def members() -> dict[str, list[str]]:
    """Return the public members of each public module, from the table in the author's guide."""
    about = GUIDE.read_text("utf-8").partition("\n## The public interface\n")[2]
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", about, re.MULTILINE)
    found = {}
    for module, text in rows:
        names = re.findall(r"`(\w+)`", text)
        if isinstance(getattr(astrodome, module, None), ModuleType):
            found[module] = list(dict.fromkeys(names))
    return found


def names() -> dict[str, list[Name]]:
    """Return the public names, keyed by the heading of their group."""
    found: dict[str, list[Name]] = {"Specs, hooks and errors": []}
    for label in astrodome.__all__:
        value = getattr(astrodome, label)
        if not isinstance(value, ModuleType):
            owner = hookspecs if hasattr(hookspecs, label) else astrodome
            found["Specs, hooks and errors"].append(Name(label, value, text_of(owner, label)))
    for label in plugins.HOOKS:
        hook = getattr(hookspecs, label)
        found["Specs, hooks and errors"].append(Name(label, hook, inspect.getdoc(hook) or ""))
    listed = members()
    modules = [n for n in astrodome.__all__ if isinstance(getattr(astrodome, n), ModuleType)]
    if missing := sorted(set(modules) - set(listed)):
        raise AstrodomeError(f"Not in the table of the public interface: {', '.join(missing)}.")
    for module in modules:
        owner = getattr(astrodome, module)
        found[f"astrodome.{module}"] = [
            Name(f"{module}.{label}", getattr(owner, label), text_of(owner, label))
            for label in listed[module]
            if hasattr(owner, label)
        ]
    return found


def text_of(module: ModuleType, label: str) -> str:
    """Return the docstring of a function or class, or the string below a constant."""
    value = getattr(module, label)
    if inspect.isclass(value) or inspect.isroutine(value):
        return inspect.getdoc(value) or ""
    body = ast.parse(inspect.getsource(module)).body
    for node, after in itertools.pairwise(body):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if any(getattr(target, "id", "") == label for target in targets):
            constant = getattr(getattr(after, "value", None), "value", "")
            return inspect.cleandoc(constant) if isinstance(constant, str) else ""
    return ""


def page() -> str:
    """Return the text of the reference."""
    parts = [INTRODUCTION]
    for heading, found in names().items():
        parts.append(f"## {heading}\n")
        if heading.startswith("astrodome."):
            module = getattr(astrodome, heading.partition(".")[2])
            parts.append(rendered((inspect.getdoc(module) or "").split("\n\n")[0]))
        parts += [entry(name) for name in found]
    return "\n".join(parts)


def entry(name: Name) -> str:
    """Return the section of a public name: signature, description, members and example."""
    lines = [f"### {name.label}\n"]
    if signature := signature_of(name.label, name.value):
        lines.append(f"```python\n{signature}\n```\n")
    lines.append(rendered(name.text))
    if inspect.isclass(name.value):
        lines += list(methods(name.value))
    if name.example:
        lines.append(f"Example:\n\n```pycon\n{name.example}\n```\n")
    return "\n".join(lines)


def signature_of(label: str, value: Any) -> str:
    """Return the call of a function or class with its parameters, or an empty string."""
    if not callable(value) or not (inspect.isclass(value) or inspect.isroutine(value)):
        return ""
    try:
        signature = inspect.signature(value)
    except ValueError:  # a class that is implemented in C
        return ""
    if inspect.isclass(value):
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    text = re.sub(r"(: |-> )(['\"])(.*?)\2(?=[,)=]| =|$)", r"\1\3", str(signature))
    if len(label) + len(text) > 96 and signature.parameters:
        listed = [re.sub(r": (['\"])(.*)\1", r": \2", str(p)) for p in parameters(signature)]
        returned = text.rpartition(" -> ")[2] if " -> " in text else ""
        joined = "".join(f"    {parameter},\n" for parameter in listed)
        text = f"(\n{joined})" + (f" -> {returned}" if returned else "")
    text = re.sub(r"<class '(?:[\w.]+\.)?(\w+)'>", r"\1", text)
    return label + text.replace("<factory>", "...")


def parameters(signature: inspect.Signature) -> Iterator[str]:
    """Yield the parameters of a signature as text, with ``*`` before keyword-only parameters."""
    keyword = False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            keyword = True
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY and not keyword:
            keyword = True
            yield "*"
        quoted = isinstance(parameter.annotation, str)
        default = parameter.default
        text = str(parameter.replace(annotation=inspect.Parameter.empty, default=inspect._empty))
        if parameter.annotation is not inspect.Parameter.empty:
            kind = parameter.annotation
            text += f": {kind if quoted else inspect.formatannotation(kind)}"
        yield text if default is inspect.Parameter.empty else f"{text} = {default!r}"


def methods(value: type) -> Iterator[str]:
    """Yield a line for each public method and property that the class itself defines."""
    lines = []
    for label, member in vars(value).items():
        if label.startswith("_"):
            continue
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        about = inspect.getdoc(function.fget if isinstance(member, property) else function) or ""
        shown = label
        if inspect.isfunction(function):
            shown = f"{label}({', '.join(list(inspect.signature(function).parameters)[1:])})"
        if (inspect.isfunction(function) or isinstance(member, property)) and about:
            lines.append(f"- `{shown}`: {inline(about.split(chr(10) * 2)[0])}")
    if lines:
        yield "\n".join([*lines, ""])


def rendered(text: str) -> str:
    """Return a numpydoc docstring as Markdown, without its examples."""
    pieces = SECTION.split(text)
    out = [paragraphs(pieces[0])]
    for title, body in zip(pieces[1::2], pieces[2::2], strict=True):
        if title not in ("Examples", "Example"):
            out.append(f"{title}:\n\n{items(body)}")
    return "\n".join(part for part in out if part.strip())


def paragraphs(text: str) -> str:
    """Return paragraphs as Markdown. Examples without a heading are omitted."""
    found = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.lstrip().startswith(">>>") or not block.strip():
            continue
        code = block.startswith("    ")
        found.append(f"```python\n{textwrap.dedent(block)}\n```" if code else inline(block))
    return "\n\n".join(found) + "\n" if found else ""


def items(body: str) -> str:
    """Return the entries of a numpydoc section as a list."""
    lines = []
    for entry_text in re.findall(r"^(\S.*)\n((?:[ \t]+.*\n?|\n)*)", body.strip("\n") + "\n", re.M):
        head, about = entry_text
        label, _, kind = head.partition(" : ")
        shown = f"`{label}`" + (f" ({inline(kind)})" if kind else "")
        lines.append(f"- {shown}: {inline(textwrap.dedent(about))}".rstrip(": "))
    return "\n".join(lines) + "\n"


def inline(text: str) -> str:
    """Return text on one line, with the markup of reStructuredText replaced by Markdown."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`").replace("::", ":")


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
