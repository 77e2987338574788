"""The commands on the pages about solar data print what the pages show."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.transcripts import replay

from docs import solar_services

DOCS = Path(__file__).parents[2] / "docs"
PAGES = (
    "tutorials/images-to-anomalies.md",
    "tutorials/flare-in-three-datasets.md",
    "how-to/ten-years-of-images.md",
    "how-to/air-gapped.md",
    "how-to/own-model.md",
    "migration/sdo-cli.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_on_the_page_print_what_it_shows(page: str, tmp_path: Path) -> None:
    with solar_services.environment() as environment:
        replay(DOCS / page, tmp_path, environment)
