"""The section ``package`` of params.yaml: how the service behaves, and what it watches."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from toolkit.params_section import Section


class Limits(Section):
    """What a request may cost; beyond it, it is refused."""

    rows: int = Field(1000, ge=1, le=100_000, description="most rows in one request of JSON")
    bulk_rows: int = Field(
        100_000, ge=1, le=10_000_000, description="most rows in one request of Arrow or Parquet"
    )
    body_kb: int = Field(4096, ge=1, le=1_048_576, description="largest request body, in kB")
    in_flight: int = Field(64, ge=1, le=10_000, description="requests at once per worker; more get 503")
    body_timeout_s: int = Field(30, ge=1, le=3600, description="time that a client has to send its body")


class Log(Section):
    """The prediction log."""

    predictions: bool = Field(True, description="write predictions to the prediction log")
    sample: float = Field(1.0, gt=0, le=1, description="share of predictions that is logged, chosen by id")
    personal: Literal["leave_out", "hash"] = Field(
        "leave_out", description="values of personal columns: leave_out, or hash with the key TOOLKIT_LOG_KEY"
    )
    segment_mb: int = Field(64, ge=1, le=10_000, description="a segment is closed at this size")
    max_mb: int = Field(2048, ge=1, le=100_000_000, description="the oldest segments go above this size")
    max_days: int = Field(0, ge=0, le=36_500, description="segments go when they are older; 0: never")


class Watch(Section):
    """What the service watches itself for."""

    tolerance: float = Field(0.02, ge=0, lt=0.5, description="change in a share of rows too small to matter")
    false_alarm_days: float = Field(
        30.0, gt=0, le=100_000, description="mean days between false alarms of drift, at least"
    )


class Package(Section):
    """Build the Bento: what the service needs, and how it behaves."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)] = Field(
        "breast_cancer", description="name of the Bento and its service; lower case"
    )
    limits: Limits = Field(Limits(), description="what a request may cost")
    log: Log = Field(Log(), description="the prediction log")
    watch: Watch = Field(Watch(), description="what counts as drift, and how often it is told falsely")
