# The WebAssembly module as part of the main build: the target mobilenet_wasm makes ${mobilenet_wasm_file}. Without a
# compiler for WebAssembly the target does not exist, and one line says what is missing.
option(MOBILENET_BUILD_WASM "Build the WebAssembly module where its toolchain is installed" ${PROJECT_IS_TOP_LEVEL})

# Sets `missing` to what keeps the module from being built; empty if nothing does.
function(mobilenet_find_wasm_toolchain missing)
  find_program(MOBILENET_WASI_CLANG NAMES clang++-14 clang++)
  find_program(MOBILENET_WASM_OPT wasm-opt)
  set(reason "")
  if(NOT MOBILENET_WASI_CLANG)
    set(reason "clang++")
  elseif(NOT MOBILENET_WASM_OPT)
    set(reason "wasm-opt (Debian: binaryen)")
  elseif(NOT TARGET mobilenet::simd OR NOT TARGET mobilenet::decode OR NOT TARGET mobilenet_convert)
    set(reason "Highway, stb_image or RapidJSON")
  else()
    set(probe ${CMAKE_CURRENT_BINARY_DIR}/wasm_probe)
    file(WRITE ${probe}.cpp "#include <string>\nint main(int n, char** v) { return std::string(v[0]).size() > unsigned(n); }\n")
    execute_process(
      COMMAND ${MOBILENET_WASI_CLANG} --target=wasm32-wasi -fno-exceptions ${probe}.cpp -o ${probe}.wasm
      RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(failed)
      set(reason "clang's libraries for wasm32-wasi (Debian: lld wasi-libc libc++-dev-wasm32 libclang-rt-14-dev-wasm32)")
    endif()
  endif()
  set(${missing} "${reason}" PARENT_SCOPE)
endfunction()

if(NOT MOBILENET_BUILD_WASM)
  return()
endif()
mobilenet_find_wasm_toolchain(missing)
if(missing)
  message(STATUS "mobilenet_wasm: off, not found: ${missing}")
  return()
endif()
message(STATUS "mobilenet_wasm: on")

include(ExternalProject)
set(folder ${PROJECT_BINARY_DIR}/wasm)
set(mobilenet_wasm_file ${folder}/mobilenet.wasm)
ExternalProject_Add(mobilenet_wasm
  SOURCE_DIR ${PROJECT_SOURCE_DIR}/wasm
  BINARY_DIR ${folder}
  STAMP_DIR ${folder}/stamps
  TMP_DIR ${folder}/tmp
  CMAKE_ARGS -DCMAKE_TOOLCHAIN_FILE=${PROJECT_SOURCE_DIR}/cmake/wasm32-wasi.cmake
    -DMOBILENET_WASI_CLANG=${MOBILENET_WASI_CLANG} -DMOBILENET_WERROR=${MOBILENET_WERROR}
    -DMOBILENET_BUILD_TESTS=${MOBILENET_BUILD_TESTS}
  BUILD_BYPRODUCTS ${mobilenet_wasm_file}
  BUILD_ALWAYS ON
  INSTALL_COMMAND "")
