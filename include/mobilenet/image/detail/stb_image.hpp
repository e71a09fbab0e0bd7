// stb_image, compiled into this translation unit inside a namespace of ours and with internal linkage.
//
// A host may have a stb_image of its own, of another version or configuration, before or after this header:
// every macro that stb_image.h reads or leaves behind is set aside first and put back at the end.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>

// All that stb_image includes itself, here first, so that nothing of it lands in our namespace.
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(__GNUC__)
#pragma GCC system_header  // the warnings in stb_image are not the host's
#endif

namespace mobilenet::compiled {

/// How far the decoder on this thread may let a buffer grow; 0 once it wanted more. Buffers of a size that the image's
/// header states are allocated at once. What a PNG inflates to is not known, and 4 MB of it can inflate to 4 GB.
static thread_local std::size_t stb_growth_limit = 0;

// The new part is zeroed: a damaged PNG (one whose distance code is 30 or 31) copies bytes that were never written.
static inline void* stb_grow(void* memory, std::size_t old_bytes, std::size_t bytes) noexcept {
  if (bytes > stb_growth_limit) {
    stb_growth_limit = 0;
    return nullptr;
  }
  auto* grown = static_cast<char*>(std::realloc(memory, bytes));
  if (grown != nullptr && bytes > old_bytes) std::memset(grown + old_bytes, 0, bytes - old_bytes);
  return grown;
}

}  // namespace mobilenet::compiled

