"""The ``toolkit`` command: thin commands over the package, heavy imports only in the one that is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from toolkit.errors import ToolkitError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistake ends in one message on standard error and status 1."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    if not hasattr(options, "command"):
        parser.print_help()
        return 0
    try:
        return options.command(options) or 0
    except ToolkitError as error:
        print(f"toolkit: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # a disk that is full, a folder that is not ours
        print(f"toolkit: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("toolkit: interrupted", file=sys.stderr)
        return 130


class _Version(argparse.Action):
    """Show the installed version; looked up only when asked, since that costs more than the rest of a help."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"toolkit {version('notebook-mlops-toolkit')}")
        parser.exit()


def _number(low: int, high: int) -> Callable[[str], int]:
    """Make argparse's check of a whole number."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {low} to {high}. Got '{text}' instead."
            )
        return int(text)

    return parse


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="toolkit", description="Notebooks as pipeline stages, with lineage."
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    summary = commands.add_parser("summary", help="what the pipeline ended in, and what to type next")
    summary.set_defaults(command=_summary)

    serve = commands.add_parser("serve", help="serve the packaged model, or another Bento, on this machine")
    serve.add_argument(
        "tag", nargs="?", default="", help="a Bento, name:version (default: the packaged model)"
    )
    serve.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    serve.add_argument(
        "--port", type=_number(0, 65535), default=3000, help="0 for any free one (default: 3000)"
    )
    serve.add_argument(
        "--workers", type=_number(1, 256), default=1, help="processes that answer (default: 1)"
    )
    serve.set_defaults(command=_serve)

    lineage = commands.add_parser("lineage", help="where a model comes from: data, labels, code, metrics")
    lineage.add_argument(
        "source", nargs="?", default="", help="tag, folder or URL (default: the packaged model)"
    )
    lineage.add_argument("--json", action="store_true", help="all of it, as JSON")
    lineage.set_defaults(command=_lineage)

    release = commands.add_parser("release", help="make the packaged model the released one, to compare with")
    release.set_defaults(command=_release)

    params = commands.add_parser("params", help="check params.yaml and show its values")
    params.add_argument(
        "--check", action="store_true", help="show nothing; check that the files it names are there, too"
    )
    params.set_defaults(command=_params)

    _add_data(commands)
    _add_features(commands)

    run = commands.add_parser("run", help="execute a stage's notebook, notebooks/STAGE.ipynb")
    run.add_argument("stage", metavar="STAGE", help="the stage, as in dvc.yaml")
    run.add_argument(
        "-p",
        dest="pairs",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="a value for this run in place of the one in params.yaml; may be repeated",
    )
    run.set_defaults(command=_run)
    return parser


def _add_data(commands: Any) -> None:
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


def _add_features(commands: Any) -> None:
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


def _release(_: argparse.Namespace) -> None:
    from toolkit.paths import project_root
    from toolkit.release.release import RELEASED, release_package

    tag = release_package(project_root())
    print(
        f"Released {tag}: the next 'validate' compares with it. Commit it: git add {RELEASED} && git commit"
    )


def _params(options: argparse.Namespace) -> None:
    from toolkit.params_file import load_params
    from toolkit.paths import project_root

    if options.check:
        from toolkit.preflight import check_project

        check_project(project_root())
        return
    for name, section in load_params(project_root()).sections.items():
        for key, value in section.model_dump().items():
            print(f"{name}.{key} = {value!r}")


def _summary(_: argparse.Namespace) -> None:
    from toolkit.paths import project_root
    from toolkit.summary import summarize

    print(summarize(project_root()))


def _run(options: argparse.Namespace) -> int:
    from toolkit.notebooks.runner import run_stage

    if not options.pairs:
        return run_stage(options.stage)
    from toolkit.notebooks.values import parse_pairs

    return run_stage(options.stage, parse_pairs(options.pairs))


def _serve(options: argparse.Namespace) -> int:
    from toolkit.packaging.serve import serve
    from toolkit.paths import project_root

    return serve(project_root(), options.tag, options.host, options.port, options.workers)


def _lineage(options: argparse.Namespace) -> None:
    import json

    from toolkit.packaging.lineage import load_lineage, show_lineage
    from toolkit.paths import project_root

    lineage = load_lineage(project_root(), options.source)
    print(json.dumps(lineage, indent=2) if options.json else show_lineage(lineage))
