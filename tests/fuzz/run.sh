#!/usr/bin/env bash
# Runs the fuzz targets for some seconds each, all at once, on top of their corpora. Needs clang.
# `request` takes three times as long: it is nine parsers.
set -euo pipefail

usage() {
  cat << 'END'
usage: tests/fuzz/run.sh SECONDS [TARGET...]

Builds the targets with clang, AddressSanitizer and UndefinedBehaviorSanitizer in build-fuzz/, and runs them. New
inputs stay in build-fuzz/corpus/TARGET, so that the next run goes on from there. Whatever crashes, hangs or eats
memory is written to build-fuzz/found/, and the exit status is 1: put such a file into tests/fuzz/corpus/TARGET
together with the fix, and the ordinary tests replay it from then on.
END
}
fail() { printf 'run.sh: %s\n' "$*" >&2; exit 2; }

[ $# -ge 1 ] || { usage >&2; exit 2; }
case $1 in
  -h | --help) usage; exit 0 ;;
  *[!0-9]* | "") fail "found \"$1\", expected a number of seconds" ;;
esac
seconds=$1
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(parse packed_model convert decode_image request)
clang=${CLANGXX:-clang++}
command -v "$clang" > /dev/null || fail "$clang was not found (Debian: clang)"

cd "$(dirname "$0")/../.."
corpora=$PWD/tests/fuzz/corpus
build=$PWD/build-fuzz
cmake -S . -B "$build" -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_BUILD_TYPE=None -DCMAKE_CXX_FLAGS="-O1 -g1" \
  -DMOBILENET_FUZZ=ON "-DMOBILENET_COMPONENTS=decode;decode_turbojpeg;eigen;simd" -DMOBILENET_BUILD_TOOLS=ON \
  -DMOBILENET_BUILD_TESTS=OFF -DMOBILENET_BUILD_BENCHMARKS=OFF -DMOBILENET_BUILD_EXAMPLES=OFF \
  --log-level=WARNING > /dev/null
cmake --build "$build" -j "$(nproc)" --target "${targets[@]/#/fuzz_}" > "$build/build.log" 2>&1 ||
  { tail -n 40 "$build/build.log" >&2; fail "the build failed, see above"; }

declare -A corpus_of=([parse]=packed_model)
mkdir -p "$build/found"
pids=()
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  [ "$target" = request ] && duration=$((3 * seconds)) || duration=$seconds
  "$(find "$build" -name "fuzz_$target" -type f)" -max_total_time="$duration" -max_len=12288 -timeout=20 \
    -rss_limit_mb=2048 -close_fd_mask=3 -print_final_stats=1 -artifact_prefix="$build/found/$target-" \
    "$build/corpus/$target" "$corpora/${corpus_of[$target]:-$target}" > "$build/$target.log" 2>&1 &
  pids+=($!)
done
status=0
for i in "${!targets[@]}"; do
  target=${targets[i]}
  if wait "${pids[i]}"; then
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")
    printf '%-14s %s inputs, nothing found\n' "$target" "${executed:-?}"
  else
    status=1
    printf '%-14s failed, %s ends with:\n' "$target" "${build##*/}/$target.log"
    tail -n 25 "$build/$target.log"
  fi
done
exit $status