#pragma push_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma push_macro("STBIDEF")
#pragma push_macro("STB_IMAGE_IMPLEMENTATION")
#pragma push_macro("STB_IMAGE_STATIC")
#pragma push_macro("STBI_VERSION")
#pragma push_macro("STBI_EXTERN")
#pragma push_macro("STBI_ONLY_JPEG")
#pragma push_macro("STBI_ONLY_PNG")
#pragma push_macro("STBI_ONLY_BMP")
#pragma push_macro("STBI_ONLY_PSD")
#pragma push_macro("STBI_ONLY_TGA")
#pragma push_macro("STBI_ONLY_GIF")
#pragma push_macro("STBI_ONLY_HDR")
#pragma push_macro("STBI_ONLY_PIC")
#pragma push_macro("STBI_ONLY_PNM")
#pragma push_macro("STBI_ONLY_ZLIB")
#pragma push_macro("STBI_NO_JPEG")
#pragma push_macro("STBI_NO_PNG")
#pragma push_macro("STBI_NO_BMP")
#pragma push_macro("STBI_NO_PSD")
#pragma push_macro("STBI_NO_TGA")
#pragma push_macro("STBI_NO_GIF")
#pragma push_macro("STBI_NO_HDR")
#pragma push_macro("STBI_NO_PIC")
#pragma push_macro("STBI_NO_PNM")
#pragma push_macro("STBI_NO_LINEAR")
#pragma push_macro("STBI_NO_STDIO")
#pragma push_macro("STBI_NO_SIMD")
#pragma push_macro("STBI_NO_ZLIB")
#pragma push_macro("STBI_SUPPORT_ZLIB")
#pragma push_macro("STBI_NO_THREAD_LOCALS")
#pragma push_macro("STBI_NO_FAILURE_STRINGS")
#pragma push_macro("STBI_FAILURE_USERMSG")
#pragma push_macro("STBI_MAX_DIMENSIONS")
#pragma push_macro("STBI_WINDOWS_UTF8")
#pragma push_macro("STBI_MINGW_ENABLE_SSE2")
#pragma push_macro("STBI_ASSERT")
#pragma push_macro("STBI_MALLOC")
#pragma push_macro("STBI_REALLOC")
#pragma push_macro("STBI_FREE")
#pragma push_macro("STBI_REALLOC_SIZED")
#pragma push_macro("STBI_SSE2")
#pragma push_macro("STBI_NEON")
#pragma push_macro("STBI_SIMD_ALIGN")
#pragma push_macro("STBI_THREAD_LOCAL")
#pragma push_macro("STBI_HAS_LROTL")
#pragma push_macro("STBI_NOTUSED")
#pragma push_macro("STBI__X64_TARGET")
#pragma push_macro("STBI__X86_TARGET")
#pragma push_macro("STBI__BYTECAST")
#pragma push_macro("STBI__CASE")
#pragma push_macro("STBI__COMBO")
#pragma push_macro("STBI__HDR_BUFLEN")
#pragma push_macro("STBI__IDCT_1D")
#pragma push_macro("STBI__MARKER_none")
#pragma push_macro("STBI__PNG_TYPE")
#pragma push_macro("STBI__RESTART")
#pragma push_macro("STBI__ZFAST_BITS")
#pragma push_macro("STBI__ZFAST_MASK")
#pragma push_macro("STBI__ZNSYMS")
#pragma push_macro("FAST_BITS")
#pragma push_macro("stbi_inline")
#pragma push_macro("stbi_lrot")
#pragma push_macro("stbi__div4")
#pragma push_macro("stbi__div16")
#pragma push_macro("stbi__err")
#pragma push_macro("stbi__errpf")
#pragma push_macro("stbi__errpuc")
#pragma push_macro("stbi__f2f")
#pragma push_macro("stbi__float2fixed")
#pragma push_macro("stbi__float2int")
#pragma push_macro("stbi__fsh")
#pragma push_macro("stbi__DNL")
#pragma push_macro("stbi__EOI")
#pragma push_macro("stbi__SOF")
#pragma push_macro("stbi__SOF_progressive")
#pragma push_macro("stbi__SOI")
#pragma push_macro("stbi__SOS")
#pragma push_macro("stbi__de_iphone_flag")
#pragma push_macro("stbi__unpremultiply_on_load")
#pragma push_macro("stbi__vertically_flip_on_load")
#pragma push_macro("dct_const")
#pragma push_macro("dct_rot")
#pragma push_macro("dct_widen")
#pragma push_macro("dct_wadd")
#pragma push_macro("dct_wsub")
#pragma push_macro("dct_bfly32o")
#pragma push_macro("dct_interleave8")
#pragma push_macro("dct_interleave16")
#pragma push_macro("dct_pass")
#pragma push_macro("dct_long_mul")
#pragma push_macro("dct_long_mac")
#pragma push_macro("dct_trn16")
#pragma push_macro("dct_trn32")
#pragma push_macro("dct_trn64")
#pragma push_macro("dct_trn8_8")
#pragma push_macro("dct_trn8_16")
#pragma push_macro("dct_trn8_32")
#pragma push_macro("stbi_convert_iphone_png_to_rgb")
#pragma push_macro("stbi_convert_iphone_png_to_rgb_thread")
#pragma push_macro("stbi_failure_reason")
#pragma push_macro("stbi_hdr_to_ldr_gamma")
#pragma push_macro("stbi_hdr_to_ldr_scale")
#pragma push_macro("stbi_image_free")
#pragma push_macro("stbi_info_from_callbacks")
#pragma push_macro("stbi_info_from_memory")
#pragma push_macro("stbi_is_16_bit_from_callbacks")
#pragma push_macro("stbi_is_16_bit_from_memory")
#pragma push_macro("stbi_is_hdr_from_callbacks")
#pragma push_macro("stbi_is_hdr_from_memory")
#pragma push_macro("stbi_load_16_from_callbacks")
#pragma push_macro("stbi_load_16_from_memory")
#pragma push_macro("stbi_load_from_callbacks")
#pragma push_macro("stbi_load_from_memory")
#pragma push_macro("stbi_set_flip_vertically_on_load")
#pragma push_macro("stbi_set_flip_vertically_on_load_thread")
#pragma push_macro("stbi_set_unpremultiply_on_load")
#pragma push_macro("stbi_set_unpremultiply_on_load_thread")
#pragma push_macro("stbi_zlib_decode_buffer")
#pragma push_macro("stbi_zlib_decode_malloc")
#pragma push_macro("stbi_zlib_decode_malloc_guesssize")
#pragma push_macro("stbi_zlib_decode_malloc_guesssize_headerflag")
#pragma push_macro("stbi_zlib_decode_noheader_buffer")
#pragma push_macro("stbi_zlib_decode_noheader_malloc")

