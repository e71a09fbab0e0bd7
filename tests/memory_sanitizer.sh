#!/usr/bin/env bash
# Runs the decoders of decode_image() under MemorySanitizer, which finds what AddressSanitizer cannot: pixels and
# branches that depend on memory that was never written. 77 (skipped) without clang or its runtime library.
set -euo pipefail

usage() {
  cat << 'END_OF_USAGE'
usage: tests/memory_sanitizer.sh [ROUNDS]

Builds the fuzz target of decode_image() with clang in build-msan/ and decodes the files of its corpus, and those in
$MOBILENET_TEST_DATA/cases/images where the variable is set: each as it is, and ROUNDS times (200 by default) with
random damage. TurboJPEG is not covered: a library without instrumentation looks uninitialised.
END_OF_USAGE
}
skip() { printf 'skipped: %s\n' "$*"; exit 77; }

rounds=${1:-200}
case $rounds in
  -h | --help) usage; exit 0 ;;
  *[!0-9]* | "") printf 'memory_sanitizer.sh: found "%s", expected a number of rounds\n' "$rounds" >&2; exit 2 ;;
esac
clang=${CLANGXX:-clang++}
command -v "$clang" > /dev/null || skip "$clang is not installed (Debian: clang)"

cd "$(dirname "$0")/.."
build=$PWD/build-msan
mkdir -p "$build"
# libstdc++ is not instrumented, so its templates are instantiated here: what they write counts as written.
flags=(-std=c++20 -O1 -g -fno-omit-frame-pointer -fsanitize=memory -fsanitize-memory-track-origins
  -fno-sanitize-recover=all -D_GLIBCXX_EXTERN_TEMPLATE=0 -Iinclude)
echo 'int main() {}' > "$build/probe.cpp"
"$clang" "${flags[@]}" "$build/probe.cpp" -o "$build/probe" 2> "$build/probe.log" ||
  skip "$clang has no runtime library for it (Debian: libclang-rt-14-dev)"
"$clang" "${flags[@]}" tests/fuzz/decode_image.cpp tests/fuzz/decode_image_damaged.cpp -o "$build/decode_image"

files=(tests/fuzz/corpus/decode_image/*)
if [ -d "${MOBILENET_TEST_DATA:-}/cases/images" ]; then
  files+=("$MOBILENET_TEST_DATA"/cases/images/*)
fi
"$build/decode_image" "$rounds" "${files[@]}" > "$build/log" 2>&1 || { tail -n 40 "$build/log"; exit 1; }
printf '%s of %s files, nothing uninitialised\n' "$(tail -n 1 "$build/log")" "${#files[@]}"
