"""What made an outcome: its facts stand in its file, and it is used again for exactly these facts.

Facts are plain JSON: configuration of the stage, data, seed, split, start weights, and the weights of the stage before.
Beside them stand the patients that were learned from, those of every earlier stage included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor


class MadeOtherwise(ValueError):
    """What is there was made by something else than what is asked for now."""


@dataclass(frozen=True)
class Made:
    facts: dict[str, Any]
    patients: tuple[str, ...] = ()
    """Whom it was learned from, with the name of their data."""

    @property
    def text(self) -> str:
        """As files hold it."""
        return json.dumps({"facts": self.facts, "patients": self.patients, "digest": self.digest}, sort_keys=True)

    @property
    def digest(self) -> str:
        return digest_of(self.facts)

    @staticmethod
    def read(text: str | None, path: Path) -> Made:
        """@raises MadeOtherwise when a file does not say what made it, or says it wrongly"""
        if text is None:
            raise MadeOtherwise(f"{path} does not say what made it; {remedy(path)}")
        stored = json.loads(text)
        made = Made(stored["facts"], tuple(stored["patients"]))
        if made.digest != stored["digest"]:
            raise MadeOtherwise(f"{path}: what it says of its making was changed; {remedy(path)}")
        return made

    def accept(self, text: str | None, path: Path) -> None:
        """@raises MadeOtherwise naming what differs"""
        found = Made.read(text, path)
        changed = differences(found.facts, json.loads(json.dumps(self.facts)))
        if changed:
            shown = "; ".join(f"{name} {was}, now {now}" for name, was, now in changed[:4])
            more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
            raise MadeOtherwise(f"{path} was made with {shown}{more}; {remedy(path)}")


def remedy(path: Path) -> str:
    return f"name another folder with --run, or remove {path.parent} to begin anew"


def digest_of(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def differences(was: Any, now: Any, name: str = "") -> list[tuple[str, str, str]]:
    """Where two trees of facts differ: name, former and present value."""
    if isinstance(was, dict) and isinstance(now, dict):
        keys = sorted({*was, *now})
        return [one for key in keys for one in differences(was.get(key), now.get(key), f"{name}.{key}".lstrip("."))]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        pairs = enumerate(zip(was, now, strict=True))
        return [one for index, (old, new) in pairs for one in differences(old, new, f"{name}[{index}]")]
    return [] if was == now else [(name, text_of(was), text_of(now))]


def text_of(value: Any) -> str:
    if isinstance(value, str):
        return value[:12] if len(value) == 64 else value
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


@dataclass(frozen=True)
class Network:
    state: dict[str, Tensor]
    made: Made | None
    """None: a plain state, of which nobody knows who made it."""


def save_network(state: dict[str, Tensor], made: Made, path: Path) -> None:
    save_whole({"state": state, "made": made.text}, path)


def load_network(path: Path) -> Network:
    """Of whatever made it. @raises FileNotFoundError"""
    stored = torch.load(path, map_location="cpu", weights_only=True)
    if set(stored) == {"state", "made"}:
        return Network(stored["state"], Made.read(stored["made"], path))
    return Network(stored, None)


def read_network(path: Path, made: Made) -> Network:
    """@raises MadeOtherwise when something else than `made` made it"""
    network = load_network(path)
    made.accept(network.made.text if network.made else None, path)
    return network


def kept_json(path: Path, made: Made, measure: Callable[[], dict]) -> dict:
    """From the file, or measured and kept there. @raises MadeOtherwise"""
    if not path.exists():
        found = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"made": made.text, **found}))
    stored = json.loads(path.read_text())
    made.accept(stored.pop("made", None), path)
    return stored


def weights_digest(state: dict[str, Tensor]) -> str:
    """Of the numbers themselves, wherever the file lies."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(state[name].detach().cpu().numpy()).tobytes())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_whole(state: dict, path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    torch.save(state, temporary)
    temporary.replace(path)