#undef STBI_INCLUDE_STB_IMAGE_H
#undef STBIDEF
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_STATIC
#undef STBI_VERSION
#undef STBI_EXTERN
#undef STBI_ONLY_JPEG
#undef STBI_ONLY_PNG
#undef STBI_ONLY_BMP
#undef STBI_ONLY_PSD
#undef STBI_ONLY_TGA
#undef STBI_ONLY_GIF
#undef STBI_ONLY_HDR
#undef STBI_ONLY_PIC
#undef STBI_ONLY_PNM
#undef STBI_ONLY_ZLIB
#undef STBI_NO_JPEG
#undef STBI_NO_PNG
#undef STBI_NO_BMP
#undef STBI_NO_PSD
#undef STBI_NO_TGA
#undef STBI_NO_GIF
#undef STBI_NO_HDR
#undef STBI_NO_PIC
#undef STBI_NO_PNM
#undef STBI_NO_LINEAR
#undef STBI_NO_STDIO
#undef STBI_NO_SIMD
#undef STBI_NO_ZLIB
#undef STBI_SUPPORT_ZLIB
#undef STBI_NO_THREAD_LOCALS
#undef STBI_NO_FAILURE_STRINGS
#undef STBI_FAILURE_USERMSG
#undef STBI_MAX_DIMENSIONS
#undef STBI_WINDOWS_UTF8
#undef STBI_MINGW_ENABLE_SSE2
#undef STBI_ASSERT
#undef STBI_MALLOC
#undef STBI_REALLOC
#undef STBI_FREE
#undef STBI_REALLOC_SIZED
#undef STBI_SSE2
#undef STBI_NEON
#undef STBI_SIMD_ALIGN
#undef STBI_THREAD_LOCAL
#undef STBI_HAS_LROTL
#undef STBI_NOTUSED
#undef STBI__X64_TARGET
#undef STBI__X86_TARGET
#undef STBI__BYTECAST
#undef STBI__CASE
#undef STBI__COMBO
#undef STBI__HDR_BUFLEN
#undef STBI__IDCT_1D
#undef STBI__MARKER_none
#undef STBI__PNG_TYPE
#undef STBI__RESTART
#undef STBI__ZFAST_BITS
#undef STBI__ZFAST_MASK
#undef STBI__ZNSYMS
#undef FAST_BITS
#undef stbi_inline
#undef stbi_lrot
#undef stbi__div4
#undef stbi__div16
#undef stbi__err
#undef stbi__errpf
#undef stbi__errpuc
#undef stbi__f2f
#undef stbi__float2fixed
#undef stbi__float2int
#undef stbi__fsh
#undef stbi__DNL
#undef stbi__EOI
#undef stbi__SOF
#undef stbi__SOF_progressive
#undef stbi__SOI
#undef stbi__SOS
#undef stbi__de_iphone_flag
#undef stbi__unpremultiply_on_load
#undef stbi__vertically_flip_on_load
#undef dct_const
#undef dct_rot
#undef dct_widen
#undef dct_wadd
#undef dct_wsub
#undef dct_bfly32o
#undef dct_interleave8
#undef dct_interleave16
#undef dct_pass
#undef dct_long_mul
#undef dct_long_mac
#undef dct_trn16
#undef dct_trn32
#undef dct_trn64
#undef dct_trn8_8
#undef dct_trn8_16
#undef dct_trn8_32
#undef stbi_convert_iphone_png_to_rgb
#undef stbi_convert_iphone_png_to_rgb_thread
#undef stbi_failure_reason
#undef stbi_hdr_to_ldr_gamma
#undef stbi_hdr_to_ldr_scale
#undef stbi_image_free
#undef stbi_info_from_callbacks
#undef stbi_info_from_memory
#undef stbi_is_16_bit_from_callbacks
#undef stbi_is_16_bit_from_memory
#undef stbi_is_hdr_from_callbacks
#undef stbi_is_hdr_from_memory
#undef stbi_load_16_from_callbacks
#undef stbi_load_16_from_memory
#undef stbi_load_from_callbacks
#undef stbi_load_from_memory
#undef stbi_set_flip_vertically_on_load
#undef stbi_set_flip_vertically_on_load_thread
#undef stbi_set_unpremultiply_on_load
#undef stbi_set_unpremultiply_on_load_thread
#undef stbi_zlib_decode_buffer
#undef stbi_zlib_decode_malloc
#undef stbi_zlib_decode_malloc_guesssize
#undef stbi_zlib_decode_malloc_guesssize_headerflag
#undef stbi_zlib_decode_noheader_buffer
#undef stbi_zlib_decode_noheader_malloc

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_LINEAR
#define STBI_NO_STDIO
#define STBI_ASSERT(condition) ((void)0)  // NDEBUG or not, the same code in every translation unit
// Zeroed: a damaged file can leave pixels unwritten, or name a Huffman table that it does not define.
#define STBI_MALLOC(bytes) ::std::calloc(1, bytes)
#define STBI_REALLOC_SIZED(memory, old_bytes, bytes) ::mobilenet::compiled::stb_grow(memory, old_bytes, bytes)
#define STBI_FREE(memory) ::std::free(memory)

