"""How Sphinx builds the documentation site: `make docs`, then open build/docs/index.html."""

project = "Rackflow"
author = "The Rackflow authors"
copyright = "The Rackflow authors, Apache-2.0"  # noqa: A001 - the name that Sphinx asks for
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = []
# Headings can be linked to from other pages, as on code hosts; a link that leads nowhere is a warning, and `make docs` fails on warnings.
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
html_theme = "furo"
html_title = "Rackflow"
html_show_sphinx = False
html_copy_source = False
# Nothing is fetched from elsewhere when a page is read: theme, fonts, search and pictures are all local.
html_theme_options = {"top_of_page_buttons": []}
