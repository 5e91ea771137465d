"""The ``toolkit`` command: thin commands over the package, heavy imports only in the one that is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from toolkit.cli_catalog import add_data, add_features
from toolkit.cli_log import add_log
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
        "--workers",
        default="",
        help="processes that answer, 1 to 64, or auto (default: TOOLKIT_WORKERS, else 1)",
    )
    serve.set_defaults(command=_serve)

    lineage = commands.add_parser("lineage", help="where a model comes from: data, labels, code, metrics")
    lineage.add_argument(
        "source", nargs="?", default="", help="tag, folder or URL (default: the packaged model)"
    )
    lineage.add_argument("--json", action="store_true", help="all of it, as JSON")
    lineage.set_defaults(command=_lineage)

    alerts = commands.add_parser("alerts", help="write what Prometheus, Alertmanager and Grafana need")
    alerts.add_argument(
        "source", nargs="?", default="", help="tag or folder of the model (default: the packaged one)"
    )
    alerts.add_argument(
        "--output", metavar="DIR", default="monitoring", help="where to write (default: monitoring)"
    )
    alerts.add_argument(
        "--target",
        dest="targets",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="a server of the model, or https://HOST:PORT; may be repeated (default: where it is served here)",
    )
    alerts.add_argument(
        "--token-file", metavar="FILE", default="", help="where Prometheus finds the service's token"
    )
    alerts.set_defaults(command=_alerts)

    release = commands.add_parser("release", help="make the packaged model the released one, to compare with")
    release.set_defaults(command=_release)

    notify = commands.add_parser("notify", help="who is told of alarms (TOOLKIT_NOTIFY_URLS)")
    notify.add_argument("--test", action="store_true", help="send each of them a test message")
    notify.set_defaults(command=_notify)

    params = commands.add_parser("params", help="check params.yaml and show its values")
    params.add_argument(
        "--check", action="store_true", help="show nothing; check that the files it names are there, too"
    )
    params.set_defaults(command=_params)

    add_data(commands)
    add_features(commands)
    add_log(commands, _number(0, 36_500))

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


def _notify(options: argparse.Namespace) -> int:
    from toolkit.packaging.try_notify import show_receivers, try_receivers
    from toolkit.paths import project_root

    return try_receivers(project_root()) if options.test else show_receivers()


def _lineage(options: argparse.Namespace) -> None:
    import json

    from toolkit.packaging.lineage import load_lineage, show_lineage
    from toolkit.paths import project_root

    lineage = load_lineage(project_root(), options.source)
    print(json.dumps(lineage, indent=2) if options.json else show_lineage(lineage))


def _alerts(options: argparse.Namespace) -> None:
    from pathlib import Path

    from toolkit.packaging.alerts import write_alerts
    from toolkit.paths import project_root

    written = write_alerts(
        project_root(), Path(options.output), options.source, options.targets, options.token_file
    )
    for path in written:
        print(path)
