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
# onnx and tensorflow-cpu only write files; these two versions agree about protobuf. What cannot be installed is left
# out of the comparison, except onnx.
python=$peers/venv/bin/python
[ -x "$python" ] || python3 -m venv "$peers/venv" || fail "python3 has no venv: apt-get install python3-venv"
install_package() {  # MODULE REQUIREMENT
  "$python" -c "import importlib.util as u, sys; sys.exit(u.find_spec('$1') is None)" ||
    "$python" -m pip install --quiet --disable-pip-version-check "$2"
}
install_package onnx 'onnx==1.22.*' || fail "onnx cannot be installed"
install_package tensorflow 'tensorflow-cpu==2.19.*' || true
install_package ai_edge_litert 'ai-edge-litert>=2' || true
install_package openvino 'openvino>=2025' || true

for network in v1-1.0 v1-0.25 v2-1.0 v2-0.35; do
  model=$peers/models/$network
  version=${network%%-*}
  [ -e "$model/model.json" ] ||
    "$build/tests/make_synthetic_model" "$model" --version "${version#v}" --alpha "${network#*-}"
  [ -e "$model.onnx" ] || "$python" "$here/export_onnx.py" "$model/model.json" "$model.onnx"
  [ -e "$model.tflite" ] ||
    "$python" "$here/export_tflite.py" "$model/model.json" "$model.tflite" 2> "$model.tflite.log" ||
    echo "run.sh: $network: no TensorFlow Lite file: see $model.tflite.log" >&2
  # compare.py says which networks do not convert, and why.
  "$build/mobilenet" convert "$model" -o "$model.mnet" > /dev/null 2> "$model.mnet.log" || rm -f "$model.mnet"
done
exec /usr/bin/python3 "$here/compare.py" --build "$build" --peers "$peers" --models "$peers/models" "$@"
