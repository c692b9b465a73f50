"""The widgets of a board or a lab, found by the classes that a browser test uses as well."""

from __future__ import annotations


def part(widget, name):
    """The widget in this one with the class t-<name>; None where there is none."""
    if f"t-{name}" in widget._dom_classes:
        return widget
    found = (part(child, name) for child in getattr(widget, "children", ()))
    return next((one for one in found if one is not None), None)
