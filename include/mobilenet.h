/* MobileNet image classification for C, and for every language that can call C.
 *
 *   mobilenet_classifier* classifier;
 *   mobilenet_image* photo;
 *   mobilenet_prediction best[3];
 *   size_t count = 3;
 *   char* message;
 *   if (mobilenet_open("model.mnet", 1, &classifier, &message) != MOBILENET_OK ||
 *       mobilenet_decode_file("photo.jpg", NULL, &photo, &message) != MOBILENET_OK ||
 *       mobilenet_classify(classifier, mobilenet_pixels_of(photo), best, &count, &message) != MOBILENET_OK) {
 *     fprintf(stderr, "%s\n", message);
 *     mobilenet_free(message);
 *   }
 *
 * Errors. Every function that can fail returns a status. If it is not MOBILENET_OK, no other result is written, and
 * *message is one line that names the file or field, what was found and what was expected; the caller passes it to
 * mobilenet_free(). `message` may be NULL. Messages are results, not thread state, so that hosts whose tasks move
 * between threads (Go) read the right one.
 *
 * Threads. One classifier is used by one thread at a time. Several classifiers of one file share its memory. Images
 * can be shared between threads that only read them.
 *
 * The library is libmobilenet.so: the targets mobilenet::c of CMake and mobilenet-c of pkg-config. A program can also
 * compile mobilenet/compiled/c_interface.cpp, which is all of it, as one of its own sources. */
#ifndef MOBILENET_H
#define MOBILENET_H

#include <stddef.h>
#include <stdint.h>

#if !defined(MOBILENET_API)
#define MOBILENET_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Structs and arguments hold enumerators as int: a host in another language may pass any number, which is checked. */

/* What kind of failure it was. */
typedef enum mobilenet_status {
  MOBILENET_OK = 0,
  MOBILENET_IO_ERROR = 1,            /* the operating system would not open, read or map a file */
  MOBILENET_NOT_A_MODEL = 2,         /* the bytes are not a packed model */
  MOBILENET_UNSUPPORTED_VERSION = 3, /* a packed model of a format version or byte order that is not read */
  MOBILENET_CORRUPT_MODEL = 4,       /* a packed model whose fields contradict each other or its length */
  MOBILENET_CHECKSUM_MISMATCH = 5,   /* a section's bytes are not those that were written */
  MOBILENET_SHAPE_MISMATCH = 6,      /* shapes that do not fit together */
  MOBILENET_UNSUPPORTED = 7,         /* well-formed, but this library cannot do it */
  MOBILENET_OUT_OF_MEMORY = 8,       /* an allocation was refused */
  MOBILENET_INVALID_ARGUMENT = 9,    /* an argument that no input could make right */
  MOBILENET_INVALID_IMAGE = 10,      /* the bytes are not an image, or a damaged one */
  MOBILENET_IMAGE_TOO_LARGE = 11,    /* an image with more pixels than the options allow */
  MOBILENET_BACKEND_FAILURE = 12     /* a library under the back end reported a failure */
} mobilenet_status;

/* The name of a status, "io_error" for MOBILENET_IO_ERROR. A constant. */
MOBILENET_API const char* mobilenet_status_name(int status);

/* The library's version, "0.1.0". A constant. */
MOBILENET_API const char* mobilenet_version(void);

/* Frees a message. NULL is allowed. */
MOBILENET_API void mobilenet_free(char* message);

/* ---- models */

typedef struct mobilenet_classifier mobilenet_classifier;

/* Maps a packed model (.mnet) and prepares its network. Costs milliseconds; processes that open the same file share
 * its memory.
 *
 * threads      of the network: 0 means one per processor that the process may use
 * classifier   receives the classifier; the caller passes it to mobilenet_close()
 * errors       io_error, not_a_model, unsupported_version, corrupt_model, unsupported, out_of_memory,
 *              invalid_argument */
MOBILENET_API mobilenet_status mobilenet_open(const char* path, unsigned threads, mobilenet_classifier** classifier,
                                              char** message);

/* The same from bytes in memory, which are copied. */
MOBILENET_API mobilenet_status mobilenet_open_bytes(const void* bytes, size_t size, unsigned threads,
                                                    mobilenet_classifier** classifier, char** message);

/* Releases a classifier and everything that it owns. NULL is allowed. */
MOBILENET_API void mobilenet_close(mobilenet_classifier* classifier);

