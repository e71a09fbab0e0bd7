// Loaded before XNNPACK (LD_PRELOAD), so that it chooses its kernels as on a processor without AVX-512.
#include <cpuinfo.h>

__attribute__((constructor)) static void hide_avx512(void) {
  cpuinfo_initialize();
  cpuinfo_isa.avx512f = 0;
}
