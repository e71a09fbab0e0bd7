#!/bin/bash
# Compiles the simd kernels and fails when an inner loop of the register tiles or of the depthwise convolution touches
# the stack: an accumulator there costs half the speed and more. x86-64 only, and only AVX2 and AVX-512. With AVX2 the
# depthwise loop is not checked: it has one register too few, and reads one weight from the stack.
#
#   check_spills.sh [compiler ...]     default: g++ and clang++, those that are there
# exit 77 where it cannot be checked: another processor, no compiler, no objdump.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[[ $(uname -m) == x86_64 ]] || { echo "skipped: not an x86-64 machine"; exit 77; }
command -v objdump > /dev/null || { echo "skipped: no objdump (binutils)"; exit 77; }
compilers=("$@")
if [[ ${#compilers[@]} -eq 0 ]]; then
  for compiler in g++ clang++; do command -v "$compiler" > /dev/null && compilers+=("$compiler"); done
fi
[[ ${#compilers[@]} -gt 0 ]] || { echo "skipped: no compiler"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Reads a disassembly. A loop is what lies between a jump backwards and its target; those that hold multiply-adds
# and no other such loop are the inner ones. A tile clamps its sums after the loop over its channels, so a loop with a
# clamp is the one over tiles, which may keep pointers and bounds on the stack. The depthwise loop clamps in each turn.
cat > "$work/inner_loops.awk" <<'AWK'
function finish(   i, j, k, fma, bad, inner, loops, from, to) {
  if (name == "") return
  loops = 0
  for (i = 1; i <= count; ++i)
    if (match(text[i], /^j[a-z]+ +[0-9a-f]+/)) {
      split(substr(text[i], RSTART, RLENGTH), part, / +/)
      if (part[2] in at && at[part[2]] <= i) { from[++loops] = at[part[2]]; to[loops] = i }
    }
  for (i = 1; i <= loops; ++i) {
    fma[i] = clamps[i] = 0
    for (k = from[i]; k <= to[i]; ++k) {
      fma[i] += text[k] ~ /^vfn?madd/
      clamps[i] += text[k] ~ /^vm(ax|in)ps/
    }
  }
  for (i = 1; i <= loops; ++i) {
    if (fma[i] == 0 || (clamps[i] > 0 && name ~ /tiles</)) continue
    inner = 1
    for (j = 1; j <= loops; ++j)
      if (i != j && fma[j] > 0 && from[i] <= from[j] && to[j] <= to[i] && !(from[i] == from[j] && to[i] == to[j])) inner = 0
    if (!inner) continue
    ++checked
    bad = ""
    for (k = from[i]; k <= to[i]; ++k)
      if (text[k] ~ /\(%rsp/ || (frame && text[k] ~ /\(%rbp/)) bad = bad "\n    " text[k]
    if (bad != "") { printf "  %s: stack access in an inner loop of %d multiply-adds%s\n", name, fma[i], bad; ++failed }
  }
}
/^[0-9a-f]+ <.*>:$/ {
  finish()
  name = ""; count = 0; frame = 0; delete text; delete at
  if (match($0, /N_AVX([23]::tiles|3::depthwise_row)<[^>]*>/)) name = substr($0, RSTART, RLENGTH)
  next
}
name != "" && match($0, /^ *[0-9a-f]+:/) {
  address = substr($0, RSTART, RLENGTH - 1); gsub(/ /, "", address)
  line = substr($0, RSTART + RLENGTH); sub(/^[ \t]+/, "", line)
  text[++count] = line; at[address] = count
  if (line ~ /^mov +%rsp,%rbp/) frame = 1
}
END {
  finish()
  if (checked < 20) { printf "  only %d inner loops found: has the kernels' code changed?\n", checked; exit 1 }
  printf "  %d inner loops, %d with stack accesses\n", checked, failed
  exit failed > 0
}
AWK

failed=0
for compiler in "${compilers[@]}"; do
  echo "$compiler"
  "$compiler" -std=c++20 -O2 -Iinclude -c include/mobilenet/compiled/simd.cpp -o "$work/kernels.o"
  objdump -dC --no-show-raw-insn "$work/kernels.o" | awk -f "$work/inner_loops.awk" || failed=1
done
exit $failed
