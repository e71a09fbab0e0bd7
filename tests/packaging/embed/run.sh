#!/bin/sh
# run.sh SOURCE WORK CMAKE_OPTION...: builds the project beside it with one model, then with another in its place.
set -eu
source=$1 work=$2
shift 2
rm -rf "$work"
mkdir -p "$work"
cp "$source/CMakeLists.txt" "$source/main.cpp" "$work"

expect() {
  printf %s "$1" > "$work/given.0.25.mnet"
  cmake --build "$work/build" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  printf '%s\n%s\n' "$1" "$1" > "$work/expected"
  "$work/build/embed" | diff - "$work/expected" || { echo "expected \"$1\" twice"; exit 1; }
  echo "ok  $1"
}

printf one > "$work/given.0.25.mnet"
cmake -S "$work" -B "$work/build" "$@" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
expect "one"
sleep 1  # file systems and make count in seconds
expect "another one"

printf x > "$work/default.mnet"
if sh "$source/../../../cmake/embed_model.sh" "$work/default.mnet" default "$work/d.cpp" "$work/d.hpp" 2> "$work/log"; then
  echo "expected an error: default is no name"
  exit 1
fi
grep -q "no function can be called default" "$work/log" || { cat "$work/log"; exit 1; }
[ ! -e "$work/d.cpp" ] || { echo "a file was left behind"; exit 1; }
