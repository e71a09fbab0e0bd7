#!/usr/bin/env bash
# Installs the other systems, makes the networks, and compares: see README.md.
#
#   benchmarks/peers/run.sh [build folder] [options of compare.py]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$root/build}" && pwd)
shift || true
peers=$build/peers
fail() { echo "run.sh: $*" >&2; exit 1; }

command -v npm > /dev/null || fail "npm is missing; install Node.js 20 or later"
/usr/bin/python3 -c 'import onnx, numpy' 2> /dev/null || fail "python3-onnx is missing: apt-get install python3-onnx"
targets=(peer_runner peer_runner_native mobilenet make_synthetic_model)
mkdir -p "$peers/models"
# The goals were set on a processor without AVX-512: on one with it, what can be is also measured without.
if grep -q -w avx512f /proc/cpuinfo && [ -e /usr/include/cpuinfo.h ]; then
  targets+=(peer_runner_avx2)
  cc -O2 -shared -fPIC "$here/hide_avx512.c" -lcpuinfo -o "$peers/hide_avx512.so" || fail "hide_avx512.c does not compile"
fi
cmake --build "$build" --target "${targets[@]}" > /dev/null || fail "$build does not build"

if [ ! -d "$peers/node_modules/onnxruntime-node" ]; then
  # Without its scripts: onnxruntime-node's would fetch a GPU library, and its CPU one is in the package.
  (cd "$peers" && npm init -y > /dev/null && npm install --ignore-scripts --no-fund --no-audit --silent \
    onnxruntime-node@1 @tensorflow/tfjs-core@4.22 @tensorflow/tfjs-layers@4.22 \
    @tensorflow/tfjs-backend-cpu@4.22 @tensorflow/tfjs-backend-wasm@4.22)
fi
for alpha in 1.0 0.25; do
  model=$peers/models/$alpha
  [ -e "$model/model.json" ] || "$build/tests/make_synthetic_model" "$model" --alpha "$alpha"
  [ -e "$model.onnx" ] || /usr/bin/python3 "$here/export_onnx.py" "$model/model.json" "$model.onnx"
  "$build/mobilenet" convert "$model" -o "$model.mnet" > /dev/null
done
exec /usr/bin/python3 "$here/compare.py" --build "$build" --peers "$peers" --models "$peers/models" "$@"
