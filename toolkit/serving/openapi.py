"""The service's own description in OpenAPI 3.1: what this model's endpoints really take and answer.

BentoML would describe ``rows`` as a list of any objects. Here each feature has its name, type, range and categories,
each form of a body is there, and so is the one shape of all errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.serving.explain import MOST
from toolkit.serving.lookup import ID
from toolkit.serving.model import Model
from toolkit.serving.page import DEFAULT_HOURS, HOURS
from toolkit.serving.rules import LARGEST
from toolkit.serving.tables import ARROW, FORMS

Schema = dict[str, Any]
JSON_TYPES = {"number": "number", "integer": "integer", "boolean": "boolean"}  # of a kind; others are texts
TOP = {"type": "integer", "minimum": 1, "maximum": MOST}
WALL_TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?$"
BOUNDS = (("minimum", "minimum"), ("maximum", "maximum"))
REFUSALS = {
    "400": "The body, a column or a value is wrong; every finding names row and feature.",
    "408": "The body did not arrive in time.",
    "413": "Too many rows, or too large a body.",
    "415": "Another Content-Type, or a compressed body.",
    "503": "Too much is in flight, or the answer took too long. Retry-After says when to ask again.",
}


def describe_api(model: Model, *, secured: bool, apart: bool) -> Schema:
    """Describe the service.

    Parameters
    ----------
    model : Model
        Whose features, classes and limits are described.
    secured : bool
        A bearer token is asked for.
    apart : bool
        Feedback and metrics have an address of their own, and so are not described here.
    """
    described: Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": model.version.partition(":")[0],
            "version": model.version.partition(":")[2] or model.version,
            "description": "Predictions of a model whose features are named below. Every refusal has one shape, "
            "and names row and feature.",
        },
        "paths": {
            "/predict": {"post": _describe_predict(model)},
            "/explain": {"post": _describe_explain(model)},
            **({} if apart else {"/feedback": {"post": _describe_feedback(model)}}),
            "/schema": {"get": _describe_get("The features, classes and limits of the model.")},
            "/lineage": {
                "get": _describe_get("Where the model comes from: stages, gates, hashes and build.")
            },
            **(
                {}
                if apart
                else {"/metrics": {"get": _describe_text("Metrics for Prometheus.", "text/plain")}}
            ),
            **({} if apart else {"/status": {"get": _describe_status()}}),
            "/livez": {"get": _describe_health("Whether the process answers.")},
            "/readyz": {"get": _describe_health("Whether requests may be sent here, and why not.")},
        },
        "components": {"schemas": describe_schemas(model)},
    }
    if secured:
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
    return described


def describe_schemas(model: Model) -> Schema:
    """Describe what bodies hold: rows by their features, answers by the model's outputs, and errors."""
    categories = model.features.find_categories()
    features = {
        name: _describe_feature(model, name, kind, categories.get(name, ()))
        for name, kind in model.inputs.items()
    }
    limits = model.settings["limits"]
    rows: Schema = {"type": "array", "items": _ref("Row"), "minItems": 1, "maxItems": limits["rows"]}
    output = _describe_output(model)
    prediction = _object({"id": _text("Names the prediction, for POST /feedback."), **output})
    return {
        "Row": _object(features) | {"example": model.signature["self_test"]["rows"][0]},
        "Rows": _object({"rows": rows}),
        "RowsToExplain": _object({"rows": rows, "top": TOP}),
        "Columns": _object(
            {
                "columns": {
                    "type": "array",
                    "items": {"enum": list(features)},
                    "minItems": len(features),
                    "maxItems": len(features),
                    "uniqueItems": True,
                },
                "data": {
                    "type": "array",
                    "items": {"type": "array", "minItems": len(features), "maxItems": len(features)},
                    "minItems": 1,
                    "maxItems": limits["rows"],
                },
            }
        )
        | {"description": "Names once, then rows of values in their order: quicker for many rows."},
        "Request": {"anyOf": [_ref("Row"), rows, _ref("Rows"), _ref("Columns")]},
        "Prediction": prediction,
        "SinglePrediction": _object({"id": _text(), "version": _text(), **output}),
        "Predictions": _object(
            {"version": _text("Of the model."), "predictions": {"type": "array", "items": _ref("Prediction")}}
        ),
        "Parts": _object(
            {
                "added": {"type": "object", "additionalProperties": {"type": "number"}},
                "others": _object({"count": {"type": "integer"}, "added": {"type": "number"}}),
            }
        )
        | {
            "description": "What each added, the largest first, and the sum of those that were not asked for."
        },
        "Score": _object(
            {
                "class": {"enum": list(model.classes)},
                "score": {
                    "type": "number",
                    "description": "The raw score: base and all that is added to it.",
                },
                "base": {"type": "number", "description": "What every row starts from."},
                "columns": _ref("Parts"),
                "features": _ref("Parts"),
            },
            optional=("class",),
        ),
        "Explanations": _object(
            {
                "version": _text(),
                "explanations": {
                    "type": "array",
                    "items": _object({**output, "scores": {"type": "array", "items": _ref("Score")}}),
                },
            }
        ),
        "Label": _object(
            {
                "id": _text("The prediction's.") | {"pattern": f"^{ID.pattern}$"},
                "label": _describe_label(model),
            }
        ),
        "Error": _object({"error": _describe_error()}),
    }


