"""What a stage's notebook holds on to: its parameters, its inputs, and outputs that appear all at once.

The same notebook runs in the pipeline and by hand in JupyterLab. In both, outputs are written aside and put in
place by :meth:`Stage.finish`, and only if no newer run of the stage has begun and the runner still lives.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.artifacts import measure_hash, write_json
from toolkit.errors import ParamsError, StageError
from toolkit.fetch import Copy, fetch
from toolkit.known_hashes import KnownHashes
from toolkit.params import SECTIONS, STAGES
from toolkit.params_file import check_values, load_params
from toolkit.paths import is_address, project_root, tell_path
from toolkit.pipeline import StageFiles, load_stage_files

RUN_VARIABLE = "TOOLKIT_RUN"  # set by the runner in the kernel: "<stage>:<run id>:<runner's pid>"


def start(name: str, cell: Mapping[str, Any]) -> Stage:
    """Begin a stage from its notebook: ``stage = start("train", globals())``.

    Values come from the parameters cell as the runner injected them. By hand, a value that was edited in the cell
    wins, and every other comes from params.yaml; edited ones are printed.

    Parameters
    ----------
    name : str
        The stage, which is also the notebook's name and its section in params.yaml.
    cell : Mapping
        Where the parameters cell's names are, usually ``globals()``.

    Raises
    ------
    ParamsError
        A value is missing or wrong.
    StageError
        There is no such stage, or dvc.yaml does not declare it.
    """
    if name not in STAGES:
        raise StageError(f"'{name}' must be one of the stages {', '.join(STAGES)}.")
    root = project_root()
    fields = SECTIONS[name].model_fields
    missing = [field for field in fields if field not in cell]
    if missing:
        raise ParamsError(
            f"notebooks/{name}.ipynb: the parameters cell must set {', '.join(missing)}. Run it before this cell."
        )
    given = {field: cell[field] for field in fields}
    run = _injected_run(name)
    if run is None:
        defaults = SECTIONS[name]().model_dump()
        file = load_params(root)[name].model_dump()
        given = check_values(name, given, f"notebooks/{name}.ipynb").model_dump()
        edited = {field: value for field, value in given.items() if value != defaults[field]}
        for field, value in edited.items():
            if value != file[field]:
                print(f"{field} = {value!r} from this notebook's cell (params.yaml: {file[field]!r})")
        given = {**file, **edited}
    params = check_values(name, given, f"notebooks/{name}.ipynb")
    return Stage(name, root, params, run or secrets.token_hex(8))


class Stage:
    """A stage that has begun: ``params``, :meth:`input`, :meth:`output` and, at the end, :meth:`finish`."""

    def __init__(self, name: str, root: Path, params: Any, run: str) -> None:
        self.name, self.root, self.params = name, root, params
        self._run = run
        self._read: dict[str, tuple[object, str]] = {}  # dependency: its state and hash before it was read
        self._copies: dict[str, Copy] = {}  # of what addresses name
        self._files: StageFiles = load_stage_files(root, name)
        work = root / ".toolkit"
        self._known = KnownHashes(work / "hashes" / f"{name}.json")
        self._owner = work / f"{name}.owner"
        self._staging = work / "staging" / f"{name}-{run}"
        # First the ownership, then the room: an older run must not be half way through finishing without either.
        write_json(self._owner, {"run": run, "pid": os.getpid()})
        for old in (work / "staging").glob(f"{name}-*"):
            shutil.rmtree(old, ignore_errors=True)
        self._staging.mkdir(parents=True)

    def input(self, path: str, *, live: bool = False, pattern: str | None = None) -> Path:
        """Give the absolute path of a dependency that dvc.yaml declares for this stage.

        An address is copied to .toolkit/downloads first, once a run, and the copy's path is given. The input's hash for
        the lineage is taken now, before it is read; :meth:`finish` refuses if it has changed since.

        Parameters
        ----------
        path : str
            Relative to the project; the dependency or something in it. Or an address.
        live : bool
            It may change while it is read, as the log of a running service does: hashed at the end instead.
        pattern : str, optional
            Of an address that may be a folder's: which of its parts are copied.

        Raises
        ------
        StageError
            The file does not exist (names the stage that makes it), or dvc.yaml does not declare it.
        DataError
            What is at an address cannot be copied whole.
        """
        if not self._files.depends_on(path):
            for key in self._files.keys:
                if key in {f"{self.name}.{field}" for field, value in self.params if value == path}:
                    raise StageError(
                        f"{path} must be what {key} in params.yaml says, since DVC tracks that file. Set {key} there: "
                        "neither -p nor the parameters cell can change an input."
                    )
            raise StageError(f"dvc.yaml: stage '{self.name}' reads {path} and must name it under 'deps'.")
        if is_address(path):
            return self._fetch(path, pattern).path
        absolute = self.root / path
        if not absolute.exists():
            maker = self._files.maker_of(path)
            what = f"Run './run dvc repro {maker}' to make it." if maker else "Check the path in params.yaml."
            raise StageError(f"{path} must exist and does not. {what}")
        dep = next(dep for dep in self._files.deps if path == dep or path.startswith(dep + "/"))
        if not live and dep not in self._read:
            self._read[dep] = _measure_state(self.root / dep), self._measure_known(self.root / dep)
        return absolute

    def output(self, path: str) -> Path:
        """Give the absolute path where to write an output; it stands at ``path`` once the stage has finished."""
        if not self._files.makes(path):
            raise StageError(
                f"dvc.yaml: stage '{self.name}' writes {path} and must name it (or its folder) under 'outs'."
            )
        staged = self._staging / path
        staged.parent.mkdir(parents=True, exist_ok=True)
        return staged

    def finish(self) -> dict[str, Any]:
        """Put every output in place and return the lineage record, which is an output itself.

        Raises
        ------
        StageError
            An output that dvc.yaml names was not written, an input is gone or not what was read, another run of the
            stage has begun since, or the run that this kernel belonged to is over. Nothing was moved then.
        """
        record = {
            "schema": 1,
            "stage": self.name,
            "params": self.params.model_dump(),
            "inputs": {path: self._hash_input(path) for path in self._files.data_deps},
        }
        lineage_path = f"reports/{self.name}/lineage.json"
        outs = [path for path in self._files.outs if path != f"reports/{self.name}.ipynb"]
        missing = [path for path in outs if not (self._staging / path).exists() and path != lineage_path]
        if missing:
            raise StageError(
                f"stage '{self.name}' must write {', '.join(missing)} before it finishes (dvc.yaml says so)."
            )
        record["outputs"] = {
            path: measure_hash(self._staging / path) for path in outs if path != lineage_path
        }
        write_json(self._staging / lineage_path, record)
        self._check_ownership()
        for path in outs:
            _replace(self._staging / path, self.root / path, self._staging / "replaced")
        shutil.rmtree(self._staging, ignore_errors=True)
        return record

    def _measure_known(self, place: Path) -> str:
        try:
            digest = measure_hash(place, self._known.measure_md5)
        except PermissionError as error:
            raise StageError(
                f"{tell_path(Path(error.filename))} must be readable, and you may not read it. Change its permissions."
            ) from None
        self._known.save()
        return digest

    def _fetch(self, address: str, pattern: str | None = None) -> Copy:
        if address not in self._copies:
            folder = self.root / ".toolkit" / "downloads" / self.name
            self._copies[address] = fetch(address, folder, pattern)
        return self._copies[address]

    def _hash_input(self, dep: str) -> str:
        """Give the hash of what was read, after a look that it still is what is there."""
        if is_address(dep):
            copy = self._fetch(dep)
            copy.check_current()
            return self._measure_known(copy.path)
        place = self.input(dep, live=True)
        if dep not in self._read:
            return measure_hash(place)
        state, digest = self._read[dep]
        if _measure_state(place) != state and measure_hash(place) != digest:
            raise StageError(
                f"{dep} must stay as it is while stage '{self.name}' runs, and it was changed. Nothing was written: "
                "run the stage again."
            )
        return digest

    def _check_ownership(self) -> None:
        try:
            owner = json.loads(self._owner.read_text())["run"]
        except (OSError, ValueError, KeyError):
            owner = None
        runner = os.environ.get(RUN_VARIABLE, "").rpartition(":")[2]
        if owner != self._run:
            raise StageError(
                f"A newer run of stage '{self.name}' has begun, so this one changes nothing. "
                "Run the notebook again from its first cell."
            )
        if runner and not _descends_from(int(runner)):
            raise StageError(f"The run that stage '{self.name}' belonged to is over, so nothing was changed.")


def _measure_state(place: Path) -> object:
    """Give what changes when a file or folder is written to, without reading it."""
    files = sorted(place.rglob("*")) if place.is_dir() else [place]
    return [(str(file), found.st_mtime_ns, found.st_size) for file in files if (found := file.stat())]


def _injected_run(name: str) -> str | None:
    stage, _, rest = os.environ.get(RUN_VARIABLE, "").partition(":")
    return rest.partition(":")[0] if stage == name else None


def _descends_from(pid: int) -> bool:
    """Whether a process is still above this one: it would not be once it has died, even if its id were given anew."""
    if not Path("/proc/self/stat").exists():  # macOS: only ask whether it lives
        return _lives(pid)
    at = os.getpid()
    while at not in (0, pid):
        try:
            at = int(Path(f"/proc/{at}/stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:  # it has died between two looks
            return False
    return at == pid


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _replace(new: Path, place: Path, aside: Path) -> None:
    """Rename a file or folder into place; what stood there goes aside first if it is a folder."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir() and not place.is_symlink():
        aside.mkdir(exist_ok=True)
        place.rename(aside / secrets.token_hex(4))
    elif new.is_dir():  # a folder cannot be renamed over a file, as a file can
        place.unlink(missing_ok=True)
    new.replace(place)
