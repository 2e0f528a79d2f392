"""How Sphinx makes the site of README and docs: `.ci/task site`.

The pages are the repository's own Markdown files, where they lie and as they read on a code host, so every link
between them holds in both places. What the site adds is made here: the contents beside each page, and pictures that
are light or dark.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from docutils import nodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Every page, under the heading that it has in the contents. A page that is missing here fails the build.
CONTENTS: Final = {
    "Use it": "docs/rules docs/judging docs/library docs/analyze docs/page docs/models docs/fetch docs/export "
    "docs/plan-table docs/switching",
    "What happens to files": "docs/safety docs/conversion docs/beside docs/xmp docs/staying docs/containers docs/after",
    "Run it": "docs/service docs/commands docs/settings docs/benchmarks",
    "Trust it": "docs/security SECURITY tests/FAULTS CHANGELOG",
    "Change it": "docs/architecture docs/contributing docs/releasing tests/MUTANTS tests/benchmarks/NOTES",
    "The model in the package": "vsortd/vision/sample/CARD vsortd/vision/sample/ATTRIBUTION",
}

project = "vsortd"
author = "The vsortd authors"
copyright = author  # noqa: A001 - Sphinx calls it so
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["README.md", "docs/*.md", *(f"{name}.md" for names in CONTENTS.values() for name in names.split())]
exclude_patterns = [".*", "site", "build", "dist"]
highlight_language = "none"
nitpicky = True
myst_heading_anchors = 6  # links into pages name headings as code hosts do

html_theme = "pydata_sphinx_theme"
html_title = "vsortd"
html_copy_source = html_use_index = False
html_show_search_summary = False  # would be fetched page by page, which browsers forbid where the site is on the disk
html_context = {"default_mode": "auto"}  # light or dark as the system is, until somebody chooses
templates_path = ["site"]
html_sidebars = {"**": ["contents.html"]}
html_theme_options = {
    "navbar_center": [],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "search_bar_text": "Search",
}


class SchemePictures(SphinxTransform):
    """Show the picture of a `<picture>` that fits the scheme of the site, which its readers can choose."""

    default_priority = 400

    def apply(self) -> None:
        """Put two pictures, one for each scheme, in the place of the HTML."""
        for found in list(self.document.findall(nodes.raw)):
            if not found.astext().startswith("<picture>"):
                continue
            html = found.astext()
            described = re.findall(r'alt="([^"]*)"', html)[0]
            sources = {"only-dark": r'srcset="([^"]*)"', "only-light": r'src="([^"]*)"'}
            found.replace_self(
                [
                    nodes.image(uri=re.findall(pattern, html)[0], alt=described, classes=[scheme])
                    for scheme, pattern in sources.items()
                ]
            )


def add_contents(_: Sphinx, docname: str, text: list[str]) -> None:
    """Put the contents behind the README, which the sidebar is made of."""
    if docname == root_doc:
        for title, names in CONTENTS.items():
            lines = ("```{toctree}", ":hidden:", f":caption: {title}", "", *names.split(), "```")
            text[0] += "".join(f"\n{line}" for line in lines)


def add_index(app: Sphinx, error: Exception | None) -> None:
    """Let the site begin with the README."""
    if error is None and app.builder.format == "html":
        shutil.copyfile(Path(app.outdir) / f"{app.config.root_doc}.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx what is ours."""
    app.add_transform(SchemePictures)
    app.connect("source-read", add_contents)
    app.connect("build-finished", add_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
