"""The commands ``scope taxonomy post`` and ``scope taxonomy show``."""

from __future__ import annotations

import typer
from astrodome import InvalidInputError, console, outputs
from astrodome.option_groups import expand, option

from . import documents
from .manual_syntax import ManualCommand
from .options import DryRun, GroupIds, Json, MarshalOptions, NewMarshalOptions

app = typer.Typer(
    help="Post a taxonomy to a marshal, or show the existing taxonomies.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("post", cls=ManualCommand)
@expand
@outputs.declare(documents.PostedTaxonomyDocument)
def post_taxonomy(
    taxonomy: str = option(
        "config", "YAML file in the tdtax format, or 'config' for the configured taxonomy."
    ),
    group_ids: GroupIds = None,
    name: str = option("Scope Phenomenological Taxonomy", "Name of the taxonomy."),
    version: str = option("1.0.0", "Version of the taxonomy."),
    provenance: str = option("github", "Provenance of the taxonomy, for example its URL."),
    dry_run: DryRun = False,
    as_json: Json = False,
    *,
    service: NewMarshalOptions,
) -> None:
    """Post a taxonomy to a marshal, unless one with the same name and version already exists."""
    from ..marshal import checks, taxonomies
    from ..marshal.idempotent_writes import open_writer

    tree = taxonomies.read(taxonomy)
    marshal = service.create(group_ids or (), dry_run=dry_run)
    checks.check_groups(marshal, group_ids or ())
    with open_writer(marshal, dry_run=dry_run, notify=console.note) as writer:
        posted = taxonomies.post(marshal, writer, tree, name, version, provenance, group_ids or ())
    about = {
        "id": posted["id"] if posted else None,
        "name": name,
        "version": version,
        "classes": sum(1 for _ in taxonomies.class_paths(tree)),
        "posted": bool(writer.requests) and not dry_run,
    }
    console.show_one(about, as_json=as_json)


@app.command("show", cls=ManualCommand)
@expand
@outputs.declare(list[documents.TaxonomyRow] | documents.TaxonomyDocument, reads_only=True)
def show_taxonomies(
    number: int | None = typer.Argument(
        None,
        metavar="[ID]",
        help="Id of the taxonomy whose classes are listed. By default, all taxonomies are listed.",
    ),
    as_json: Json = False,
    *,
    service: MarshalOptions,
) -> None:
    """List the taxonomies on a marshal, or the classes in one taxonomy."""
    from ..marshal.taxonomies import class_paths

    found = service.open().taxonomies()
    if number is None:
        keys = ("id", "name", "version", "provenance")
        rows = (
            {
                **{key: one.get(key) for key in keys},
                "classes": sum(1 for _ in class_paths(one["hierarchy"])),
            }
            for one in found
        )
        console.show(rows, as_json=as_json)
        return
    chosen = next((one for one in found if one["id"] == number), None)
    if chosen is None:
        raise InvalidInputError(
            f"Taxonomy {number} not found on the marshal.",
            "To list all taxonomies: scope taxonomy show",
        )
    if as_json:
        console.show_json(chosen)
        return
    for path in class_paths(chosen["hierarchy"]):
        print(f"{'  ' * (len(path) - 1)}{path[-1]}")
