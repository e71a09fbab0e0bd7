#!/usr/bin/env bash
# How long a source file takes that includes the simd back end and the decoder, and one that also classifies with them:
# as the CMake and Meson targets compile it, and with the headers alone. Below: the parts that the targets compile once
# for a whole build.
#
#   benchmarks/compile_time.sh [COMPILER]     processor seconds at -O2, the best of three
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compiler=${1:-g++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/includes.cpp" << 'CPP'
#include <mobilenet/backends/simd.hpp>
#include <mobilenet/image/decode_image.hpp>
CPP
cat > "$work/classifies.cpp" << 'CPP'
#include <mobilenet/backends/simd.hpp>
#include <mobilenet/classifier.hpp>
#include <mobilenet/image/decode_image.hpp>

bool classify(const char* model, std::span<const std::byte> bytes) {
  auto classifier = mobilenet::classifier<mobilenet::simd>::open(model).value();
  return classifier.classify(mobilenet::decode_image(bytes).value()).has_value();
}
CPP

TIMEFORMAT=%U
seconds() {
  for _ in 1 2 3; do
    { time "$compiler" -std=c++20 -O2 -Iinclude -isystem /usr/include/stb "$@" -c -o "$work/out.o"; } 2>&1
  done | sort -n | head -n 1
}
row() { printf '%-20s %9s %9s\n' "$@"; }
targets=(-DMOBILENET_SIMD_SEPARATE -DMOBILENET_DECODE_SEPARATE)
row "" targets headers
for source in includes classifies; do
  row "$source" "$(seconds "${targets[@]}" "$work/$source.cpp")" "$(seconds "$work/$source.cpp")"
done
for part in simd decode; do row "compiled/$part.cpp" "$(seconds include/mobilenet/compiled/$part.cpp)" ""; done
