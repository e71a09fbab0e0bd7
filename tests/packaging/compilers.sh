#!/bin/sh
# compilers.sh COMPILER SOURCE_FOLDER COMPILE_OPTION...: everything in one unit, with and without exceptions and
# RTTI, at both standards a host may have, without a warning. 77 (skipped) where the compiler is missing.
set -eu
compiler=$1 folder=$2
shift 2
command -v "$compiler" > /dev/null || { echo "skipped: $compiler is not installed"; exit 77; }

for mode in "-std=c++20" "-std=c++20 -fno-exceptions -fno-rtti" "-std=c++2b"; do
  # shellcheck disable=SC2086
  $compiler $mode -Wall -Wextra -Wconversion -Wshadow -Werror -O0 -c -o /dev/null "$@" "$folder/units/other.cpp"
  echo "ok  $compiler $mode"
done
