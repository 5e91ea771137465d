"""The parameters of each stage as typed classes; params.yaml holds their values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from toolkit.params_package import Package
from toolkit.params_section import Section, Share
from toolkit.paths import check_database, check_optional_path, check_project_path, check_source

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Path = Annotated[str, AfterValidator(check_project_path)]
Source = Annotated[str, AfterValidator(check_source)]
OptionalPath = Annotated[str, AfterValidator(check_optional_path)]
Column = Annotated[str, Field(min_length=1)]


def _check_distinct(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("must name each class once")
    return values


def _check_contract(value: str) -> str:
    """Check that a contract is a YAML file in schemas/, the folder that the stage depends on."""
    check_project_path(value)
    if not value.startswith("schemas/") or not value.endswith(".yaml"):
        raise ValueError("must be a .yaml file in the folder schemas")
    return value


def _check_delimiter(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in '\r\n"\0':
        raise ValueError("must be one ASCII character other than a quote, such as ',', ';' or '\\t'")
    return value


def _check_thousands(value: str) -> str:
    if value and (len(value) > 1 or value.isalnum() or value in "+-"):
        raise ValueError("must be one character between digits, such as '.', ',' or ' ', or '' for none")
    return value


def _check_encoding(value: str) -> str:
    try:
        "".encode(value)
    except LookupError:
        raise ValueError("must be an encoding of text that Python knows, such as utf-8 or latin-1") from None
    return value


class Collect(Section):
    """Read the raw table, check it against its contract, and write it as Parquet with its schema."""

    source: Source = Field(
        "examples/breast_cancer/table.csv",
        description="table to read: a file, a folder of parts, an http(s) or s3 address, or a .sql file",
    )
    pattern: str = Field(
        "*", min_length=1, description="names of the parts in a folder, such as '2026-*.csv'"
    )
    format: Literal["auto", "csv", "jsonl", "parquet", "arrow", "sql", "log"] = Field(
        "auto",
        description="auto: by the ending; csv, jsonl, parquet, arrow, sql, or log: a service's predictions",
    )
    delimiter: Annotated[str, AfterValidator(_check_delimiter)] = Field(
        ",", description="CSV: what stands between columns"
    )
    decimal: Literal[".", ","] = Field(".", description="CSV: what stands before the decimals of a number")
    thousands: Annotated[str, AfterValidator(_check_thousands)] = Field(
        "", description="CSV: what stands between the thousands of a number; '': nothing may"
    )
    encoding: Annotated[str, AfterValidator(_check_encoding)] = Field(
        "utf-8", description="CSV: encoding of the text"
    )
    database: Annotated[str, AfterValidator(check_database)] = Field(
        "", description="sql: address of the database; its user and password come from the environment"
    )
    generator: OptionalPath = Field(
        "", description="Python file in generators/ that makes rows for train alone; or ''"
    )
    key: Column = Field("row_id", description="column that names a row; unique, never a feature")
    exclude: list[Column] = Field(
        ["true_label"], description="columns that are kept in the table but are no features"
    )
    contract: Annotated[str, AfterValidator(_check_contract)] = Field(
        "schemas/breast_cancer.yaml",
        description="what the table must hold; the first run writes it in schemas/",
    )
    on_violation: Literal["fail", "quarantine", "widen"] = Field(
        "fail", description="rows against the contract: fail, quarantine (put aside), or widen the contract"
    )

    @model_validator(mode="after")
    def _marks_differ(self) -> Collect:
        if self.thousands == self.decimal:
            raise ValueError(f"thousands must differ from decimal. Both are '{self.decimal}'")
        return self


class Annotate(Section):
    """Import the labels, resolve them to one a row, and measure their quality."""

    source: Path = Field("examples/breast_cancer/annotations.json", description="where the labels come from")
    format: Literal["label-studio", "column"] = Field(
        "label-studio", description="label-studio: its JSON export; column: a column of a table"
    )
    key: Column = Field("row_id", description="task data field (or column) that holds the row's key")
    label: Column = Field("diagnosis", description="name of the Choices control tag (or of the label column)")
    task: Literal["classification", "regression"] = Field("classification", description="kind of label")
    classes: Annotated[list[str], AfterValidator(_check_distinct)] = Field(
        ["benign", "malignant"],
        description="allowed classes in order; the last one of two is the positive; empty: those found",
    )
    unlisted: Literal["fail", "drop"] = Field(
        "fail", description="labels that classes does not list: stop, or leave these rows out (and count)"
    )
    ties: Literal["drop", "fail"] = Field(
        "drop", description="rows without a majority: leave out (and list), or stop"
    )
    truth: str = Field(
        "true_label", description="column of the table with known true labels, to score the report; or ''"
    )
    folds: int = Field(
        5, ge=2, le=20, description="folds of the out-of-sample predictions that suspects are found by"
    )
    seed: Seed = Field(1, description="seed of those folds and models")


Reaction = Literal["off", "warn", "fail"]


class Checks(Section):
    """What happens when a check of the splits finds a leak: off, warn or fail."""

    duplicates: Reaction = Field("warn", description="rows with equal features in two splits")
    near_duplicates: Reaction = Field("warn", description="rows with nearly equal features in two splits")
    groups: Reaction = Field("fail", description="a group with rows in two splits")
    time: Reaction = Field("fail", description="rows of train that are later than rows of test")
    giveaway: Reaction = Field("warn", description="a feature that alone tells the label")
    late: Reaction = Field("warn", description="a time feature that lies after the row's event")
    identifiers: Reaction = Field("warn", description="a feature with a value of its own in nearly every row")
    shift: Reaction = Field("warn", description="train and test that can be told apart")


class Prepare(Section):
    """Split the labelled rows, fit the features, describe the training data for drift."""

    split: Literal["hash", "group", "time", "column"] = Field(
        "hash",
        description="hash: of the key; group: groups stay whole; time: the latest are held out; column: given",
    )
    group: str = Field("", description="column whose equal values belong together, such as a customer; or ''")
    time: str = Field("", description="column with the time of a row's event; or ''")
    valid_from: str = Field("", description="time: first moment of valid (ISO 8601); '': by valid_share")
    test_from: str = Field("", description="time: first moment of test (ISO 8601); '': by test_share")
    split_column: str = Field("", description="column: the one that holds train, valid or test")
    valid_share: Share = Field(0.2, description="share of rows for early stopping and the sweep")
    test_share: Share = Field(0.2, description="share of rows held out for validation")
    seed: Seed = Field(1, description="salt of the hash that puts a row into a split by its key")
    definitions: OptionalPath = Field(
        "", description="Python file in features/ that defines features; '': those that each type gets"
    )
    checks: Checks = Field(Checks(), description="leaks between splits: off, warn or fail for each check")
    reference_bins: int = Field(
        20, ge=2, le=100, description="quantile bins per feature in the reference profile"
    )

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> Prepare:
        if self.valid_share + self.test_share >= 0.9:
            raise ValueError("valid_share + test_share must leave at least a tenth of the rows for training")
        return self

    @model_validator(mode="after")
    def _begins_in_order(self) -> Prepare:
        moments = {}
        for name in ("valid_from", "test_from"):
            text = getattr(self, name)
            try:
                moments[name] = datetime.fromisoformat(text) if text else None
            except ValueError:
                raise ValueError(
                    f"{name} must be a time in ISO 8601, such as '2026-03-01'. Got '{text}'"
                ) from None
        valid, test = moments["valid_from"], moments["test_from"]
        if valid and test and (valid.tzinfo is None) == (test.tzinfo is None) and valid >= test:
            raise ValueError(
                f"valid_from must be before test_from. Got {self.valid_from} and {self.test_from}"
            )
        return self

    @model_validator(mode="after")
    def _names_the_columns_of_the_split(self) -> Prepare:
        needed = {"group": "group", "time": "time", "column": "split_column"}.get(self.split)
        if needed and not getattr(self, needed):
            raise ValueError(f"split: {self.split} needs the name of a column in prepare.{needed}")
        return self


class Dimension(Section):
    """One dimension of the sweep's search space."""

    type: Literal["int", "float", "choice"] = Field(description="int, float or choice")
    low: float | None = Field(None, description="smallest value (int, float)")
    high: float | None = Field(None, description="largest value (int, float)")
    log: bool = Field(False, description="sample on a logarithmic scale")
    values: list[float] = Field([], description="the values of a choice")

    @model_validator(mode="after")
    def _is_complete(self) -> Dimension:
        if self.type == "choice":
            if not self.values or self.low is not None or self.high is not None or self.log:
                raise ValueError("a choice takes 'values' (at least one) and nothing else")
        elif self.low is None or self.high is None or self.low >= self.high or self.values:
            raise ValueError(
                f"an {self.type} dimension takes 'low' and 'high' with low < high, and no 'values'"
            )
        elif self.log and self.low <= 0:
            raise ValueError("low must be above 0 on a logarithmic scale")
        return self


