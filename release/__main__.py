"""Command line of the release tools: ``python -m release COMMAND``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import checks, generated, lock
from .project import ROOT, ReleaseError


def main() -> int:
    """Run a command, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    setting = commands.add_parser("set-version", help="Set the version of all distributions.")
    setting.add_argument("version", help="New version, for example 0.2.0.")
    setting.add_argument("--date", default="", help="Date of the release, for CITATION.cff.")
    commands.add_parser("update", help="Write all generated files.")
    commands.add_parser("lock", help="Resolve all requirements, and write pylock.toml.")
    tag = commands.add_parser("tag", help="Compare a Git tag with the version.")
    tag.add_argument("name", help="Name of the tag, for example v0.2.0.")
    check = commands.add_parser("check", help="Run the checks before a release.")
    check.add_argument("names", nargs="*", metavar="NAME", help="Checks to run (default: all).")
    check.add_argument("--output", type=Path, default=ROOT / "dist", help="Folder for the results.")
    commands.add_parser("list", help="List the checks.")
    options = parser.parse_args()
    try:
        if options.command == "set-version":
            generated.set_version(options.version, options.date)
        elif options.command == "update":
            generated.update()
        elif options.command == "lock":
            lock.write()
        elif options.command == "tag":
            generated.check_tag(options.name)
        elif options.command == "list":
            for name, about in checks.summaries().items():
                print(f"{name:14} {about}")
        else:
            return checks.run(options.names, options.output.resolve())
    except ReleaseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
