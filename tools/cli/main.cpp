// The program mobilenet: its command line. What each command does is in the file of its name.
#include "cli/built_in_backends.hpp"
#include "cli/classify.hpp"
#include "cli/convert.hpp"
#include "cli/embed.hpp"
#include "cli/inspect.hpp"
#include "cli/read_image.hpp"
#include "cli/text.hpp"

#include <mobilenet/version.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace mobilenet::tools;

enum exit_code { exit_ok = 0, exit_failed = 1, exit_usage = 2 };

constexpr const char* version =
#define MOBILENET_TEXT_OF(x) #x
#define MOBILENET_DOTTED(a, b, c) MOBILENET_TEXT_OF(a) "." MOBILENET_TEXT_OF(b) "." MOBILENET_TEXT_OF(c)
    "mobilenet " MOBILENET_DOTTED(MOBILENET_VERSION_MAJOR, MOBILENET_VERSION_MINOR, MOBILENET_VERSION_PATCH);
#undef MOBILENET_DOTTED
#undef MOBILENET_TEXT_OF

exit_code fail(const mobilenet::error& e) {
  std::fflush(stdout);
  std::fprintf(stderr, "mobilenet: %s\n", printable(e.message).c_str());
  return exit_failed;
}

std::string joined(const std::vector<std::string>& choices) {
  std::string all;
  for (const std::string& choice : choices) all += (all.empty() ? "" : "|") + choice;
  return all;
}

// The type's name says already what is allowed.
CLI::Validator without_description(CLI::Validator check) { return check.description(""); }

// ---- convert

void add_convert(CLI::App& app, convert_options& options) {
  CLI::App* command = app.add_subcommand("convert", "Turn a TensorFlow.js model into one packed file (.mnet)");
  command->footer(
      "Example:\n"
      "  mobilenet convert mobilenet_v1_1.0_224/ -o mobilenet.mnet --labels models/imagenet_labels.txt\n"
      "Reads model.json and the weight files that it names. The output appears as a whole or not at all.");
  command->add_option("MODEL", options.input, "model.json, or the folder that it is in")->required()->type_name("");
  command->add_option("-o,--output", options.output, "The packed model to write")->required()->type_name("FILE");
  command
      ->add_option("--labels", options.labels,
                   "Class names, one a line in the order of the classes (default: labels.txt beside model.json)")
      ->type_name("FILE");
  command
      ->add_option_function<std::string>(
          "--input-range",
          [&options](const std::string& text) {
            const char* at = text.c_str();
            char* end = nullptr;
            const float low = std::strtof(at, &end);
            const bool comma = end != at && *end == ',';
            const char* second = comma ? end + 1 : end;
            const float high = std::strtof(second, &end);
            if (!comma || end == second || *end != '\0' || !std::isfinite(low) || !std::isfinite(high) || !(low < high))
              throw CLI::ValidationError("--input-range", "found \"" + text + "\", expected MIN,MAX like -1,1");
            options.range = input_range{low, high};
          },
          "What black and white pixels become before they enter the network (default: as such models are trained)")
      ->type_name("MIN,MAX");
  command
      ->add_option_function<std::string>(
          "--weights",
          [&options](const std::string& type) {
            options.weights = type == "f16" ? mobilenet::element::f16 : mobilenet::element::f32;
          },
          "How to store the weights: f16 is half as long and a little less exact (default: f32)")
      ->check(without_description(CLI::IsMember({"f32", "f16"})))
      ->type_name("f32|f16");
}

exit_code run_convert(const convert_options& options) {
  const auto done = convert(options);
  if (!done) return fail(done.error());
  const conversion_report& report = *done;
  const auto row = [](const char* name, const std::string& value) {
    std::printf("%-10s %s\n", name, printable(value).c_str());
  };
  const bool scaled = report.preprocessing.scaling == mobilenet::preprocessing::formula::multiply_add;
  const double a = static_cast<double>(report.preprocessing.a);
  const double b = static_cast<double>(report.preprocessing.b);
  char range[64];
  std::snprintf(range, sizeof range, "%g to %g", scaled ? b : -a / b, scaled ? 255.0 * a + b : (255.0 - a) / b);
  row("read", report.model_json);
  row("", report.form + (report.name.empty() ? "" : " \"" + report.name + "\"") + ", " +
              with_separators(report.source_layers) + " layers, " + with_separators(report.source_weights) +
              " weights, " + with_separators(report.shards) + " shards of " + with_separators(report.weight_bytes) +
              " bytes");
  row("wrote", report.output + ", " + with_separators(report.file_bytes) + " bytes");
  row("", with_separators(report.layers) + " layers, " + with_separators(report.parameters) + " parameters (" +
              (report.weights == mobilenet::element::f16 ? "float16" : "float32") + "), " +
              with_separators(report.multiply_adds) + " multiply-adds");
  row("input", mobilenet::to_string(report.input) + ", pixels scaled to " + range);
  row("output", report.kind == mobilenet::output_kind::features
                    ? "features, no classes"
                    : with_separators(report.classes) + " classes" +
                          (report.class_offset != 0 ? " after 1 for \"background\", which is not ranked" : ""));
  if (report.kind == mobilenet::output_kind::classes)
    row("labels",
        report.labels.empty() ? "none: classes will be shown by number (--labels gives them names)" : report.labels);
  for (const std::string& note : report.notes) row("note", note);
  return exit_ok;
}

