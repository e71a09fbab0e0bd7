#!/usr/bin/env bash
# Builds the project from a fresh clone and shows that it works. --help says how.
set -euo pipefail
cd "$(dirname "$0")"

build=build
model_folder=$(echo models/fashion_mnist_*/)
model=$build/fashion_mnist.mnet
sample=${model_folder}samples/ankle_boot.png

build_packages=(g++ cmake ninja-build libstb-dev libturbojpeg0-dev libhwy-dev libeigen3-dev libxnnpack-dev libpthreadpool-dev
  rapidjson-dev libcli11-dev)
test_packages=(doctest-dev libbenchmark-dev libboost-dev meson pkg-config python3 curl zip unzip
  dataset-fashion-mnist)

usage() {
  cat << 'END'
usage: ./quickstart.sh [--no-install]         build, then classify a sample image with the model that ships
       ./quickstart.sh [--no-install] test    build everything, then run all tests

Debian packages that are missing are installed by apt-get, as root or with sudo; --no-install leaves that to you.
MOBILENET_EXTRA_PACKAGES names more of them, "clang" for instance, which the tests use where it is there.
MOBILENET_WERROR=ON makes warnings errors, MOBILENET_FUZZ_SECONDS=60 lets the tests fuzz for so long.
Everything is built in build/ (Release); cmake, ninja and ctest work there as usual.
END
}

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'quickstart.sh: %s\n' "$*" >&2; exit 1; }

install_missing() {
  local missing=() package as_root=()
  if ! command -v apt-get > /dev/null || ! command -v dpkg-query > /dev/null; then
    fail "this is not Debian or Ubuntu. Install what these packages hold, then run $0 --no-install: $*"
  fi
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || fail "packages are missing and there is neither root nor sudo to install them:
    apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${missing[*]}"
  mkdir -p $build
  {
    "${as_root[@]}" apt-get update -q || echo "apt-get update failed; trying with the package lists that are there"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -q -y --no-install-recommends "${missing[@]}"
  } > $build/apt.log 2>&1 || fail "apt-get could not install them; $build/apt.log ends with:
$(tail -n 5 $build/apt.log)"
}

# build_all ON|OFF: with or without tests, benchmarks and examples
build_all() {
  local generator=(-G Ninja) quiet=()
  [ ! -e $build/CMakeCache.txt ] || generator=()  # a build folder keeps the generator it began with
  say "building in $build/"
  cmake -S . -B $build "${generator[@]}" -DCMAKE_BUILD_TYPE=Release --log-level=WARNING \
    -DMOBILENET_BUILD_TESTS="$1" -DMOBILENET_BUILD_BENCHMARKS="$1" -DMOBILENET_BUILD_EXAMPLES="$1" \
    -DMOBILENET_BUILD_WASM="$1" -DMOBILENET_WERROR="${MOBILENET_WERROR:-OFF}" > /dev/null
  if [ ! -t 1 ] && [ -e $build/build.ninja ]; then quiet=(-- --quiet); fi
  cmake --build $build "${quiet[@]}"
}

classify_sample() {
  say "converting ${model_folder%/} (TensorFlow.js) to $model"
  $build/mobilenet convert "${model_folder%/}" -o $model --labels "${model_folder}labels.txt"
  say "classifying $sample"
  $build/mobilenet classify $model "$sample"
  cat << END

That was a MobileNet v1 trained on photos of clothing, read from TensorFlow.js files and run by this library.
Next: $build/mobilenet classify $model YOUR.png, or models/README.md for the 1000 classes of ImageNet.
END
}

action=classify
install=yes
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --no-install) install=no ;;
    test) action="test" ;;
    *) printf 'quickstart.sh: unknown argument "%s"\n' "$argument" >&2; usage >&2; exit 2 ;;
  esac
done

packages=("${build_packages[@]}")
[ $action = classify ] || packages+=("${test_packages[@]}")
read -ra extra <<< "${MOBILENET_EXTRA_PACKAGES:-}"
[ $install = no ] || install_missing "${packages[@]}" "${extra[@]}"

case $action in
  classify)
    build_all OFF
    classify_sample
    ;;
  test)
    build_all ON
    say "testing"
    exec ctest --test-dir $build --output-on-failure -j "${CTEST_PARALLEL_LEVEL:-$(nproc)}"
    ;;
esac
