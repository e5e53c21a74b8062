"""Studies that no head CT looks like: what the out-of-domain detector is measured on. Made from heads, or from nothing;
not of a patient.

Every kind is a function of a random generator and a head, int16 HU [S, H, W], and gives as many slices of the same
size.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Kind = Callable[[np.random.Generator, np.ndarray], np.ndarray]
AIR_HU, FAT_HU, MOST_HU = -1000.0, -100.0, 3071.0


def hounsfield(values: np.ndarray) -> np.ndarray:
    """As the worker stores them: int16, of what 12 bits hold and a little more."""
    return np.clip(np.rint(values), -1024, 4095).astype(np.int16)


def grid(head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of every pixel, −1 to 1."""
    side = head.shape[-2:]
    return tuple(np.meshgrid(np.linspace(-1, 1, side[0]), np.linspace(-1, 1, side[1]), indexing="ij"))


def ellipse(head: np.ndarray, row: float, column: float, height: float, width: float) -> np.ndarray:
    """bool [H, W]; centre and half axes as parts of half the image."""
    rows, columns = grid(head)
    return np.hypot((rows - row) / height, (columns - column) / width) < 1


def noisy(rng: np.random.Generator, image: np.ndarray, slices: int, deviation: float) -> np.ndarray:
    """The image as a stack, each slice with its own noise, smoothed as a soft kernel does."""
    noise = rng.normal(0, deviation * 1.5, (slices, *image.shape))
    smooth = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + np.roll(noise, (1, 1), (1, 2))) / 4
    return hounsfield(image + smooth * 4 / 3)


def drawn(head: np.ndarray, *parts: tuple[np.ndarray, float]) -> np.ndarray:
    image = np.full(head.shape[-2:], AIR_HU)
    for where, value in parts:
        image[where] = value
    return image


def water(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    """A scanner's quality phantom: water in acrylic."""
    radius = rng.uniform(0.5, 0.75)

    def around(extra):
        return ellipse(head, 0, 0, radius + extra, radius + extra)

    return noisy(rng, drawn(head, (around(0.03), 120.0), (around(0), 0.0)), len(head), 5)


def abdomen(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    width, parts = rng.uniform(0.8, 0.95), []
    parts += [(ellipse(head, 0, 0, 0.68, width), FAT_HU), (ellipse(head, 0.02, 0, 0.58, width - 0.1), 50.0)]
    parts += [(ellipse(head, -0.05, -0.35, 0.35, 0.4), 60.0), (ellipse(head, -0.1, 0.45, 0.2, 0.16), 45.0)]
    parts += [(ellipse(head, 0.2, side * 0.4, 0.15, 0.1), 32.0) for side in (-1, 1)]
    parts += [(ellipse(head, rng.uniform(-0.4, 0), rng.uniform(-0.3, 0.3), 0.09, 0.12), AIR_HU) for _ in range(4)]
    parts += [(ellipse(head, 0.38, 0, 0.13, 0.15), 280.0), (ellipse(head, 0.5, 0, 0.05, 0.05), 20.0)]
    return noisy(rng, drawn(head, *parts), len(head), 12)


def chest(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    width, parts = rng.uniform(0.85, 0.98), []
    parts += [(ellipse(head, 0, 0, 0.65, width), FAT_HU), (ellipse(head, 0, 0, 0.58, width - 0.08), 50.0)]
    parts += [(ellipse(head, 0, side * 0.42, 0.45, 0.32), -850.0) for side in (-1, 1)]
    parts += [(ellipse(head, -0.1, 0.12, 0.22, 0.2), 42.0), (ellipse(head, 0.4, 0, 0.13, 0.14), 300.0)]
    return noisy(rng, drawn(head, *parts), len(head), 15)


def legs(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    parts, thickness = [], rng.uniform(0.36, 0.45)
    layers = ((thickness, FAT_HU), (thickness - 0.06, 55.0), (0.13, 1200.0), (0.08, -60.0))
    for side in (-0.5, 0.5):
        parts += [(ellipse(head, 0, side, radius, radius), value) for radius, value in layers]
    return noisy(rng, drawn(head, *parts), len(head), 8)


def noise_alone(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    return hounsfield(rng.normal(0, 400, head.shape))


def air_alone(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    return noisy(rng, drawn(head), len(head), 5)


def extreme_noise(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    return hounsfield(head + rng.normal(0, rng.uniform(100, 200), head.shape))


def intercept_missing(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    return hounsfield(head.astype(float) + 1024)


def intercept_twice(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    return hounsfield(head.astype(float) - 1024)


def slope_doubled(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    return hounsfield((head.astype(float) + 1024) * 2 - 1024)


def inverted(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    return hounsfield(1024 - (head.astype(float) + 1024) + rng.uniform(0, 60))


def magnetic_resonance(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    """A T1-like picture of the head: dark air and bone, bright fat, grey brain, arbitrary units."""
    value, gain = head.astype(float), rng.uniform(3, 12)
    brain = (value > -20) & (value < 100)
    signal = np.where(brain, 40 + (value - 30) * 1.5, np.where((value > -200) & (value <= -20), 90.0, 5.0))
    return hounsfield((signal + rng.normal(0, 4, head.shape)) * gain)


def heavy_metal(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    """Large implants: saturated spots and, from each, bright and dark rays through every slice."""
    rows, columns = grid(head)
    out = head.astype(float)
    for _ in range(3):
        row, column = rng.uniform(-0.5, 0.5, 2)
        angle, distance = np.arctan2(rows - row, columns - column), np.hypot(rows - row, columns - column)
        rays = np.sign(np.sin(angle * rng.integers(8, 16) + rng.uniform(0, 6))) * 600 * np.exp(-distance / 0.7)
        out = np.where(distance < 0.09, MOST_HU, out + rays)
    return hounsfield(out)


def sagittal(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    """Sagittal planes of the same head under headers that say axial."""
    slices, rows, columns = head.shape
    at = np.linspace(columns * 0.25, columns * 0.75, slices).astype(int)
    lines = np.clip(((np.arange(rows) / rows - 0.5) * 1.6 + 0.5) * slices, -1, slices).astype(int)
    outside = (lines < 0) | (lines >= slices)
    planes = np.moveaxis(head[::-1][np.clip(lines, 0, slices - 1)][:, :, at], 2, 0)
    return np.where(outside[None, :, None], AIR_HU, planes).astype(np.int16)


def enlarged(rng: np.random.Generator, head: np.ndarray) -> np.ndarray:
    """A small field of view: a third of the head fills the image."""
    side = head.shape[-1]
    part = side // 3
    row, column = (int(one) for one in rng.integers(side // 4, side - side // 4 - part, 2))
    at = np.linspace(0, part - 1, side).astype(int)
    return head[:, row : row + part, column : column + part][:, at][:, :, at]


KINDS: dict[str, Kind] = {
    "water phantom": water,
    "abdomen": abdomen,
    "chest": chest,
    "legs": legs,
    "air": air_alone,
    "noise": noise_alone,
    "head in extreme noise": extreme_noise,
    "head, intercept missing": intercept_missing,
    "head, intercept applied twice": intercept_twice,
    "head, slope doubled": slope_doubled,
    "head, inverted": inverted,
    "head, as MR shows it": magnetic_resonance,
    "head with heavy metal": heavy_metal,
    "head, sagittal": sagittal,
    "head, a third of it enlarged": enlarged,
}
"""By the name that tables show."""
