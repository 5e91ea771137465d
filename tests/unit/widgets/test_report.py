"""Errors of callbacks are shown in the page, which Jupyter does not do."""

from toolkit.errors import ParamsError
from toolkit.widgets.report import Report


def failing(error: Exception) -> str:
    report = Report()

    def callback() -> None:
        raise error

    report.guard(callback)()
    return report.value


def test_a_users_mistake_is_shown_as_its_message_alone() -> None:
    page = failing(ParamsError("train.seed: must be <whole>"))
    assert "train.seed: must be &lt;whole&gt;" in page and "Traceback" not in page
    assert 'role="alert"' in page


def test_any_other_error_is_shown_with_its_place() -> None:
    page = failing(ZeroDivisionError("by <0>"))
    assert "ZeroDivisionError: by &lt;0&gt;" in page
    assert "Traceback" in page and "in callback" in page


def test_a_good_callback_says_nothing_and_gives_its_value() -> None:
    report = Report()
    assert report.guard(lambda value: value + 1)(1) == 2
    assert report.value == ""
