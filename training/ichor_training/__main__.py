"""python3 -m ichor_training <command>"""
from __future__ import annotations

import argparse
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("ICHOR_SHARED_DATA", ROOT.parent / "shared" / "data"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="ichor_training", description=__doc__)
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="train an experiment and write its bundle")
    build.add_argument("experiment", type=Path, nargs="?", default=ROOT / "training" / "experiments" / "default.yaml")
    build.add_argument("--ct-ich", type=Path, default=SHARED / "ct-ich-1.0.0")
    build.add_argument("--phantoms", type=Path, required=True, help="folder written by `ichor phantom --studies N --bleed random`")
    build.add_argument("--unseen-phantoms", type=Path, help="more phantoms, of other seeds, to count what the finished bundle flags")
    build.add_argument("--negative", type=Path, default=SHARED / "head-ct-ge", help="a real series without hemorrhage, for the same check")
    build.add_argument("--runs", type=Path, default=ROOT / "training" / "runs" / "default")
    build.add_argument("--out", type=Path, default=ROOT / "models" / "default")
    build.add_argument("--version", default="0.1.0")
    build.set_defaults(action=build_bundle)
    arguments = parser.parse_args()
    arguments.action(arguments)


def build_bundle(arguments: argparse.Namespace) -> None:
    from .build_default import build
    from .export import write_bundle
    from .sanity import sanity

    cnn, sequence, report = build(arguments.experiment, arguments.ct_ich, arguments.phantoms, arguments.runs)
    if arguments.unseen_phantoms is not None:
        report["sanity"] = sanity(cnn, sequence, report, arguments.unseen_phantoms, arguments.negative)
    write_bundle(arguments.out, arguments.version, cnn, sequence, report)


if __name__ == "__main__":
    main()
