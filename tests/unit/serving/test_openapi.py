"""The description says what is really taken and answered: requests made by it find no failure of the service."""

import importlib.util
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig

from toolkit.serving.model import load_model
from toolkit.serving.openapi import describe_api
from toolkit.serving.routes import ROUTES

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "fuzz_requests.py"
spec = importlib.util.spec_from_file_location("fuzz_requests_of_openapi", SCRIPT)
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)
TASKS = ("multiclass", "regression")
# What the description cannot say: that a label's id must be known, that a day exists, or that no key is repeated.
UNSAID = ("positive_data_acceptance",)
REFUSED = {"negative_data_rejection": {"expected-statuses": [400, 413, 415, 422]}}
CONFIG = SchemathesisConfig.from_dict({"checks": REFUSED})


@pytest.fixture(scope="module", params=TASKS)
def service(request, make_packaged):
    found = bench.Service(load_model(make_packaged(request.param).folder, threads=1))
    yield found
    found.close()


@pytest.mark.parametrize("mode", GenerationMode)
def test_requests_made_by_the_description_find_no_failure(service, mode):
    schema = schemathesis.openapi.from_asgi("/docs.json", service.app, config=CONFIG)
    statuses = {}
    unsaid = [check for check in CHECKS.get_all() if check.__name__ in UNSAID]
    for result in schema.exclude(path=["/metrics", "/status"]).get_all_operations():
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and operation.method == "get":
            continue  # nothing to get wrong

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def ask(case):
            response = case.call_and_validate(excluded_checks=unsaid)
            bench.check_answer(response.status_code, response.headers["content-type"][0], response.content)
            statuses.setdefault(case.path, set()).add(response.status_code)

        ask()
    if mode is GenerationMode.POSITIVE:
        assert all(200 in found for found in statuses.values()), statuses
    else:
        assert statuses["/predict"] >= {400}


def test_every_public_path_is_described(make_packaged):
    model = load_model(make_packaged().folder, threads=1)
    described = describe_api(model, secured=False, apart=False)["paths"]
    apart = describe_api(model, secured=False, apart=True)["paths"]
    assert {path for path in ROUTES if path not in ("/docs.json", "/healthz")} <= set(described)
    assert set(described) - set(apart) == {"/feedback", "/metrics", "/status"}


def test_a_token_is_told(make_packaged):
    model = load_model(make_packaged().folder, threads=1)
    described = describe_api(model, secured=True, apart=False)
    assert described["security"] == [{"token": []}]
    assert described["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert described["paths"]["/livez"]["get"]["security"] == []


def test_features_are_described_by_kind_range_and_categories(make_packaged):
    model = load_model(make_packaged("regression").folder, threads=1)
    described = describe_api(model, secured=False, apart=False)["components"]["schemas"]
    row = described["Row"]
    assert row["required"] == list(model.inputs) and row["additionalProperties"] is False
    features = row["properties"]
    assert features["radius"]["type"] == ["number", "null"]
    assert features["count"] == {"type": "integer"}
    assert features["smooth"] == {"type": "boolean"}
    assert features["grade"]["type"] == "string" and "a: low" in features["grade"]["examples"]
    assert features["note"]["type"] == ["string", "null"]
    assert features["seen_at"] == {"type": "string", "format": "date-time"}