// ---- what classify and embed have in common

void add_images(CLI::App* command, image_options& options) {
  command->add_option("IMAGE", options.images, "Image files; - is standard input")->type_name("");
  auto* list = command->add_option("--from", options.list, "A list of image files, one a line; - is standard input")
                   ->type_name("LIST");
  command->add_flag("-0,--null", options.null_separated, "The list's names end with a NUL byte, as find -print0 writes")
      ->needs(list);
  command->add_flag("--lenient", options.lenient, "Exit status 0 even if some images could not be read");
  const auto decoders = decoder_names();
  if (decoders.size() > 1) {
    command
        ->add_option("--decoder", options.decoder,
                     "What decodes JPEG: turbojpeg is faster and has the pixels that Chrome shows, and leaves to stb "
                     "what it does not read; stb's pixels differ by a few steps (default: " +
                         decoders.front() + ")")
        ->check(without_description(CLI::IsMember(decoders)))
        ->type_name(joined(decoders));
    command
        ->add_option_function<std::string>(
            "--jpeg-scale", [&options](const std::string& scale) { options.scale_jpeg = scale == "auto"; },
            "auto: turbojpeg decodes a large JPEG at 1/2, 1/4 or 1/8 of its size, with at least twice the network's "
            "input, which is faster and changes answers a little (default: 1)")
        ->check(without_description(CLI::IsMember({"auto", "1"})))
        ->type_name("auto|1");
  }
  command->add_flag("--exif-orientation", options.exif_orientation,
                    "Rotate photos by their EXIF orientation (default: as stored, which is what TensorFlow.js does)");
  command
      ->add_option_function<std::string>(
          "--alpha",
          [&options](const std::string& mode) {
            options.alpha = mode == "black"   ? mobilenet::alpha_mode::over_black
                            : mode == "white" ? mobilenet::alpha_mode::over_white
                                              : mobilenet::alpha_mode::drop;
          },
          "Show transparent pixels over black or white (default: drop, their stored colours, as TensorFlow.js reads "
          "ImageData)")
      ->check(without_description(CLI::IsMember({"drop", "black", "white"})))
      ->type_name("drop|black|white");
  command
      ->add_option(
          "--max-pixels", options.max_pixels,
          "Refuse images of more pixels before they are decoded (default: " + std::to_string(options.max_pixels) + ")")
      ->check(without_description(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32)))
      ->type_name("N");
  command->callback([&options] {
    if (options.images.empty() && options.list.empty()) throw CLI::RequiredError("IMAGE or --from");
    if (options.list == "-" && std::find(options.images.begin(), options.images.end(), "-") != options.images.end())
      throw CLI::ValidationError("--from", "standard input cannot be both an image and the list of images");
  });
}

void add_backend_and_threads(CLI::App* command, std::string& backend, unsigned& threads) {
  const auto backends = backend_names();
  backend = backends.front();
  command->add_option("--backend", backend, "What computes the layers (default: " + backend + ")")
      ->check(without_description(CLI::IsMember(backends)))
      ->type_name(joined(backends));
  command
      ->add_option_function<std::string>(
          "--threads",
          [&threads](const std::string& text) {
            char* end = nullptr;
            const unsigned long count = std::strtoul(text.c_str(), &end, 10);
            const bool number = text.find_first_not_of("0123456789") == std::string::npos && !text.empty();
            if (text != "auto" && (!number || count < 1 || count > 256))
              throw CLI::ValidationError("--threads", "found \"" + text + "\", expected 1 to 256 or auto");
            threads = text == "auto" ? 0 : static_cast<unsigned>(count);
          },
          "One for each image, or several where there are fewer images; auto: all that this process may use "
          "(default: 1)")
      ->type_name("N|auto");
}

// ---- classify

void add_classify(CLI::App& app, classify_options& options) {
  CLI::App* command = app.add_subcommand("classify", "Say what is in pictures");
  command->footer(
      "Examples:\n"
      "  mobilenet classify mobilenet.mnet panda.jpg\n"
      "  curl -s https://example.org/cat.jpg | mobilenet classify mobilenet.mnet - --top 1\n"
      "  mobilenet classify mobilenet.mnet --json photos/*.jpg > answers.jsonl\n"
      "  find photos -name '*.jpg' | mobilenet classify mobilenet.mnet --json --threads auto --from -\n"
      "JPEG, PNG and BMP. An image that cannot be read is reported, the others are still classified, and the\n"
      "exit status is 1.");
  command->add_option("MODEL", options.model, "The packed model (.mnet)")->required()->type_name("");
  add_images(command, options.images);
  command->add_option("--top", options.top, "How many classes to show for each image (default: 3)")
      ->check(without_description(CLI::Range(1u, 1u << 20)))
      ->type_name("N");
  add_backend_and_threads(command, options.backend, options.threads);
  command->add_flag("--json", options.json, "One JSON object a line for each image, with times in milliseconds");
}

