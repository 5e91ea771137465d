"""The section ``package`` of params.yaml: how the service behaves, and what it watches."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from toolkit.params_section import Section

ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.%\w]+)\]|([^:\[\]\s/@]+)):(\d{1,5})")


def parse_address(text: str) -> tuple[str, int]:
    """Split ``host:port``; an IPv6 address stands in brackets.

    Raises
    ------
    ValueError
        The text is something else.

    >>> parse_address("127.0.0.1:9100"), parse_address("[::1]:9100")
    (('127.0.0.1', 9100), ('::1', 9100))
    """
    match = ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match[3]) <= 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:9100, with a port up to 65535")
    return match[1] or match[2], int(match[3])


def _check_address(value: str) -> str:
    if value:
        parse_address(value)
    return value


class Limits(Section):
    """What a request may cost; beyond it, it is refused."""

    rows: int = Field(1000, ge=1, le=100_000, description="most rows in one request of JSON")
    bulk_rows: int = Field(
        100_000,
        ge=1,
        le=10_000_000,
        description="most rows in one request of Arrow or Parquet, if body_kb holds them",
    )
    explain_rows: int = Field(100, ge=1, le=10_000, description="most rows in one request to explain")
    body_kb: int = Field(
        4096,
        ge=1,
        le=1_048_576,
        description="largest request body, in kB: 17,000 rows of 30 decimals in Arrow",
    )
    in_flight: int = Field(64, ge=1, le=10_000, description="requests at once per worker; more get 503")
    body_timeout_s: int = Field(30, ge=1, le=3600, description="time that a client has to send its body")
    answer_timeout_s: int = Field(60, ge=1, le=3600, description="time that a bulk prediction may take")
    drain_s: int = Field(
        1, ge=0, le=3600, description="time in which requests are still taken after a signal to stop"
    )


class Log(Section):
    """The prediction log."""

    predictions: bool = Field(True, description="write predictions to the prediction log")
    sample: float = Field(1.0, gt=0, le=1, description="share of predictions that is logged, chosen by id")
    personal: Literal["leave_out", "hash"] = Field(
        "leave_out", description="values of personal columns: leave_out, or hash with the key TOOLKIT_LOG_KEY"
    )
    bentoml_monitor: bool = Field(
        False, description="hand records to bentoml.monitor as well, which ships them elsewhere"
    )
    segment_mb: int = Field(64, ge=1, le=10_000, description="a segment is closed at this size")
    max_mb: int = Field(2048, ge=1, le=100_000_000, description="the oldest segments go above this size")
    max_days: int = Field(0, ge=0, le=36_500, description="segments go when they are older; 0: never")

    @model_validator(mode="after")
    def _holds_a_segment(self) -> Log:
        if self.max_mb < self.segment_mb:
            raise ValueError(
                "max_mb must be at least segment_mb, or each segment goes as soon as it is closed. "
                f"Got {self.max_mb} and {self.segment_mb}"
            )
        return self


class Watch(Section):
    """What the service watches itself for."""

    tolerance: float = Field(0.02, ge=0, lt=0.5, description="change in a share of rows too small to matter")
    false_alarm_days: float = Field(
        30.0, gt=0, le=100_000, description="mean days between false alarms of drift, at least"
    )
    cycle_days: float = Field(
        1.0, ge=0, le=366, description="longest regular cycle of the traffic, such as 1 or 7 days; 0: none"
    )


class Alerts(Section):
    """When a person is told, by the rules that ``toolkit alerts`` writes; the service itself does not read these."""

    p99_ms: int = Field(200, ge=1, lt=5000, description="the slowest hundredth of requests takes longer")
    errors: float = Field(0.01, gt=0, lt=1, description="share of requests that fail")
    refused: float = Field(0.2, gt=0, lt=1, description="share of requests that are refused")
    min_requests: int = Field(
        20, ge=1, description="fewer requests in the window tell nothing of these three"
    )
    window_s: int = Field(
        300, ge=4, le=86_400, description="shares, rates and latency are over so many seconds"
    )
    hold_s: int = Field(300, ge=0, le=86_400, description="a condition holds so long before anybody is told")
    silence_s: int = Field(
        3600, ge=0, le=2_592_000, description="nothing was predicted for so long; 0: never"
    )
    label_factor: float = Field(
        2.0, gt=1, le=1000, description="odds of a predicted label, times or divided by this"
    )
    label_window_s: int = Field(
        3600, ge=4, le=2_592_000, description="labels are counted over so many seconds"
    )
    max_age_days: int = Field(180, ge=0, le=36_500, description="the model is older; 0: never")
    busy: float = Field(0.8, gt=0, lt=1, description="share of the workers or of the requests at once in use")
    idle: float = Field(0.1, ge=0, lt=1, description="most of the workers that a day's peak used; 0: never")
    disk_free_mb: int = Field(1024, ge=0, description="the prediction log's disk has less left, in MB")
    scrape_s: int = Field(15, ge=1, le=300, description="how often Prometheus looks, in seconds")
    runbook: str = Field(
        "docs/alerting.md", min_length=1, description="where whoever is paged finds what to do; best a URL"
    )

    @model_validator(mode="after")
    def _sees_enough(self) -> Alerts:
        for name in ("window_s", "label_window_s"):
            if getattr(self, name) < 4 * self.scrape_s:
                raise ValueError(
                    f"{name} must be at least four times scrape_s, or a rate has too few points. "
                    f"Got {getattr(self, name)} and {self.scrape_s}"
                )
        if 0 < self.silence_s < 4 * self.scrape_s:
            raise ValueError(f"silence_s must be 0 or at least four times scrape_s. Got {self.silence_s}")
        return self


class Package(Section):
    """Build the Bento: what the service needs, and how it behaves."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)] = Field(
        "breast_cancer", description="name of the Bento and its service; lower case"
    )
    metrics_address: Annotated[str, AfterValidator(_check_address)] = Field(
        "", description="host:port of metrics, status and feedback, apart from predictions; empty: with them"
    )
    tls_certificate: str = Field("", description="PEM file of the certificate for HTTPS; empty: plain HTTP")
    tls_key: str = Field("", description="PEM file of the certificate's key")
    limits: Limits = Field(Limits(), description="what a request may cost")
    log: Log = Field(Log(), description="the prediction log")
    watch: Watch = Field(Watch(), description="what counts as drift, and how often it is told falsely")
    alerts: Alerts = Field(Alerts(), description="when a person is told, by Prometheus")
