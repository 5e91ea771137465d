"""Messages in the page: what ended well, what is wrong, and errors of callbacks, which Jupyter otherwise swallows."""

from __future__ import annotations

import functools
import html
import traceback
from collections.abc import Callable
from typing import Any, Literal

from ipywidgets import HTML

from toolkit.errors import ToolkitError

Tone = Literal["good", "bad", "note"]


class Report(HTML):
    """A place in a view for one message at a time; empty it takes no room."""

    def say(self, message: str, tone: Tone = "note") -> None:
        """Show a message as plain text."""
        self.say_html(html.escape(message), tone)

    def say_html(self, markup: str, tone: Tone = "note") -> None:
        """Show a message that is HTML already."""
        role = "alert" if tone == "bad" else "status"
        self.value = f'<div class="tk-box tk-{tone}" role="{role}">{markup}</div>'

    def clear(self) -> None:
        """Take the message away."""
        self.value = ""

    def guard(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a callback so that its error is shown here: a user's mistake as its message, any other in full."""

        @functools.wraps(callback)
        def guarded(*arguments: Any, **named: Any) -> Any:
            try:
                return callback(*arguments, **named)
            except ToolkitError as error:
                self.say(str(error), "bad")
            except Exception as error:
                title = html.escape(f"{type(error).__name__}: {error}")
                trace = html.escape(traceback.format_exc())
                self.say_html(f"{title}<details><summary>Where</summary><pre>{trace}</pre></details>", "bad")
            return None

        return guarded
