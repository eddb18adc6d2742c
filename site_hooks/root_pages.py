"""MkDocs hook: pages that stand at the root of the source tree are pages of the site, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

PAGES = ("ARCHITECTURE.md", "CHANGELOG.md")


def on_files(files: Any, config: Any) -> Any:
    """Add them, with their links as seen from the folder of the documents."""
    root = Path(config.config_file_path).parent
    for name in PAGES:
        text = (root / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name.lower(), content=text))
    return files
