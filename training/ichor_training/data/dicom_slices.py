"""One DICOM instance as Hounsfield units, and at the side that studies are kept at (PS3.3 C.11.1.1.2, C.7.6.3.1)."""

from __future__ import annotations

import numpy as np
import pydicom
from PIL import Image

PADDING_HU = -1024


def dataset_hu(dataset: pydicom.Dataset) -> np.ndarray:
    """int16 [rows, columns], as the worker computes them: the known defect of 12-bit unsigned values is repaired,
    padding is air.

    The defect: signed values that wrapped, told by an intercept above −100 (1000 is added, 4096 wraps, the intercept is
    −1000).
    @raises Exception whatever pydicom says of pixels that cannot be read
    """
    value = dataset.pixel_array.astype(np.int64)
    if value.ndim != 2:
        raise ValueError(f"pixels of shape {value.shape}, not one slice")
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    upright = (
        inverted(dataset, value)
        if dataset.PhotometricInterpretation == "MONOCHROME1" and (slope, intercept) == (1, 0)
        else value
    )
    if dataset.BitsStored == 12 and dataset.PixelRepresentation == 0 and intercept > -100:
        upright, intercept = (upright + 1000) % 4096, -1000.0
    hu = np.clip(np.rint(upright * slope + intercept), -32768, 32767)
    return np.where(is_padding(dataset, value), PADDING_HU, hu).astype(np.int16)


def inverted(dataset: pydicom.Dataset, value: np.ndarray) -> np.ndarray:
    return -1 - value if dataset.PixelRepresentation == 1 else (1 << dataset.BitsStored) - 1 - value


def is_padding(dataset: pydicom.Dataset, value: np.ndarray) -> np.ndarray:
    if dataset.get("PixelPaddingValue") is None:
        return np.zeros(value.shape, bool)
    first = int(dataset.PixelPaddingValue)
    low, high = sorted((first, int(dataset.get("PixelPaddingRangeLimit", first))))
    return (value >= low) & (value <= high)


def resized(hu: np.ndarray, side: int) -> np.ndarray:
    """int16 [side, side], bilinear; what has this side stays as it is."""
    if hu.shape == (side, side):
        return hu
    image = Image.fromarray(hu.astype(np.float32)).resize((side, side), Image.BILINEAR)
    return np.rint(np.asarray(image)).astype(np.int16)
