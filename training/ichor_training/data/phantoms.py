"""Phantoms that `ichor phantom` of this repository draws."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def phantoms(out: Path, studies: int, seed: int, slices: int, matrix: int, *more: str) -> Path:
    """Drawn unless they are there. @returns `out` @raises FileNotFoundError when the repository's packages are not
    installed"""
    node, part = ROOT / "node_modules" / "node" / "bin" / "node", out.resolve().with_name(f"{out.name}.part")
    if out.exists():
        return out
    if not node.exists():
        raise FileNotFoundError(
            f"{node} is missing: run `npm ci` in {ROOT}, or name a folder of phantoms with --phantoms"
        )
    shutil.rmtree(part, ignore_errors=True)
    sizes = ["--studies", str(studies), "--slices", str(slices), "--matrix", str(matrix)]
    command = [
        str(node),
        str(ROOT / "apps" / "cli" / "src" / "main.ts"),
        "phantom",
        "--out",
        str(part),
        "--seed",
        str(seed),
    ]
    subprocess.run([*command, *sizes, *more], check=True, cwd=ROOT)
    part.rename(out)
    return out


def for_training(runs: Path) -> Path:
    return phantoms(runs / "phantoms", 260, 1_000_000, 26, 256, "--bleed", "random", "--confounders", "random")


def unseen(runs: Path) -> Path:
    """Of seeds that no training sees."""
    phantoms(runs / "unseen" / "bleed", 72, 7_300_001, 30, 256, "--bleed", "random")
    phantoms(runs / "unseen" / "none", 40, 7_400_001, 30, 256, "--confounders", "random")
    return runs / "unseen"
