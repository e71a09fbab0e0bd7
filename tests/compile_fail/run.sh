#!/bin/sh
# run.sh COMPILER INCLUDE SOURCE: the source must be refused, with a message that holds every "// says:" of it.
set -eu
compiler=$1 include=$2 source=$3
command -v "$compiler" > /dev/null || { echo "skipped: $compiler is not installed"; exit 77; }

options=$(sed -n 's,^// options: ,,p' "$source")
# shellcheck disable=SC2086
if message=$($compiler -std=c++20 $options -Werror=unused-result -fsyntax-only -I "$include" "$source" 2>&1); then
  echo "FAILED  $compiler accepts it"
  exit 1
fi
sed -n 's,^// says: ,,p' "$source" | while read -r words; do
  printf %s "$message" | grep -qF -- "$words" && continue
  printf '%s\nFAILED  the message does not say "%s"\n' "$message" "$words"
  exit 1
done
