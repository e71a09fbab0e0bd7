/* mobilenet.h as a C program uses it: c_interface_test MODEL.mnet ANKLE_BOOT.png */
#include <mobilenet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                            \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #condition); \
      ++failures;                                                                   \
    }                                                                               \
  } while (0)

/* Checks a refusal and its message; `text` is a part of it. */
static void check_refused(mobilenet_status found, mobilenet_status expected, char** message, const char* text) {
  CHECK(found == expected);
  CHECK(*message != NULL && strstr(*message, text) != NULL);
  if (*message != NULL && strstr(*message, text) == NULL) fprintf(stderr, "  found: %s\n", *message);
  mobilenet_free(*message);
  *message = NULL;
}

static void check_constants(void) {
  CHECK(strcmp(mobilenet_status_name(MOBILENET_OK), "ok") == 0);
  CHECK(strcmp(mobilenet_status_name(MOBILENET_IO_ERROR), "io_error") == 0);
  CHECK(strcmp(mobilenet_status_name(MOBILENET_BACKEND_FAILURE), "backend_failure") == 0);
  CHECK(strcmp(mobilenet_status_name(99), "unknown") == 0);
  CHECK(strchr(mobilenet_version(), '.') != NULL);
}

static void check_classifier(mobilenet_classifier* classifier, mobilenet_pixels pixels) {
  mobilenet_prediction best[20];
  size_t count = 3;
  char* message = NULL;

  CHECK(mobilenet_class_count(classifier) == 10);
  CHECK(strcmp(mobilenet_class_name(classifier, 9), "Ankle boot") == 0);
  CHECK(strcmp(mobilenet_class_name(classifier, 10), "") == 0);

  CHECK(mobilenet_classify(classifier, pixels, best, &count, &message) == MOBILENET_OK);
  CHECK(count == 3);
  CHECK(best[0].class_index == 9);
  CHECK(strcmp(best[0].class_name, "Ankle boot") == 0);
  CHECK(best[0].probability > 0.5f && best[0].probability <= 1.0f);
  CHECK(best[0].probability >= best[1].probability && best[1].probability >= best[2].probability);

  count = 20;
  CHECK(mobilenet_classify(classifier, pixels, best, &count, NULL) == MOBILENET_OK);
  CHECK(count == 10);

  {
    const size_t size = mobilenet_output_size(classifier);
    float* output = malloc(size * sizeof *output);
    CHECK(size == 10);
    CHECK(output != NULL && mobilenet_run(classifier, pixels, output, &message) == MOBILENET_OK);
    CHECK(output != NULL && output[9] == best[0].probability);
    free(output);
  }
  {
    const size_t size = mobilenet_embedding_size(classifier);
    float* embedding = calloc(size, sizeof *embedding);
    float sum = 0.0f;
    size_t i;
    CHECK(size == 256);
    CHECK(embedding != NULL && mobilenet_embed(classifier, pixels, embedding, &message) == MOBILENET_OK);
    for (i = 0; embedding != NULL && i < size; ++i) sum += embedding[i];
    CHECK(sum > 0.0f);
    free(embedding);
  }
}

static void check_bytes(const char* path, mobilenet_pixels pixels) {
  mobilenet_classifier* classifier = NULL;
  FILE* file = fopen(path, "rb");
  unsigned char* bytes = malloc(16u << 20);
  const size_t size = file != NULL && bytes != NULL ? fread(bytes, 1, 16u << 20, file) : 0;
  char* message = NULL;
  CHECK(size > 0);
  CHECK(mobilenet_open_bytes(bytes, size, 2, &classifier, &message) == MOBILENET_OK);
  if (bytes != NULL) memset(bytes, 0, size); /* they were copied */
  check_classifier(classifier, pixels);
  mobilenet_close(classifier);

  check_refused(mobilenet_open_bytes(bytes, size, 1, &classifier, &message), MOBILENET_NOT_A_MODEL, &message, "");
  free(bytes);
  if (file != NULL) fclose(file);
}

