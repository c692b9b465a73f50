"""How Sphinx renders the course. Nothing is executed: the saved outputs are shown."""

import re

project = "Fine-tuning or RAG?"
html_title = project
extensions = ["myst_nb"]
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["tasklist"]
myst_heading_anchors = 4
html_theme = "furo"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_theme_options = {
    "source_view_link": "",
    "light_css_variables": {"color-brand-primary": "#00598f", "color-brand-content": "#00598f"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f2", "color-brand-content": "#7cc4f2"},
}
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
exclude_patterns = ["docs/src", "conf.py"]
suppress_warnings = ["myst.header"]
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"


def open_to_everybody(app, pagename, templatename, context, doctree):
    """Sphinx calls the caption of a menu a heading and does not say of which level, and code and
    tables that scroll cannot be reached by keyboard."""
    level = ('class="caption" role="heading"', 'class="caption" role="heading" aria-level="2"')
    for name in ("body", "furo_navigation_tree"):
        if name in context:
            context[name] = context[name].replace(*level)
    for tag in ("pre", "table"):
        if "body" in context:
            context["body"] = re.sub(rf"<{tag}(?=[ >])", f'<{tag} tabindex="0"', context["body"])


def setup(app):
    # after furo has put its menu there
    app.connect("html-page-context", open_to_everybody, priority=900)
