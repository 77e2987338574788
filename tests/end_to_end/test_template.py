"""The other distributions do not refer to the template for plugin authors."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_host_and_our_plugins_do_not_refer_to_the_template() -> None:
    references = [
        path
        for folder in ("core", "plugins")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".toml")
        and any(name in path.read_text("utf-8") for name in ("astrodome_template", "-template"))
    ]
    assert not references
