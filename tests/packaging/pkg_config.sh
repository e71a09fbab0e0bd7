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

pkg-config --exists mobilenet-c || { echo "no mobilenet-c.pc"; exit 0; }
# shellcheck disable=SC2046
cc "$source/../../c_interface/c_interface_test.c" $(pkg-config --cflags --libs mobilenet-c) -o "$work/c_consumer"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir mobilenet-c) "$work/c_consumer" 2> "$work/usage" || [ $? = 2 ]
grep -q '^usage: ' "$work/usage" || { cat "$work/usage"; exit 1; }
echo "ok  a C program by mobilenet-c.pc"
"$work/consumer"