def _describe_feature(model: Model, name: str, kind: str, categories: tuple[str, ...]) -> Schema:
    rule: Mapping[str, Any] = model.rules.described.get(name, {})
    kinds: Any = JSON_TYPES.get(kind, "string")
    found: Schema = {"type": [kinds, "null"] if name in model.nullable else kinds}
    if kind in ("number", "integer"):
        found |= {ours: rule[theirs] for ours, theirs in BOUNDS if theirs in rule}
    if kind == "integer" and name in dict(model.rules.checks):
        found = {"minimum": -LARGEST, "maximum": LARGEST} | found
    if kind == "time" and name in model.zoned:
        found["format"] = "date-time"
    elif kind == "time":
        found["pattern"] = WALL_TIME
    if rule.get("allowed"):
        found["enum"] = [*rule["allowed"], *([None] if name in model.nullable else [])]
    elif categories:
        found["examples"] = list(categories[:10])
    said = [rule.get("meaning", ""), f"Unit: {rule['unit']}." if rule.get("unit") else ""]
    if kind == "category" and not rule.get("allowed"):
        said.append("A category that training did not have counts as missing.")
    text = " ".join(filter(None, said))
    return found | ({"description": text} if text else {})


def _describe_output(model: Model) -> Schema:
    if not model.classes:
        return {"value": {"type": "number"}}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    return {
        "label": {"enum": list(model.classes)},
        "probabilities": _object(dict.fromkeys(model.classes, share)),
    }


def _describe_label(model: Model) -> Schema:
    if model.classes:
        return {"enum": list(model.classes)}
    return {"type": "number", "minimum": -1e300, "maximum": 1e300}


def _describe_error() -> Schema:
    place = {"row": {"type": ["integer", "null"]}, "feature": {"type": ["string", "null"]}}
    return _object(
        {
            "status": {"type": "integer"},
            "kind": _text("A short word for what was wrong."),
            "message": _text("What must hold, what came, what to do."),
            **place,
            "findings": {"type": "array", "items": _object({"message": _text(), **place})},
        }
    )


def _describe_predict(model: Model) -> Schema:
    tables = {form: {"schema": {"type": "string", "format": "binary"}} for form in FORMS}
    answer = {
        "application/json": {"schema": {"anyOf": [_ref("SinglePrediction"), _ref("Predictions")]}},
        ARROW: {"schema": {"type": "string", "format": "binary"}},
    }
    bulk, most_kb = (model.settings["limits"][name] for name in ("bulk_rows", "body_kb"))
    return _describe_post(
        "Predict rows",
        "One object of features is answered by one prediction; a list, an object of rows or of columns by as many as "
        f"there are rows. Tables in Arrow or Parquet may have {bulk} rows, and any body {most_kb} kB. With 'Accept: "
        f"{ARROW}' the answer is an Arrow stream of id, label and `p_` before each class, or id and value.",
        {"application/json": {"schema": _ref("Request")}, **tables},
        answer,
    )


def _describe_explain(model: Model) -> Schema:
    most = model.settings["limits"].get("explain_rows", 100)
    described = _describe_post(
        "Explain rows",
        f"Predictions of {most} rows at most, and what each feature, and each column that it is made of, adds to "
        "the model's raw score. They are not recorded.",
        {"application/json": {"schema": {"anyOf": [_ref("Request"), _ref("RowsToExplain")]}}},
        {"application/json": {"schema": _ref("Explanations")}},
    )
    said = "Only so many of the largest contributions a score."
    return described | {"parameters": [{"name": "top", "in": "query", "schema": TOP, "description": said}]}


def _describe_feedback(model: Model) -> Schema:
    label = _ref("Label")
    many = {"type": "array", "items": label, "minItems": 1, "maxItems": model.settings["limits"]["rows"]}
    body = {"anyOf": [label, many, _object({"feedback": many})]}
    answer = _object({"stored": {"type": "integer"}, "unknown": {"type": "array", "items": _text()}})
    return _describe_post(
        "Tell true labels",
        "By the ids of their predictions; late, again, or corrected.",
        {"application/json": {"schema": body}},
        {"application/json": {"schema": answer}},
    )


def _describe_post(summary: str, description: str, body: Schema, answer: Schema) -> Schema:
    return {
        "summary": summary,
        "description": description,
        "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": "The answer.", "content": answer}, **_describe_refusals()},
    }


def _describe_get(summary: str) -> Schema:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_default()},
    }


def _describe_text(summary: str, media_type: str) -> Schema:
    content = {media_type: {"schema": {"type": "string"}}}
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_default()},
    }


def _describe_status() -> Schema:
    hours = {"name": "hours", "in": "query", "schema": {"enum": list(HOURS), "default": DEFAULT_HOURS}}
    summary = "A page for people: alarms, traffic, drift, performance, and what the model is."
    return {**_describe_text(summary, "text/html"), "parameters": [hours]}


def _describe_health(summary: str) -> Schema:
    content = {"application/json": {"schema": {"type": "object"}}}
    responses = {status: {"description": summary, "content": content} for status in ("200", "503")}
    return {"summary": summary, "responses": {**responses, **_default()}, "security": []}


def _describe_refusals() -> Schema:
    content = {"application/json": {"schema": _ref("Error")}}
    return {
        status: {"description": said, "content": content} for status, said in REFUSALS.items()
    } | _default()


def _default() -> Schema:
    content = {"application/json": {"schema": _ref("Error")}}
    return {"default": {"description": "Any other refusal.", "content": content}}


def _object(properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _text(description: str = "") -> Schema:
    return {"type": "string"} | ({"description": description} if description else {})
