// libjpeg-turbo's archive has its decoder and its encoder behind one object file, so that a static executable would
// contain both. The handler only decodes: these definitions are found first, and the encoder's 400 KB stay out. They
// are weak: where an object that is needed defines one of them as well, that definition wins.
#include <cstdlib>

#define MOBILENET_UNUSED(name) \
  extern "C" [[gnu::weak]] void name() { std::abort(); }

MOBILENET_UNUSED(jpeg_CreateCompress)
MOBILENET_UNUSED(jpeg_abort_compress)
MOBILENET_UNUSED(jpeg_copy_critical_parameters)
MOBILENET_UNUSED(jpeg_destroy_compress)
MOBILENET_UNUSED(jpeg_finish_compress)
MOBILENET_UNUSED(jpeg_mem_dest_tj)
MOBILENET_UNUSED(jpeg_read_coefficients)
MOBILENET_UNUSED(jpeg_set_colorspace)
MOBILENET_UNUSED(jpeg_set_defaults)
MOBILENET_UNUSED(jpeg_set_quality)
MOBILENET_UNUSED(jpeg_simple_progression)
MOBILENET_UNUSED(jpeg_start_compress)
MOBILENET_UNUSED(jpeg_write_coefficients)
MOBILENET_UNUSED(jpeg_write_raw_data)
MOBILENET_UNUSED(jpeg_write_scanlines)
MOBILENET_UNUSED(jinit_c_master_control)
MOBILENET_UNUSED(jinit_color_converter)
MOBILENET_UNUSED(jinit_downsampler)
// transformations without loss
MOBILENET_UNUSED(jcopy_markers_execute)
MOBILENET_UNUSED(jcopy_markers_setup)
MOBILENET_UNUSED(jtransform_adjust_parameters)
MOBILENET_UNUSED(jtransform_execute_transform)
MOBILENET_UNUSED(jtransform_request_workspace)
// other formats' files
MOBILENET_UNUSED(jinit_read_bmp)
MOBILENET_UNUSED(jinit_read_ppm)
MOBILENET_UNUSED(jinit_write_bmp)
MOBILENET_UNUSED(jinit_write_ppm)
// colours reduced to a palette
MOBILENET_UNUSED(jinit_1pass_quantizer)
MOBILENET_UNUSED(jinit_2pass_quantizer)
// the encoder's SIMD kernels, which the dispatcher names
MOBILENET_UNUSED(jconst_huff_encode_one_block)
MOBILENET_UNUSED(jsimd_huff_encode_one_block_sse2)
