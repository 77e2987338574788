"""Write ``plugins/misbehaviour.md`` from the data of ``tests/core/test_misbehaviours.py``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "plugins" / "misbehaviour.md"
TESTS = Path(__file__).parents[1] / "tests"
INTRODUCTION = """\
# Misbehaviour of plugins

What the host does if a plugin misbehaves, and where the misbehaviour is reported. `make docs`
generates this page from the data of the [test](../../tests/core/test_misbehaviours.py) that runs
each of the {count} plugins. The command of another plugin works in all cases, unless the table
states the contrary.

The columns contain a part of the message in `plugins list`, in `plugins doctor`, and in the
failures of the conformance tests (`PluginContract` and the contract classes for commands, models
and sources). "–" means that the misbehaviour is not reported there.

"Not contained" means that Python cannot prevent it, because a plugin runs in the process of the
host. If the process ends or blocks during the import, disable the plugin with
`plugins disable NAME` or set `ASTRODOME_PLUGINS`; neither imports the plugin. `plugins install`
starts the apps in a separate process, and rolls back the installation if they do not start.
"""
BY = {"listed": "`list`", "doctor": "`doctor`", "kit": "conformance tests"}


def page() -> str:
    """Return the text of the page."""
    sys.path.insert(0, str(TESTS))
    try:
        from core.misbehaviours import ALL, GROUPS
    finally:
        sys.path.remove(str(TESTS))
    parts = [INTRODUCTION.format(count=len(ALL))]
    for title, cases in GROUPS.items():
        parts.append("\n".join([f"## {title}\n", *_table(cases), ""]))
    return "\n".join(parts)


def _table(cases: Any) -> Iterator[str]:
    yield f"| the plugin | the host | {' | '.join(BY.values())} |"
    yield "|---|---|---|---|---|"
    for case in cases:
        texts = [_code(case.named(by)) for by in BY]
        if len(set(texts)) == 1 and texts[0] != "–":
            texts[1:] = ["the same", "the same"]
        yield f"| {case.name} | {case.host} | {' | '.join(texts)} |"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else "–"


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