// extern "C" even in our namespace: without names of their own they would collide with a host's in this unit.
#define stbi_convert_iphone_png_to_rgb mobilenet_stbi_convert_iphone_png_to_rgb
#define stbi_convert_iphone_png_to_rgb_thread mobilenet_stbi_convert_iphone_png_to_rgb_thread
#define stbi_failure_reason mobilenet_stbi_failure_reason
#define stbi_hdr_to_ldr_gamma mobilenet_stbi_hdr_to_ldr_gamma
#define stbi_hdr_to_ldr_scale mobilenet_stbi_hdr_to_ldr_scale
#define stbi_image_free mobilenet_stbi_image_free
#define stbi_info_from_callbacks mobilenet_stbi_info_from_callbacks
#define stbi_info_from_memory mobilenet_stbi_info_from_memory
#define stbi_is_16_bit_from_callbacks mobilenet_stbi_is_16_bit_from_callbacks
#define stbi_is_16_bit_from_memory mobilenet_stbi_is_16_bit_from_memory
#define stbi_is_hdr_from_callbacks mobilenet_stbi_is_hdr_from_callbacks
#define stbi_is_hdr_from_memory mobilenet_stbi_is_hdr_from_memory
#define stbi_load_16_from_callbacks mobilenet_stbi_load_16_from_callbacks
#define stbi_load_16_from_memory mobilenet_stbi_load_16_from_memory
#define stbi_load_from_callbacks mobilenet_stbi_load_from_callbacks
#define stbi_load_from_memory mobilenet_stbi_load_from_memory
#define stbi_set_flip_vertically_on_load mobilenet_stbi_set_flip_vertically_on_load
#define stbi_set_flip_vertically_on_load_thread mobilenet_stbi_set_flip_vertically_on_load_thread
#define stbi_set_unpremultiply_on_load mobilenet_stbi_set_unpremultiply_on_load
#define stbi_set_unpremultiply_on_load_thread mobilenet_stbi_set_unpremultiply_on_load_thread
#define stbi_zlib_decode_buffer mobilenet_stbi_zlib_decode_buffer
#define stbi_zlib_decode_malloc mobilenet_stbi_zlib_decode_malloc
#define stbi_zlib_decode_malloc_guesssize mobilenet_stbi_zlib_decode_malloc_guesssize
#define stbi_zlib_decode_malloc_guesssize_headerflag mobilenet_stbi_zlib_decode_malloc_guesssize_headerflag
#define stbi_zlib_decode_noheader_buffer mobilenet_stbi_zlib_decode_noheader_buffer
#define stbi_zlib_decode_noheader_malloc mobilenet_stbi_zlib_decode_noheader_malloc