/* Number of classes; 0 if the model computes features or values. */
MOBILENET_API uint32_t mobilenet_class_count(const mobilenet_classifier* classifier);

/* Name of a class in UTF-8, valid until mobilenet_close(); "" without labels or for an index that does not exist. */
MOBILENET_API const char* mobilenet_class_name(const mobilenet_classifier* classifier, uint32_t class_index);

/* How many floats mobilenet_run() writes. */
MOBILENET_API size_t mobilenet_output_size(const mobilenet_classifier* classifier);

/* How many floats mobilenet_embed() writes; 0 if the model has no embedding. */
MOBILENET_API size_t mobilenet_embedding_size(const mobilenet_classifier* classifier);

/* ---- images */

typedef enum mobilenet_pixel_format {
  MOBILENET_RGB = 0,
  MOBILENET_BGR = 1,
  MOBILENET_RGBA = 2,
  MOBILENET_BGRA = 3,
  MOBILENET_GREY = 4
} mobilenet_pixel_format;

/* 8-bit pixels that stay where the host has them: rows from top to bottom, pixels from left to right. Alpha is
 * ignored, as TensorFlow.js ignores that of ImageData. */
typedef struct mobilenet_pixels {
  const uint8_t* data;
  uint32_t width;
  uint32_t height;
  size_t stride; /* bytes from the start of a row to the start of the next */
  int format;    /* mobilenet_pixel_format */
} mobilenet_pixels;

typedef enum mobilenet_alpha { MOBILENET_DROP = 0, MOBILENET_OVER_BLACK = 1, MOBILENET_OVER_WHITE = 2 } mobilenet_alpha;

/* Zeros are the defaults. */
typedef struct mobilenet_decode_options {
  uint64_t max_pixels;        /* larger images are refused by their header; 0 means 64,000,000 */
  int apply_exif_orientation; /* not 0: photos are rotated and mirrored by their EXIF orientation */
  int alpha;                  /* mobilenet_alpha: what becomes of a PNG's transparency */
} mobilenet_decode_options;

typedef struct mobilenet_image mobilenet_image;

/* Decodes a JPEG, PNG or BMP to RGB.
 *
 * options   NULL means the defaults
 * image     receives the image; the caller passes it to mobilenet_free_image()
 * errors    unsupported (another format, named where it is known), invalid_image, image_too_large, out_of_memory,
 *           invalid_argument */
MOBILENET_API mobilenet_status mobilenet_decode(const void* bytes, size_t size, const mobilenet_decode_options* options,
                                                mobilenet_image** image, char** message);

/* The same from a file. Also io_error; every message begins with the path. */
MOBILENET_API mobilenet_status mobilenet_decode_file(const char* path, const mobilenet_decode_options* options,
                                                     mobilenet_image** image, char** message);

/* The image's pixels, valid until mobilenet_free_image(). NULL has none. */
MOBILENET_API mobilenet_pixels mobilenet_pixels_of(const mobilenet_image* image);

/* NULL is allowed. */
MOBILENET_API void mobilenet_free_image(mobilenet_image* image);

/* ---- answers */

typedef struct mobilenet_prediction {
  uint32_t class_index;   /* 0 is "tench" in ImageNet, whether or not the model has a background class */
  float probability;      /* 0 to 1 */
  const char* class_name; /* UTF-8, valid until mobilenet_close(); "" without labels */
} mobilenet_prediction;

/* The most probable classes of an image, most probable first.
 *
 * predictions   receives up to *count predictions
 * count         in: how many there is room for; out: how many were written
 * errors        unsupported (the model computes features or values), invalid_argument, out_of_memory */
MOBILENET_API mobilenet_status mobilenet_classify(mobilenet_classifier* classifier, mobilenet_pixels pixels,
                                                  mobilenet_prediction* predictions, size_t* count, char** message);

/* What the network computes before its class scores, by which images can be compared.
 *
 * embedding   receives mobilenet_embedding_size() floats
 * errors      unsupported (the model has no embedding), invalid_argument */
MOBILENET_API mobilenet_status mobilenet_embed(mobilenet_classifier* classifier, mobilenet_pixels pixels,
                                               float* embedding, char** message);

/* The network's whole output.
 *
 * output   receives mobilenet_output_size() floats, a background class first if the model has one
 * errors   invalid_argument */
MOBILENET_API mobilenet_status mobilenet_run(mobilenet_classifier* classifier, mobilenet_pixels pixels, float* output,
                                             char** message);

#ifdef __cplusplus
}
#endif

#endif