exit_code run_classify(const classify_options& options) {
  const auto done = classify(options);
  if (!done) return fail(done.error());
  return *done || options.images.lenient ? exit_ok : exit_failed;
}

// ---- embed

void add_embed(CLI::App& app, embed_options& options) {
  CLI::App* command = app.add_subcommand("embed", "Give the features of pictures: the activation of a layer");
  command->footer(
      "Examples:\n"
      "  mobilenet embed mobilenet.mnet panda.jpg\n"
      "  mobilenet embed mobilenet.mnet --layer conv_pw_11_relu --npy photos/*.jpg > features.npy\n"
      "mobilenet inspect shows the names of the layers.");
  command->add_option("MODEL", options.model, "The packed model (.mnet)")->required()->type_name("");
  add_images(command, options.images);
  command
      ->add_option("--layer", options.layer,
                   "The layer whose activation is wanted, by its TensorFlow.js name (default: the pooled features)")
      ->type_name("NAME");
  add_backend_and_threads(command, options.backend, options.threads);
  auto* json = command->add_flag("--json", options.json, "One JSON object a line for each image (default)");
  command
      ->add_flag("--npy", options.npy,
                 "One NumPy array for all images: float32, [image, ...]; NaN for one that cannot be read")
      ->excludes(json);
}

exit_code run_embed(const embed_options& options) {
  const auto done = embed(options);
  if (!done) return fail(done.error());
  return *done || options.images.lenient ? exit_ok : exit_failed;
}

// ---- inspect

void add_inspect(CLI::App& app, inspect_options& options) {
  CLI::App* command =
      app.add_subcommand("inspect", "Show what a packed model holds, and whether it still computes right");
  command->footer("Example:\n  mobilenet inspect mobilenet.mnet --verify");
  command->add_option("MODEL", options.model, "The packed model (.mnet)")->required()->type_name("");
  command->add_flag("--verify", options.verify,
                    "Compare all checksums, and replay the model's self-test on every back end of this program");
}

exit_code run_inspect(const inspect_options& options) {
  const auto done = inspect(options);
  return done ? exit_ok : fail(done.error());
}

exit_code run(int argc, char** argv) {
  CLI::App app("Classify images with MobileNet v1 models from TensorFlow.js.", "mobilenet");
  app.footer(
      "Start here:\n"
      "  mobilenet convert mobilenet_v1_1.0_224/ -o mobilenet.mnet --labels models/imagenet_labels.txt\n"
      "  mobilenet classify mobilenet.mnet panda.jpg\n"
      "mobilenet COMMAND --help explains a command. Exit status: 0 all went well, 1 some input failed,\n"
      "2 the command line is wrong.");
  app.set_version_flag("--version", version, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);

  convert_options convert_with;
  classify_options classify_with;
  embed_options embed_with;
  inspect_options inspect_with;
  add_convert(app, convert_with);
  add_classify(app, classify_with);
  add_embed(app, embed_with);
  add_inspect(app, inspect_with);

  if (argc <= 1) {
    std::fputs(app.help().c_str(), stderr);
    return exit_usage;
  }
  const std::string_view first = argv[1];
  const auto named = [&](const CLI::App* command) { return command->get_name() == first; };
  if (first != "-h" && first != "--help" && first != "--version" && app.get_subcommands(named).empty()) {
    std::fprintf(stderr,
                 "mobilenet: found the command \"%s\", expected convert, classify, embed or inspect\n"
                 "Try: mobilenet --help\n",
                 printable(first).c_str());
    return exit_usage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return static_cast<exit_code>(app.exit(e));
    const auto chosen = app.get_subcommands();
    std::fprintf(stderr, "mobilenet: %s\nTry: mobilenet %s--help\n", printable(e.what()).c_str(),
                 chosen.empty() ? "" : (chosen.front()->get_name() + " ").c_str());
    return exit_usage;
  }
  if (app.got_subcommand("convert")) return run_convert(convert_with);
  if (app.got_subcommand("classify")) return run_classify(classify_with);
  if (app.got_subcommand("embed")) return run_embed(embed_with);
  return run_inspect(inspect_with);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const exit_code status = run(argc, argv);
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
    if (status == exit_ok) std::fputs("mobilenet: standard output: cannot write\n", stderr);
    return exit_failed;
  } catch (const std::bad_alloc&) {
    std::fputs("mobilenet: out of memory\n", stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mobilenet: %s\n", e.what());
  }
  return exit_failed;
}