Sweepable = Literal[
    "num_leaves", "min_data_in_leaf", "feature_fraction", "bagging_fraction", "lambda_l1", "lambda_l2"
]  # the keys of Train that a sweep may search


class Sweep(Section):
    """Search the model's parameters with Ray Tune; a trial is judged on the valid split."""

    trials: int = Field(12, ge=1, le=10_000, description="number of trials")
    concurrency: int = Field(2, ge=1, le=256, description="trials that run at the same time")
    max_rounds: int = Field(200, ge=1, description="most boosting rounds of a trial")
    learning_rate: float = Field(
        0.1, gt=0, le=1, description="learning rate of the trials (train has its own)"
    )
    seed: Seed = Field(1, description="seed of the search and of each trial")
    space: dict[Sweepable, Dimension] = Field(
        {
            "num_leaves": Dimension(type="int", low=4, high=64, log=True),
            "min_data_in_leaf": Dimension(type="int", low=5, high=40),
            "feature_fraction": Dimension(type="float", low=0.3, high=1.0),
            "lambda_l2": Dimension(type="float", low=0.001, high=10.0, log=True),
        },
        description="what is searched; train takes these from the best trial",
    )

    @model_validator(mode="after")
    def _finds_what_train_can_take(self) -> Sweep:
        for name, dimension in self.space.items():
            ends = dimension.values or [end for end in (dimension.low, dimension.high) if end is not None]
            whole = is_whole(name)
            if whole and (dimension.type == "float" or not all(end.is_integer() for end in ends)):
                raise ValueError(
                    f"space.{name} must be searched in whole numbers: type int, or a choice of them"
                )
            for end in ends:
                try:
                    Train.model_validate({name: int(end) if whole else end})
                except ValidationError as error:
                    rule = error.errors()[0]["msg"].lower()
                    raise ValueError(
                        f"space.{name} must hold values that train.{name} can have; {rule}"
                    ) from None
        return self


