#!/bin/sh
# embed_model.sh MODEL NAME SOURCE HEADER
#
# Writes a C++ source whose object file holds MODEL's bytes as read-only data, and a header that declares
# std::span<const std::byte> NAME(). What calls this runs it again when MODEL changes: no compiler knows that
# an .incbin is a dependency.
set -eu
[ $# -eq 4 ] || { echo "usage: embed_model.sh MODEL NAME SOURCE HEADER" >&2; exit 2; }

[ -r "$1" ] || { echo "embed_model: $1: cannot be read" >&2; exit 1; }
name=$(printf %s "$2" | sed 's/[^A-Za-z0-9_]/_/g; s/^[0-9]/_&/')
for word in alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t \
  class compl concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype \
  default delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline int \
  long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register \
  reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template this \
  thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor \
  xor_eq; do
  [ "$name" != "$word" ] || { echo "embed_model: $1: no function can be called $word: give it another NAME" >&2; exit 1; }
done
path=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
path=$(printf %s "$path" | sed 's/[\\"]/\\&/g')

cat > "$3" << END
#include "$(basename "$4")"

// Aligned as the format wants it: the weights are used where they lie.
asm(R"asm(
    .pushsection .rodata, "a"
    .balign 64
    .globl mobilenet_${name}_begin
    .hidden mobilenet_${name}_begin
mobilenet_${name}_begin:
    .incbin "$path"
    .globl mobilenet_${name}_end
    .hidden mobilenet_${name}_end
mobilenet_${name}_end:
    .popsection
)asm");

extern "C" __attribute__((visibility("hidden"))) const std::byte mobilenet_${name}_begin[];
extern "C" __attribute__((visibility("hidden"))) const std::byte mobilenet_${name}_end[];

std::span<const std::byte> ${name}() noexcept { return {mobilenet_${name}_begin, mobilenet_${name}_end}; }
END

cat > "$4" << END
#pragma once

#include <cstddef>
#include <span>

/// The bytes of $(basename "$1"), in this program's read-only data.
std::span<const std::byte> ${name}() noexcept;
END
