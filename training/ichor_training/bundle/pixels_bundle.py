"""How much the side that slices are kept at changes a bundle's probabilities: a section of its model card."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime

from ..data.neighbours import amid_neighbours
from ..data.studies import Studies
from ..measure import pixels
from .bundle_sections import read_manifest, set_section, write_manifest

TITLE = "The pixels it sees"


def add_pixels(bundle: Path, studies: Studies, other: int = pixels.FORMERLY) -> str:
    """@returns the section of the model card @raises FileNotFoundError when the folder is no bundle"""
    manifest = read_manifest(bundle)
    found = pixels.difference(judge_of(bundle), studies, other)
    manifest["metrics"]["pixels"] = asdict(found)
    section = pixels.section(found)
    set_section(bundle, TITLE, section)
    write_manifest(bundle, manifest)
    return section


def judge_of(bundle: Path) -> pixels.Judge:
    cnn, sequence = (onnxruntime.InferenceSession(bundle / f"{name}.onnx") for name in ("cnn", "sequence"))

    near = read_manifest(bundle)["preprocessing"].get("neighbours", 0)

    def judge(hu: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen = amid_neighbours(hu, near) if near else hu
        parts = [cnn.run(["features", "logits"], {"hu": part}) for part in np.array_split(seen, -(-len(hu) // 8))]
        features, logits = (np.concatenate(one) for one in zip(*parts, strict=True))
        return logits, sequence.run(["sequence_logits"], {"features": features, "logits": logits})[0]

    return judge
