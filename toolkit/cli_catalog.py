"""``toolkit data`` and ``toolkit features``: what there is, and how it came about."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def add_data(commands: Any) -> None:
    """Add ``toolkit data`` and its commands."""
    data = commands.add_parser("data", help="versions of the data set; its contract")
    actions = data.add_subparsers(title="commands", metavar="COMMAND", required=True)
    accept = actions.add_parser(
        "accept", help="write into the contract what collect proposed (on_violation: widen)"
    )
    accept.set_defaults(command=_accept)
    listed = actions.add_parser("list", help="versions of the data set, as DVC and git recorded them")
    shown = actions.add_parser("show", help="all that is known of one: schema, splits, labels, models")
    shown.add_argument(
        "version", nargs="?", default="workspace", help="id or commit (default: the workspace's)"
    )
    diff = actions.add_parser("diff", help="what differs: schema, rows, values, labels, splits")
    diff.add_argument(
        "versions",
        nargs="*",
        metavar="VERSION",
        help="one or two (default: the last committed one, and the workspace's)",
    )
    diff.add_argument(
        "--html", metavar="FILE", default="", help="write it as one page, with plots, instead of showing it"
    )
    for action, command in ((listed, _data_list), (shown, _data_show), (diff, _data_diff)):
        action.add_argument("--json", action="store_true", help="as JSON")
        action.set_defaults(command=command)


def _data_list(options: argparse.Namespace) -> None:
    import json

    from toolkit.data.version_text import describe_version, show_versions
    from toolkit.data.versions import load_versions
    from toolkit.paths import project_root

    root = project_root()
    versions = load_versions(root)
    if options.json:
        print(json.dumps([describe_version(root, version) for version in versions], indent=2))
    else:
        print(show_versions(root, versions))


def _data_show(options: argparse.Namespace) -> None:
    import json

    from toolkit.data.version_labels import measure_splits
    from toolkit.data.version_text import describe_version, show_version
    from toolkit.data.versions import find_version, load_record, load_versions
    from toolkit.paths import project_root

    root = project_root()
    version = find_version(load_versions(root), options.version, root)
    if options.json:
        details = {
            **describe_version(root, version),
            "hashes": version.hashes,
            "inputs": version.inputs,
            "schema": load_record(root, version, "data/raw/schema.json"),
            "mix": measure_splits(root, version),
        }
        print(json.dumps(details, indent=2))
    else:
        print(show_version(root, version))


def _data_diff(options: argparse.Namespace) -> int:
    import json
    from dataclasses import asdict

    from toolkit.data.version_diff import diff_versions
    from toolkit.data.version_text import show_diff
    from toolkit.data.versions import choose_two, load_versions
    from toolkit.paths import project_root

    root = project_root()
    if len(options.versions) > 2:
        print("toolkit: 'toolkit data diff' compares two versions. Got more.", file=sys.stderr)
        return 2
    if options.html and not options.html.endswith((".html", ".htm")):
        print(f"toolkit: --html must name a file that ends in .html. Got '{options.html}'.", file=sys.stderr)
        return 2
    older, newer = choose_two(load_versions(root), options.versions, root)
    diff = diff_versions(root, older, newer)
    if options.html:
        from pathlib import Path

        from toolkit.views.version_report import write_diff_page

        write_diff_page(Path(options.html), root, diff, older, newer)
        print(f"Wrote {options.html}")
        return 0
    print(json.dumps(asdict(diff), indent=2) if options.json else show_diff(diff, older, newer))
    return 0


def _accept(_: argparse.Namespace) -> None:
    from toolkit.data.accept import accept_changes
    from toolkit.paths import project_root

    name, diff = accept_changes(project_root())
    if not name:
        print(
            "Nothing to accept: no change is proposed. collect.on_violation: widen in params.yaml, and './run dvc "
            "repro collect', propose what the contract would have to say for its table."
        )
        return
    if not diff:
        print(f"Nothing to accept: {name} says already what was proposed.")
        return
    print(diff)
    print(
        f"Changed {name}. Commit it: git add {name} && git commit. collect.on_violation: fail checks against it again."
    )


def add_features(commands: Any) -> None:
    """Add ``toolkit features`` and its commands."""
    features = commands.add_parser("features", help="the features: what they are, and which models use them")
    actions = features.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listed = actions.add_parser("list", help="every feature, the most important first")
    shown = actions.add_parser("show", help="all that is known of one: statistics, importance, models")
    shown.add_argument("name", help="of the feature, or of one of its model columns")
    searched = actions.add_parser("search", help="features by name, meaning, owner, unit or raw column")
    searched.add_argument("term", help="part of a word, in any case")
    for action, command in ((listed, "list"), (shown, "show"), (searched, "search")):
        action.add_argument("--json", action="store_true", help="as JSON")
        action.set_defaults(command=_features, action=command)


def _features(options: argparse.Namespace) -> int:
    import json

    from toolkit.packaging import feature_catalog as catalog
    from toolkit.paths import project_root

    entries = catalog.load_catalog(project_root())
    if options.action == "show":
        entry = catalog.find_entry(entries, options.name)
        print(json.dumps(catalog.as_plain(entry), indent=2) if options.json else catalog.show_entry(entry))
        return 0
    if options.action == "search":
        entries = catalog.search_catalog(entries, options.term)
    if options.json:
        print(json.dumps([catalog.as_plain(entry) for entry in entries], indent=2))
    elif entries:
        print(catalog.show_catalog(entries))
    else:
        print(f"No feature has '{options.term}' in its name, meaning, owner, unit, maker or raw columns.")
    return 0 if entries else 1
