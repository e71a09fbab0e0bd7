#!/bin/sh
# run.sh COMPILER INCLUDE WORK: a program of two halves links if both are built with exceptions, or both without,
# and does not link otherwise: result<T> is not the same class in the two.
set -eu
compiler=$1 include=$2 work=$3
rm -rf "$work"
mkdir -p "$work"
cd "$work"

cat > half.cpp << 'END'
#include <mobilenet/error.hpp>
void give(mobilenet::result<int>& answer) { answer = 42; }
END
cat > main.cpp << 'END'
#include <mobilenet/error.hpp>
void give(mobilenet::result<int>& answer);
int main() {
  mobilenet::result<int> answer = 0;
  give(answer);
  return *answer == 42 ? 0 : 1;
}
END
for source in half main; do
  $compiler -std=c++20 -I "$include" -c $source.cpp -o $source.with.o
  $compiler -std=c++20 -I "$include" -fno-exceptions -fno-rtti -c $source.cpp -o $source.without.o
done

for mode in with without; do
  $compiler half.$mode.o main.$mode.o -o same
  ./same
  echo "ok  both $mode exceptions: links and runs"
done
if $compiler half.with.o main.without.o -o mixed 2> log; then
  echo "FAILED  halves with and without exceptions: linked"
  exit 1
fi
grep -q 'v0_no_exceptions' log || { cat log; echo "FAILED  the linker does not name the mode"; exit 1; }
echo "ok  one with, one without exceptions: refused, $(grep -om1 'undefined reference.*' log)"
