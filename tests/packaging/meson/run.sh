#!/bin/sh
# run.sh COMPILER SOURCE_ROOT WORK VERSION: the library as a Meson subproject, and as it installs itself.
set -eu
compiler=$1 root=$2 work=$3 version=$4
for program in meson ninja; do
  command -v $program > /dev/null || { echo "skipped: $program is not installed"; exit 77; }
done
export CXX="$compiler"
rm -rf "$work"
mkdir -p "$work/subprojects"
cp "$root"/tests/packaging/meson/* "$root/tests/packaging/consumer/main.cpp" "$work"
ln -s "$root" "$work/subprojects/mobilenet"

quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }
expect() {
  printf %s "$1" > "$work/given.0.25.mnet"
  quietly ninja -C "$work/build"
  [ "$("$work/build/embed")" = "$1" ] || { echo "FAILED  expected \"$1\" to be embedded"; exit 1; }
  echo "ok  embedded: $1"
}

printf one > "$work/given.0.25.mnet"
quietly meson setup "$work/build" "$work"
expect "one"
sleep 1  # file systems and ninja may count in seconds
expect "another one"
"$work/build/consumer"
echo "ok  subproject"

quietly meson setup "$work/alone" "$root" --prefix "$work/prefix" -Dtests=disabled -Dtools=disabled
quietly meson install -C "$work/alone"
PKG_CONFIG_PATH=$work/prefix/share/pkgconfig
export PKG_CONFIG_PATH
found=$(pkg-config --modversion mobilenet)
[ "$found" = "$version" ] || { echo "FAILED  mobilenet.pc says $found, not $version"; exit 1; }
[ -f "$work/prefix/include/mobilenet/mobilenet.hpp" ] || { echo "FAILED  no headers are installed"; exit 1; }
echo "ok  installed $found"
