"""How does a notebook do something slow without freezing? A button starts it, a bar shows how far
it is, and it can be stopped.

The work runs in a thread. What it prints would be lost there, so it says how far it is through
`Progress`, and its result goes to a function.
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable

from helpers.core.progress import Progress, Stopped

CLOCK_SECONDS = 1.0


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
    now = {"what": "", "since": 0.0, "stopping": False}
    saying = threading.Lock()  # the clock must not speak after the result

    def show(share: float, what: str) -> None:
        if what != now["what"]:
            now.update(what=what, since=time.perf_counter())
        bar.value = share
        tick()

    def tick() -> None:
        """Say what is going on and for how long: a step that reports nothing is not mistaken for
        one that hangs."""
        took = time.perf_counter() - now["since"]
        what = "stopping, after the step that is under way" if now["stopping"] else now["what"]
        clock = f" ({took:.0f} s)" if took >= 2 else ""
        status.value = f"<span role='status'>{html.escape(what)} …{clock}</span>"

    def run(progress: Progress, over: threading.Event) -> None:
        begun = time.perf_counter()
        try:
            said = done(work(progress))
            at_end = f"<span role='status'>{said} ({time.perf_counter() - begun:.1f} s)</span>"
        except Stopped:
            at_end = (
                "<span role='status'>Stopped. What was finished is saved; start again to go"
                " on.</span>"
            )
        except Exception as error:  # nothing else would show it: a thread has no cell to print to
            at_end = (
                "<span role='alert' style='color:var(--jp-error-color1,#b42318)'>"
                f"{type(error).__name__}: {error}</span>"
            )
        with saying:
            over.set()
            status.value = at_end
        bar.layout.visibility, start.disabled, stop.disabled = "hidden", False, True

    def watch(over: threading.Event) -> None:
        while not over.wait(CLOCK_SECONDS):
            with saying:
                if not over.is_set():
                    tick()

    def begin(_) -> None:
        bar.layout.visibility, start.disabled, stop.disabled, bar.value = "visible", True, False, 0
        now.update(what="getting ready", since=time.perf_counter(), stopping=False)
        tick()
        at_work[:] = [Progress(show)]
        over = threading.Event()
        threading.Thread(target=run, args=(at_work[0], over), daemon=True).start()
        threading.Thread(target=watch, args=(over,), daemon=True).start()

    def end(_) -> None:
        if at_work and not stop.disabled:
            now.update(stopping=True)
            tick()
            at_work[0].stop()

    start.on_click(begin)
    stop.on_click(end)
    for widget, part in ((start, "start"), (stop, "stop"), (bar, "bar"), (status, "status")):
        widget.add_class(f"t-{name}-{part}")
    return widgets.HBox(
        [start, stop, bar, status], layout={"align_items": "center", "flex_flow": "row wrap"}
    )
