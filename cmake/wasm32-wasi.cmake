# Toolchain: clang for WebAssembly with the WASI C library. Debian 12:
#   apt-get install clang lld binaryen wasi-libc libc++-dev-wasm32 libclang-rt-14-dev-wasm32
# MOBILENET_WASI_CLANG names another clang++, for instance one of wasi-sdk.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_CXX_COMPILER_TARGET wasm32-wasi)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MOBILENET_WASI_CLANG)
if(MOBILENET_WASI_CLANG)
  set(CMAKE_CXX_COMPILER ${MOBILENET_WASI_CLANG})
else()
  find_program(MOBILENET_WASI_CLANG NAMES clang++-14 clang++ REQUIRED)
  set(CMAKE_CXX_COMPILER ${MOBILENET_WASI_CLANG})
endif()
# Headers of the host are linked one package at a time (wasm/CMakeLists.txt): its /usr/include is another C library's.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