// Damaged files make stb_image's sums overflow and its shifts go too far; pixels come out wrong, nothing else.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("signed-integer-overflow", "shift"))), apply_to = function)
#endif
namespace mobilenet::compiled::stb {
#if __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#else
#include <stb_image.h>
#endif
}  // namespace mobilenet::compiled::stb
#if defined(__clang__)
#pragma clang attribute pop
#endif

#pragma pop_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma pop_macro("STBIDEF")
#pragma pop_macro("STB_IMAGE_IMPLEMENTATION")
#pragma pop_macro("STB_IMAGE_STATIC")
#pragma pop_macro("STBI_VERSION")
#pragma pop_macro("STBI_EXTERN")
#pragma pop_macro("STBI_ONLY_JPEG")
#pragma pop_macro("STBI_ONLY_PNG")
#pragma pop_macro("STBI_ONLY_BMP")
#pragma pop_macro("STBI_ONLY_PSD")
#pragma pop_macro("STBI_ONLY_TGA")
#pragma pop_macro("STBI_ONLY_GIF")
#pragma pop_macro("STBI_ONLY_HDR")
#pragma pop_macro("STBI_ONLY_PIC")
#pragma pop_macro("STBI_ONLY_PNM")
#pragma pop_macro("STBI_ONLY_ZLIB")
#pragma pop_macro("STBI_NO_JPEG")
#pragma pop_macro("STBI_NO_PNG")
#pragma pop_macro("STBI_NO_BMP")
#pragma pop_macro("STBI_NO_PSD")
#pragma pop_macro("STBI_NO_TGA")
#pragma pop_macro("STBI_NO_GIF")
#pragma pop_macro("STBI_NO_HDR")
#pragma pop_macro("STBI_NO_PIC")
#pragma pop_macro("STBI_NO_PNM")
#pragma pop_macro("STBI_NO_LINEAR")
#pragma pop_macro("STBI_NO_STDIO")
#pragma pop_macro("STBI_NO_SIMD")
#pragma pop_macro("STBI_NO_ZLIB")
#pragma pop_macro("STBI_SUPPORT_ZLIB")
#pragma pop_macro("STBI_NO_THREAD_LOCALS")
#pragma pop_macro("STBI_NO_FAILURE_STRINGS")
#pragma pop_macro("STBI_FAILURE_USERMSG")
#pragma pop_macro("STBI_MAX_DIMENSIONS")
#pragma pop_macro("STBI_WINDOWS_UTF8")
#pragma pop_macro("STBI_MINGW_ENABLE_SSE2")
#pragma pop_macro("STBI_ASSERT")
#pragma pop_macro("STBI_MALLOC")
#pragma pop_macro("STBI_REALLOC")
#pragma pop_macro("STBI_FREE")
#pragma pop_macro("STBI_REALLOC_SIZED")
#pragma pop_macro("STBI_SSE2")
#pragma pop_macro("STBI_NEON")
#pragma pop_macro("STBI_SIMD_ALIGN")
#pragma pop_macro("STBI_THREAD_LOCAL")
#pragma pop_macro("STBI_HAS_LROTL")
#pragma pop_macro("STBI_NOTUSED")
#pragma pop_macro("STBI__X64_TARGET")
#pragma pop_macro("STBI__X86_TARGET")
#pragma pop_macro("STBI__BYTECAST")
#pragma pop_macro("STBI__CASE")
#pragma pop_macro("STBI__COMBO")
#pragma pop_macro("STBI__HDR_BUFLEN")
#pragma pop_macro("STBI__IDCT_1D")
#pragma pop_macro("STBI__MARKER_none")
#pragma pop_macro("STBI__PNG_TYPE")
#pragma pop_macro("STBI__RESTART")
#pragma pop_macro("STBI__ZFAST_BITS")
#pragma pop_macro("STBI__ZFAST_MASK")
#pragma pop_macro("STBI__ZNSYMS")
#pragma pop_macro("FAST_BITS")
#pragma pop_macro("stbi_inline")
#pragma pop_macro("stbi_lrot")
#pragma pop_macro("stbi__div4")
#pragma pop_macro("stbi__div16")
#pragma pop_macro("stbi__err")
#pragma pop_macro("stbi__errpf")
#pragma pop_macro("stbi__errpuc")
#pragma pop_macro("stbi__f2f")
#pragma pop_macro("stbi__float2fixed")
#pragma pop_macro("stbi__float2int")
#pragma pop_macro("stbi__fsh")
#pragma pop_macro("stbi__DNL")
#pragma pop_macro("stbi__EOI")
#pragma pop_macro("stbi__SOF")
#pragma pop_macro("stbi__SOF_progressive")
#pragma pop_macro("stbi__SOI")
#pragma pop_macro("stbi__SOS")
#pragma pop_macro("stbi__de_iphone_flag")
#pragma pop_macro("stbi__unpremultiply_on_load")
#pragma pop_macro("stbi__vertically_flip_on_load")
#pragma pop_macro("dct_const")
#pragma pop_macro("dct_rot")
#pragma pop_macro("dct_widen")
#pragma pop_macro("dct_wadd")
#pragma pop_macro("dct_wsub")
#pragma pop_macro("dct_bfly32o")
#pragma pop_macro("dct_interleave8")
#pragma pop_macro("dct_interleave16")
#pragma pop_macro("dct_pass")
#pragma pop_macro("dct_long_mul")
#pragma pop_macro("dct_long_mac")
#pragma pop_macro("dct_trn16")
#pragma pop_macro("dct_trn32")
#pragma pop_macro("dct_trn64")
#pragma pop_macro("dct_trn8_8")
#pragma pop_macro("dct_trn8_16")
#pragma pop_macro("dct_trn8_32")
#pragma pop_macro("stbi_convert_iphone_png_to_rgb")
#pragma pop_macro("stbi_convert_iphone_png_to_rgb_thread")
#pragma pop_macro("stbi_failure_reason")
#pragma pop_macro("stbi_hdr_to_ldr_gamma")
#pragma pop_macro("stbi_hdr_to_ldr_scale")
#pragma pop_macro("stbi_image_free")
#pragma pop_macro("stbi_info_from_callbacks")
#pragma pop_macro("stbi_info_from_memory")
#pragma pop_macro("stbi_is_16_bit_from_callbacks")
#pragma pop_macro("stbi_is_16_bit_from_memory")
#pragma pop_macro("stbi_is_hdr_from_callbacks")
#pragma pop_macro("stbi_is_hdr_from_memory")
#pragma pop_macro("stbi_load_16_from_callbacks")
#pragma pop_macro("stbi_load_16_from_memory")
#pragma pop_macro("stbi_load_from_callbacks")
#pragma pop_macro("stbi_load_from_memory")
#pragma pop_macro("stbi_set_flip_vertically_on_load")
#pragma pop_macro("stbi_set_flip_vertically_on_load_thread")
#pragma pop_macro("stbi_set_unpremultiply_on_load")
#pragma pop_macro("stbi_set_unpremultiply_on_load_thread")
#pragma pop_macro("stbi_zlib_decode_buffer")
#pragma pop_macro("stbi_zlib_decode_malloc")
#pragma pop_macro("stbi_zlib_decode_malloc_guesssize")
#pragma pop_macro("stbi_zlib_decode_malloc_guesssize_headerflag")
#pragma pop_macro("stbi_zlib_decode_noheader_buffer")
#pragma pop_macro("stbi_zlib_decode_noheader_malloc")
