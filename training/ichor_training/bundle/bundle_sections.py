"""What is added to a finished bundle: a file, a part of the manifest, a section of the model card. Digests follow; the
rest stays."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .manifest import plain_file


def read_manifest(bundle: Path) -> dict:
    """@raises FileNotFoundError when the folder is no bundle"""
    return json.loads((bundle / "manifest.json").read_text())


def write_manifest(bundle: Path, manifest: dict) -> None:
    """With the digests of golden values and model card as they are now."""
    manifest["files"]["golden"] = plain_file(bundle / manifest["files"]["golden"]["path"])
    manifest["files"]["modelCard"] = plain_file(bundle / manifest["files"]["modelCard"]["path"])
    (bundle / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def set_section(bundle: Path, title: str, text: str) -> None:
    """A section of the model card, in the place of one with the same title, else before what cannot be concluded."""
    path = bundle / "MODEL_CARD.md"
    before, *sections = re.split(r"^(?=## )", path.read_text(), flags=re.MULTILINE)
    section = f"## {title}\n\n{text.strip()}\n\n"
    same = [index for index, one in enumerate(sections) if one.startswith(f"## {title}\n")]
    last = [index for index, one in enumerate(sections) if one.startswith("## What cannot be concluded")]
    if same:
        sections[same[0]] = section
    else:
        sections.insert(last[0] if last else len(sections), section)
    path.write_text((before + "".join(sections)).rstrip() + "\n")
