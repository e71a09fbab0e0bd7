#!/usr/bin/env python3
"""Writes tiny_images.hpp: the images of the decoder's tests that are too laborious to spell out by hand.

Needs Pillow (Debian: python3-pil). Run: tests/support/make_tiny_images.py > tests/support/tiny_images.hpp
"""
import io
from PIL import Image

WIDTH, HEIGHT = 20, 13


def picture():
    """Left half red-ish, right half blue-ish, smooth enough for a JPEG to keep it within a few steps."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            image.putpixel((x, y), (200 - 8 * x, 40 + 6 * y, 30 + 9 * x))
    return image


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def with_thumbnail(jpeg):
    """An EXIF-like segment that holds a whole JPEG, end-of-image marker and all, before the real one's data."""
    thumbnail = encoded(picture().resize((4, 4)), "JPEG")
    payload = b"Exif\0\0" + thumbnail
    return jpeg[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload + jpeg[2:]


def main():
    rgb = picture()
    baseline = encoded(rgb, "JPEG", quality=92, subsampling=0)
    images = {
        "jpeg_baseline": baseline,
        "jpeg_subsampled": encoded(rgb, "JPEG", quality=92, subsampling=2),
        "jpeg_progressive": encoded(rgb, "JPEG", quality=92, subsampling=0, progressive=True),
        "jpeg_grey": encoded(rgb.convert("L"), "JPEG", quality=92),
        "jpeg_cmyk": encoded(rgb.convert("CMYK"), "JPEG", quality=92),
        "jpeg_with_thumbnail": with_thumbnail(baseline),
        "png_deflated": encoded(rgb, "PNG", optimize=True),
        "png_palette": encoded(rgb.quantize(16), "PNG"),
        "png_grey_alpha": encoded(rgb.convert("LA"), "PNG"),
    }
    print("// Made by make_tiny_images.py; do not edit. One picture of 20x13 pixels in several encodings:")
    print("// pixel(x, y) = (200 - 8x, 40 + 6y, 30 + 9x).")
    print("#pragma once\n\n#include <cstdint>\n\nnamespace tiny_images {\n")
    print(f"inline constexpr unsigned width = {WIDTH};\ninline constexpr unsigned height = {HEIGHT};\n")
    for name, data in images.items():
        print(f"inline constexpr std::uint8_t {name}[] = {{")
        for i in range(0, len(data), 20):
            print("    " + ", ".join(f"0x{b:02x}" for b in data[i:i + 20]) + ",")
        print("};\n")
    print("}  // namespace tiny_images")


main()