class Train(Section):
    """Train the LightGBM model, with early stopping on the valid split."""

    use_sweep: bool = Field(
        True, description="take the swept parameters from the best trial; false: from here"
    )
    learning_rate: float = Field(0.05, gt=0, le=1, description="shrinkage of each tree")
    num_leaves: int = Field(15, ge=2, le=131_072, description="leaves per tree")
    min_data_in_leaf: int = Field(10, ge=1, description="fewest rows in a leaf")
    feature_fraction: float = Field(1.0, gt=0, le=1, description="share of features tried per tree")
    bagging_fraction: float = Field(1.0, gt=0, le=1, description="share of rows used per tree")
    lambda_l1: float = Field(0.0, ge=0, description="L1 regularization")
    lambda_l2: float = Field(0.0, ge=0, description="L2 regularization")
    max_rounds: int = Field(500, ge=1, description="most boosting rounds")
    patience: int = Field(30, ge=1, description="stop after so many rounds without a better valid score")
    seed: Seed = Field(1, description="seed of bagging and feature sampling")


def is_whole(name: str) -> bool:
    """Whether a key of ``train`` takes whole numbers only."""
    return Train.model_fields[name].annotation is int


Metric = Literal["roc_auc", "accuracy", "f1", "log_loss", "rmse", "mae", "r2"]


class Validate(Section):
    """Judge the model on the held-out test split and decide whether it may be released."""

    metric: Metric = Field("roc_auc", description="the metric that gates look at")
    limit: float = Field(
        0.85, description="worst value that passes (smallest, or largest for errors and losses)"
    )
    max_loss: float = Field(0.01, ge=0, description="how much worse than the released model it may be")
    resamples: int = Field(1000, ge=100, le=100_000, description="bootstrap resamples of the test rows")
    confidence: Share = Field(0.95, description="confidence of the interval")
    seed: Seed = Field(1, description="seed of the bootstrap")


class Predict(Section):
    """Predict a table in batch with the packaged model."""

    input: Path = Field(
        "data/prepared/test.parquet",
        description="table to predict, written as the training table was: a file, or a folder of parts",
    )


class Monitor(Section):
    """Compare predicted rows with the reference profile and report drift."""

    input: Path = Field(
        "data/predictions/predictions.parquet", description="batch predictions, or a prediction log"
    )
    alpha: Share = Field(0.01, description="chance that a report without drift shows any")
    tolerance: float = Field(
        0.02, ge=0, lt=0.5, description="change in a share of rows that is too small to matter"
    )
    fail_on_drift: bool = Field(False, description="end the stage with an error when there is drift")


class Runner(Section):
    """How notebooks are executed; no stage depends on it."""

    cell_timeout_s: int = Field(3600, ge=1, description="longest time a cell may take, in seconds")
    secrets: list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]] = Field(
        ["LABEL_STUDIO_API_KEY", "PGPASSWORD"],
        description="environment variables whose values never appear in a notebook",
    )


SECTIONS: dict[str, type[Section]] = {
    "collect": Collect,
    "annotate": Annotate,
    "prepare": Prepare,
    "sweep": Sweep,
    "train": Train,
    "validate": Validate,
    "package": Package,
    "predict": Predict,
    "monitor": Monitor,
    "runner": Runner,
}
STAGES = tuple(name for name in SECTIONS if name != "runner")