static void check_refusals(mobilenet_classifier* classifier, mobilenet_pixels pixels, const char* photo) {
  mobilenet_classifier* none = NULL;
  mobilenet_image* image = NULL;
  mobilenet_prediction best;
  mobilenet_decode_options options = {0, 0, MOBILENET_DROP};
  size_t count = 1;
  char* message = NULL;

  check_refused(mobilenet_open("no/such.mnet", 1, &none, &message), MOBILENET_IO_ERROR, &message,
                "no/such.mnet: cannot open");
  check_refused(mobilenet_open(photo, 1, &none, &message), MOBILENET_NOT_A_MODEL, &message, photo);
  check_refused(mobilenet_open(NULL, 1, &none, &message), MOBILENET_INVALID_ARGUMENT, &message,
                "mobilenet_open: path is NULL");
  CHECK(none == NULL);
  CHECK(mobilenet_open("no/such.mnet", 1, &none, NULL) == MOBILENET_IO_ERROR);

  check_refused(mobilenet_decode("no image", 8, NULL, &image, &message), MOBILENET_UNSUPPORTED, &message, "");
  check_refused(mobilenet_decode(NULL, 0, NULL, &image, &message), MOBILENET_INVALID_IMAGE, &message, "");
  check_refused(mobilenet_decode_file("no/such.jpg", NULL, &image, &message), MOBILENET_IO_ERROR, &message,
                "no/such.jpg");
  options.max_pixels = 16;
  check_refused(mobilenet_decode_file(photo, &options, &image, &message), MOBILENET_IMAGE_TOO_LARGE, &message, photo);
  options.alpha = 7;
  check_refused(mobilenet_decode_file(photo, &options, &image, &message), MOBILENET_INVALID_ARGUMENT, &message,
                "alpha is 7, expected 0 to 2");
  CHECK(image == NULL);

  pixels.stride = 1;
  check_refused(mobilenet_classify(classifier, pixels, &best, &count, &message), MOBILENET_INVALID_ARGUMENT, &message,
                "stride");
  pixels.format = -1;
  check_refused(mobilenet_classify(classifier, pixels, &best, &count, &message), MOBILENET_INVALID_ARGUMENT, &message,
                "stride");
  pixels.format = 1000;
  check_refused(mobilenet_classify(classifier, pixels, &best, &count, &message), MOBILENET_INVALID_ARGUMENT, &message,
                "format");
  check_refused(mobilenet_classify(classifier, mobilenet_pixels_of(NULL), &best, &count, &message),
                MOBILENET_INVALID_ARGUMENT, &message, "0x0");
  check_refused(mobilenet_classify(NULL, pixels, &best, &count, &message), MOBILENET_INVALID_ARGUMENT, &message,
                "classifier is NULL");
  check_refused(mobilenet_run(classifier, pixels, NULL, &message), MOBILENET_INVALID_ARGUMENT, &message,
                "output is NULL");
  CHECK(mobilenet_class_count(NULL) == 0);
  mobilenet_close(NULL);
  mobilenet_free_image(NULL);
  mobilenet_free(NULL);
}

int main(int argc, char** argv) {
  mobilenet_classifier* classifier = NULL;
  mobilenet_image* photo = NULL;
  char* message = NULL;
  if (argc != 3) {
    fprintf(stderr, "usage: %s MODEL.mnet ANKLE_BOOT.png\n", argv[0]);
    return 2;
  }
  if (mobilenet_open(argv[1], 1, &classifier, &message) != MOBILENET_OK ||
      mobilenet_decode_file(argv[2], NULL, &photo, &message) != MOBILENET_OK) {
    fprintf(stderr, "%s\n", message);
    mobilenet_free(message);
    return 1;
  }
  check_constants();
  check_classifier(classifier, mobilenet_pixels_of(photo));
  check_bytes(argv[1], mobilenet_pixels_of(photo));
  check_refusals(classifier, mobilenet_pixels_of(photo), argv[2]);
  mobilenet_free_image(photo);
  mobilenet_close(classifier);
  if (failures != 0) fprintf(stderr, "%d checks failed\n", failures);
  return failures != 0;
}
