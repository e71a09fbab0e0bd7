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
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace mobilenet::tools;
using mobilenet::application;
using mobilenet::convert_options;
using mobilenet::input_range;

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

// An option whose words stand for values.
template <class T>
void add_choice(CLI::App* command, const std::string& name, std::optional<T>& chosen,
                const std::vector<std::pair<std::string, T>>& choices, const std::string& description) {
  std::vector<std::string> words;
  words.reserve(choices.size());
  for (const auto& [word, value] : choices) words.push_back(word);
  command
      ->add_option_function<std::string>(
          name,
          [&chosen, choices](const std::string& given) {
            for (const auto& [word, value] : choices)
              if (word == given) chosen = value;
          },
          description)
      ->check(without_description(CLI::IsMember(words)))
      ->type_name(joined(words));
}

input_range parse_range(const std::string& text) {
  const char* at = text.c_str();
  char* end = nullptr;
  const float low = std::strtof(at, &end);
  const bool comma = end != at && *end == ',';
  const char* second = comma ? end + 1 : end;
  const float high = std::strtof(second, &end);
  if (!comma || end == second || *end != '\0' || !std::isfinite(low) || !std::isfinite(high) || !(low < high))
    throw CLI::ValidationError("--input-range", "found \"" + text + "\", expected MIN,MAX like -1,1");
  return {low, high};
}

void add_preprocessing(CLI::App* command, convert_options& options) {
  using p = mobilenet::preprocessing;
  add_choice<application>(command, "--like", options.like,
                          {{"mobilenet", application::mobilenet},
                           {"nsfwjs", application::nsfwjs},
                           {"teachable-machine", application::teachable_machine}},
                          "Treat images as this application does (default: teachable-machine if its metadata.json is "
                          "beside model.json, else mobilenet)");
  command
      ->add_option_function<std::string>(
          "--input-range", [&options](const std::string& text) { options.range = parse_range(text); },
          "What black and white pixels become before they enter the network")
      ->type_name("MIN,MAX");
  add_choice<p::resize_method>(command, "--resize", options.resize,
                               {{"aligned", p::resize_method::bilinear_aligned},
                                {"half-pixel", p::resize_method::bilinear_half_pixel},
                                {"nearest", p::resize_method::nearest}},
                               "Bilinear with aligned corners, bilinear with half-pixel centres, or the nearest pixel");
  add_choice<p::crop_rule>(command, "--crop", options.crop,
                           {{"none", p::crop_rule::none}, {"square", p::crop_rule::centre_square}},
                           "The part of an image that is used: all of it, or the centre square");
  add_choice<p::grey_rule>(
      command, "--grey", options.grey,
      {{"red", p::grey_rule::red}, {"luma", p::grey_rule::luma}, {"mean", p::grey_rule::mean}},
      "What a model of one channel sees of a colour (default: red, as tf.browser.fromPixels(image, 1))");
  command
      ->add_option("--input-size", options.input_size,
                   "Height and width of the input, if the model leaves them open (default: 224)")
      ->check(without_description(CLI::Range(1u, 2048u)))
      ->type_name("N");
}

void add_convert(CLI::App& app, convert_command& convert) {
  CLI::App* command = app.add_subcommand("convert", "Turn a TensorFlow.js model into one packed file (.mnet)");
  command->footer(
      "Examples:\n"
      "  mobilenet convert mobilenet_v1_1.0_224/ -o mobilenet.mnet --labels models/imagenet_labels.txt\n"
      "  mobilenet convert my_teachable_machine/ -o my.mnet\n"
      "  mobilenet convert nsfwjs/quant_nsfw_mobilenet/ -o nsfw.mnet --like nsfwjs --labels labels.txt\n"
      "Reads model.json and the weight files that it names. The output appears as a whole or not at all.");
  command->add_option("MODEL", convert.input, "model.json, or the folder that it is in")->required()->type_name("");
  command->add_option("-o", convert.output, "The packed model to write")->required()->type_name("FILE");
  command
      ->add_option(
          "--labels", convert.labels,
          "Class names: one a line, a JSON array, Keras class indices, or metadata.json (default: metadata.json "
          "of Teachable Machine, or labels.txt beside model.json)")
      ->type_name("FILE");
  command->add_option("--output", convert.options.output, "Which output to compute, if the model has several")
      ->type_name("NAME");
  add_choice<mobilenet::output_kind>(command, "--output-kind", convert.options.kind,
                                     {{"classes", mobilenet::output_kind::classes},
                                      {"features", mobilenet::output_kind::features},
                                      {"values", mobilenet::output_kind::values}},
                                     "What a linear output is (default: classes, which get a softmax, if they have "
                                     "labels or are 1000 or 1001; else values)");
  add_preprocessing(command, convert.options);
  command
      ->add_option_function<std::string>(
          "--weights",
          [&convert](const std::string& type) {
            convert.options.weights = type == "f16" ? mobilenet::element::f16 : mobilenet::element::f32;
          },
          "How to store the weights: f16 is half as long and a little less exact (default: f32)")
      ->check(without_description(CLI::IsMember({"f32", "f16"})))
      ->type_name("f32|f16");
}

exit_code run_convert(const convert_command& command) {
  const auto made = convert(command);
  if (!made) return fail(made.error());
  print(command, *made);
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
      "mobilenet inspect MODEL --layers lists the names of the layers.");
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
  command->footer(
      "Examples:\n"
      "  mobilenet inspect mobilenet.mnet --verify\n"
      "  mobilenet inspect mobilenet.mnet --layers");
  command->add_option("MODEL", options.model, "The packed model (.mnet)")->required()->type_name("");
  command->add_flag("--layers", options.layers,
                    "Only the names of the layers, one a line: those that embed --layer takes");
  command->add_flag("--verify", options.verify,
                    "Compare all checksums, and replay the model's self-test on every back end of this program");
}

exit_code run_inspect(const inspect_options& options) {
  const auto done = inspect(options);
  return done ? exit_ok : fail(done.error());
}

exit_code run(int argc, char** argv) {
  CLI::App app("Classify images with MobileNet models from TensorFlow.js.", "mobilenet");
  app.footer(
      "Start here:\n"
      "  mobilenet convert mobilenet_v1_1.0_224/ -o mobilenet.mnet --labels models/imagenet_labels.txt\n"
      "  mobilenet classify mobilenet.mnet panda.jpg\n"
      "mobilenet COMMAND --help explains a command. Exit status: 0 all went well, 1 some input failed,\n"
      "2 the command line is wrong.");
  app.set_version_flag("--version", version, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);

  convert_command convert_with;
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
