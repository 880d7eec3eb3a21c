"""Image files to RGB tensors: whole images or an error, never None and never half a picture."""

import io
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from drivetr.data.image_header import read_image_header
from drivetr.data.png_check import SIGNATURE, fault_of_png
from drivetr.errors import DrivetrError


def decode_image_file(path: Path) -> UInt8[Tensor, "3 H W"]:
    """Decodes a JPEG or PNG file to RGB, 0..255.

    Grey, palette, CMYK and transparent images become RGB, 16 bits a channel are cut to 8, and EXIF
    orientation is ignored, as nuScenes' calibration belongs to the pixels as they are stored. The
    colours of a pixel lie side by side in memory, as the decoder delivers them and as resizing
    likes them.

    Raises:
        DrivetrError: the file is missing, empty, cut anywhere, damaged, neither JPEG nor PNG, or
            its header promises more pixels than `drivetr.data.image_header.MAX_PIXELS`.
    """
    header = read_image_header(path)
    content = path.read_bytes()
    decode = _decode_png if content.startswith(SIGNATURE) else _decode_jpeg
    try:
        image = decode(content)
    except Exception as error:  # of many kinds, for a file from anywhere
        raise DrivetrError(
            f"{path}: the image data is cut or damaged ({len(content):,} bytes for"
            f" {header.width}x{header.height} pixels): {error}; fetch the file again"
        ) from error
    if image.shape != (3, header.height, header.width):
        raise DrivetrError(
            f"{path}: decodes to {image.shape[2]}x{image.shape[1]} pixels but its header promises"
            f" {header.width}x{header.height}; fetch the file again"
        )
    return image


def _decode_jpeg(content: bytes) -> Tensor:
    data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    image: Tensor = decode_image(data, mode=ImageReadMode.RGB, apply_exif_orientation=False)
    return image


def _decode_png(content: bytes) -> Tensor:
    """By Pillow: torchvision 0.29 dies of a segmentation fault where libpng reports an error."""
    fault = fault_of_png(content)
    if fault is not None:
        raise ValueError(f"the file {fault}")
    with Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
        if picture.mode.startswith("I"):  # grey of 16 bits, which `convert` would not scale
            grey = np.asarray(picture).astype(np.uint32) >> 8
            pixels = np.stack([grey.astype(np.uint8)] * 3, axis=-1)
        else:
            pixels = np.array(picture.convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)
