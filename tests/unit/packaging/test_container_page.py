"""docs/container.md says what the code does."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "container.md").read_text(encoding="utf-8")
# set by ./run and by the service itself
INTERNAL = {"TOOLKIT_ROOT", "TOOLKIT_METRICS_DESCRIPTOR", "TOOLKIT_SERVER_PID"}


def test_every_variable_of_the_service_is_in_the_table_and_no_other():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "toolkit" / "serving").glob("*.py"))
    used = set(re.findall(r"\"(TOOLKIT_[A-Z_]+)\"", code)) - INTERNAL
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(TOOLKIT_[A-Z_]+)`", row.split("|")[1])} == used


def test_the_manifest_is_hardened_and_asks_the_services_own_paths():
    manifest = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    pod = manifest["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    probes = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "readiness", "liveness")
    }
    assert probes == {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}
