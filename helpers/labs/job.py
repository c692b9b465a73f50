"""How does a notebook do something slow without freezing? A button starts it, a bar shows how far
it is, and it can be stopped.

The work runs in a thread. What it prints would be lost there, so it says how far it is through
`Progress`, and its result goes to a function.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from helpers.core.progress import Progress, Stopped


def job(label: str, work: Callable[[Progress], object], done: Callable[[object], str], name: str):
    """A row of widgets: start button, stop button, bar, and what is going on.

    work(progress) does it; done(result) shows the result and returns a sentence. name: the CSS
    classes are t-<name>-start, -stop, -bar, -status.
    """
    import ipywidgets as widgets

    start = widgets.Button(
        description=label, layout={"width": "auto"}, button_style="primary", tooltip=label
    )
    stop = widgets.Button(
        description="Stop", disabled=True, layout={"width": "auto"}, tooltip=f"Stop: {label}"
    )
    bar = widgets.FloatProgress(min=0, max=1, layout={"width": "160px", "visibility": "hidden"})
    status = widgets.HTML()
    at_work: list[Progress] = []

    def show(share: float, what: str) -> None:
        bar.value, status.value = share, f"<span role='status'>{what} …</span>"

    def run(progress: Progress) -> None:
        begun = time.perf_counter()
        try:
            said = done(work(progress))
            status.value = (
                f"<span role='status'>{said} ({time.perf_counter() - begun:.1f} s)</span>"
            )
        except Stopped:
            status.value = (
                "<span role='status'>Stopped. What was finished is saved; start again to go"
                " on.</span>"
            )
        except Exception as error:  # nothing else would show it: a thread has no cell to print to
            status.value = (
                f"<span role='alert' style='color:#b42318'>{type(error).__name__}: {error}</span>"
            )
        finally:
            bar.layout.visibility, start.disabled, stop.disabled = "hidden", False, True

    def begin(_) -> None:
        bar.layout.visibility, start.disabled, stop.disabled, bar.value = "visible", True, False, 0
        at_work[:] = [Progress(show)]
        threading.Thread(target=run, args=(at_work[0],), daemon=True).start()

    start.on_click(begin)
    stop.on_click(lambda _: at_work and at_work[0].stop())
    for widget, part in ((start, "start"), (stop, "stop"), (bar, "bar"), (status, "status")):
        widget.add_class(f"t-{name}-{part}")
    return widgets.HBox(
        [start, stop, bar, status], layout={"align_items": "center", "flex_flow": "row wrap"}
    )
