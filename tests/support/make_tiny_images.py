#!/usr/bin/env python3
"""Writes tiny_images.hpp: the images of the decoder's tests that are too laborious to spell out by hand, and what
other decoders make of them.

Debian: python3-pil libjpeg-turbo-progs libturbojpeg0 imagemagick
Run: tests/support/make_tiny_images.py > tests/support/tiny_images.hpp
"""
import ctypes
import io
import subprocess

from PIL import Image, ImageOps

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


def output_of(*command, stdin):
    return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout


def ppm(image):
    return encoded(image, "PPM")


def magick(image, *options, kind="PNG"):
    """ImageMagick writes through libpng, and interlaced files too."""
    return output_of("convert-im6", "ppm:-", *options, f"{kind}:-", stdin=ppm(image))


def ycck(image):
    """TurboJPEG turns CMYK pixels into YCCK; inverted, as Adobe does it."""
    turbo = ctypes.CDLL("libturbojpeg.so.0")
    turbo.tjInitCompress.restype = ctypes.c_void_p
    pixels = bytes(255 - x for x in image.convert("CMYK").tobytes())
    jpeg = ctypes.POINTER(ctypes.c_ubyte)()
    size = ctypes.c_ulong()
    tjpf_cmyk, tjsamp_444 = 11, 0
    failed = turbo.tjCompress2(ctypes.c_void_p(turbo.tjInitCompress()), pixels, WIDTH, 0, HEIGHT, tjpf_cmyk,
                               ctypes.byref(jpeg), ctypes.byref(size), tjsamp_444, 92, 0)
    assert not failed
    return bytes(jpeg[:size.value])


def without_adobe_segment(jpeg):
    at = jpeg.index(b"\xff\xee")
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2:at + 4], "big"):]


def by_djpeg(jpeg):
    """libjpeg-turbo's pixels."""
    return Image.open(io.BytesIO(output_of("djpeg", "-rgb", "-ppm", stdin=jpeg))).convert("RGB").tobytes()


def by_pillow(data):
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def exif(orientation):
    tags = Image.Exif()
    tags[274] = orientation
    return tags.tobytes()


def turned(orientation):
    """What Pillow makes of 3x2 pixels, numbered by row, that are to be turned."""
    image = Image.frombytes("L", (3, 2), bytes(range(6)))
    image.info["exif"] = exif(orientation)
    image.getexif()[274] = orientation
    return ImageOps.exif_transpose(image).tobytes()


def write_array(name, data, decimal=False):
    print(f"inline constexpr std::uint8_t {name}[] = {{")
    for i in range(0, len(data), 24 if decimal else 20):
        row = data[i:i + 24] if decimal else data[i:i + 20]
        print("    " + ", ".join(str(b) if decimal else f"0x{b:02x}" for b in row) + ",")
    print("};\n")


def main():
    rgb = picture()
    baseline = encoded(rgb, "JPEG", quality=92, subsampling=0)
    cmyk = encoded(rgb.convert("CMYK"), "JPEG", quality=92)
    with_alpha = rgb.copy()
    with_alpha.putalpha(Image.linear_gradient("L").resize((WIDTH, HEIGHT)))
    images = {
        "jpeg_baseline": baseline,
        "jpeg_subsampled": encoded(rgb, "JPEG", quality=92, subsampling=2),
        "jpeg_progressive": encoded(rgb, "JPEG", quality=92, subsampling=0, progressive=True),
        "jpeg_restarts": output_of("cjpeg", "-quality", "92", "-sample", "1x1", "-restart", "2B", stdin=ppm(rgb)),
        "jpeg_64x40": encoded(rgb.resize((64, 40)), "JPEG", quality=50),
        "jpeg_odd_sampling": output_of("cjpeg", "-quality", "92", "-sample", "2x2,2x1,1x2", stdin=ppm(rgb)),
        "jpeg_arithmetic": output_of("cjpeg", "-quality", "92", "-arithmetic", stdin=ppm(rgb)),
        "jpeg_arithmetic_progressive": output_of("cjpeg", "-quality", "92", "-arithmetic", "-progressive", stdin=ppm(rgb)),
        "jpeg_rgb": output_of("cjpeg", "-quality", "92", "-rgb", stdin=ppm(rgb)),
        "jpeg_grey": encoded(rgb.convert("L"), "JPEG", quality=92),
        "jpeg_cmyk": cmyk,
        "jpeg_cmyk_without_adobe": without_adobe_segment(cmyk),
        "jpeg_ycck": ycck(rgb),
        "jpeg_with_thumbnail": with_thumbnail(baseline),
        "png_deflated": encoded(rgb, "PNG", optimize=True),
        "png_palette": encoded(rgb.quantize(16), "PNG"),
        "png_palette_transparent": encoded(rgb.quantize(16), "PNG", transparency=3),
        "png_grey_alpha": encoded(rgb.convert("LA"), "PNG"),
        "png_rgba": encoded(with_alpha, "PNG"),
        "png_interlaced": magick(rgb, "-interlace", "PNG", "-strip"),
        "png_interlaced_16_bit": magick(rgb, "-depth", "16", "-define", "png:bit-depth=16", "-interlace", "PNG", "-strip"),
        "png_interlaced_palette": magick(rgb.quantize(16).convert("RGB"), "-interlace", "PNG", "-strip",
                                         "-define", "png:color-type=3"),
        "png_with_exif": encoded(rgb, "PNG", exif=exif(6)),
        "bmp_run_length": magick(rgb.quantize(16).convert("RGB"), "-compress", "RLE", "-type", "palette", kind="BMP3"),
    }
    decoded = {
        "jpeg_baseline": by_djpeg(baseline),
        "jpeg_subsampled": by_djpeg(images["jpeg_subsampled"]),
        "jpeg_rgb": by_djpeg(images["jpeg_rgb"]),
        "jpeg_grey": by_djpeg(images["jpeg_grey"]),
        "jpeg_cmyk": by_pillow(cmyk),
        "jpeg_ycck": by_pillow(images["jpeg_ycck"]),
        "png_palette": by_pillow(images["png_palette"]),
        "png_grey_alpha": by_pillow(images["png_grey_alpha"]),
    }
    assert decoded["jpeg_baseline"] == by_djpeg(images["jpeg_progressive"])
    assert decoded["png_palette"] == by_pillow(images["png_interlaced_palette"])
    print("// Made by make_tiny_images.py; do not edit. One picture of 20x13 pixels in several encodings:")
    print("// pixel(x, y) = (200 - 8x, 40 + 6y, 30 + 9x).")
    print("#pragma once\n\n#include <cstdint>\n\nnamespace tiny_images {\n")
    print(f"inline constexpr unsigned width = {WIDTH};\ninline constexpr unsigned height = {HEIGHT};\n")
    for name, data in images.items():
        write_array(name, data)
    print("}  // namespace tiny_images\n")
    print("// Those that lose something, as libjpeg-turbo and Pillow decode them: RGB.")
    print("namespace tiny_images::decoded {\n")
    for name, data in decoded.items():
        write_array(name, data, decimal=True)
    print("}  // namespace tiny_images::decoded\n")
    print("// 3x2 pixels with the values 0 to 5, and how they are meant to be seen in each EXIF orientation: by Pillow.")
    print("namespace tiny_images {\n")
    print("inline constexpr std::uint8_t turned[8][6] = {")
    for orientation in range(1, 9):
        print("    {" + ", ".join(str(b) for b in turned(orientation)) + "},")
    print("};\n\n}  // namespace tiny_images")


main()
