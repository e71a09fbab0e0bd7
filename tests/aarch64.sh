#!/bin/bash
# Builds the simd back end's tests for 64-bit Arm and runs them in an emulator.
# Debian packages: g++-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
# exit 77 where one of them is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compiler=aarch64-linux-gnu-g++
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
command -v $compiler > /dev/null || { echo "skipped: no $compiler"; exit 77; }
[[ -n $emulator ]] || { echo "skipped: no qemu-aarch64"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# These headers are the same on every architecture, but the cross compiler does not look where they are.
for headers in hwy doctest; do
  [[ -d /usr/include/$headers ]] || { echo "skipped: no /usr/include/$headers"; exit 77; }
  ln -s "/usr/include/$headers" "$work/$headers"
done

flags=(-std=c++20 -O2 -Wall -Wextra -Wconversion -Wshadow -DMOBILENET_WITH_SIMD=1 -DMOBILENET_SIMD_SEPARATE
       -Iinclude -Itools -Itests -isystem "$work")
sources=(include/mobilenet/compiled/simd.cpp tools/pack/packed_model_writer.cpp tools/pack/float16_correction.cpp tests/main.cpp tests/simd_test.cpp tests/backend_test.cpp
         tests/network_test.cpp)
for source in "${sources[@]}"; do
  $compiler "${flags[@]}" -c "$source" -o "$work/$(basename "$source").o"
done
$compiler "$work"/*.o -static -pthread -o "$work/tests"
"$emulator" "$work/tests" "$@"
