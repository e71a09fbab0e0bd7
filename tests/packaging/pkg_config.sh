#!/bin/sh
# pkg_config.sh COMPILER PREFIX SOURCE WORK VERSION: builds the consumer with what mobilenet.pc says.
set -eu
compiler=$1 prefix=$2 source=$3 work=$4 version=$5
command -v pkg-config > /dev/null || { echo "skipped: pkg-config is not installed"; exit 77; }
mkdir -p "$work"
export PKG_CONFIG_PATH="$prefix/share/pkgconfig"

found=$(pkg-config --modversion mobilenet)
[ "$found" = "$version" ] || { echo "FAILED  mobilenet.pc says $found, not $version"; exit 1; }
# shellcheck disable=SC2046
$compiler -std=c++20 "$source/main.cpp" $(pkg-config --cflags --libs mobilenet) -o "$work/consumer"
"$work/consumer"
