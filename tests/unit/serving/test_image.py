"""What the image leaves out, the service does without."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SERVE = """
import sys
for name in ("scipy", "pandas", "sklearn", "pyarrow", "narwhals"):
    sys.modules[name] = None  # importing it fails
from pathlib import Path
import toolkit.serving.service
from toolkit.serving.model import load_model
model = load_model(Path(sys.argv[1]))
print(len(model.predict_rows(model.signature["self_test"]["rows"])))
"""


def test_the_service_needs_no_scipy(make_packaged):
    folder = make_packaged().folder
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("3", "")
