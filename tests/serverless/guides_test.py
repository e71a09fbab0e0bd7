#!/usr/bin/env python3
"""The guides of the platforms, the Dockerfile and the manifests: what a reader copies from them exists and is safe."""
import glob
from support import *

FOLDER = os.path.join(HERE, "..", "..", "examples", "serverless")


def read(*path):
    with open(os.path.join(FOLDER, *path)) as file:
        return file.read()


class Guides(TestCase):
    PLATFORMS = ("http", "lambda", "openwhisk", "actionloop")

    def guides(self):
        return {name: read(name, "README.md") for name in self.PLATFORMS} | {".": read("README.md")}

    def test_each_shows_how_to_get_the_model_of_imagenet(self):
        for name, text in self.guides().items():
            self.assertIn("tools/fetch_imagenet.sh 1.0", text, name)
            self.assertRegex(text, r"(MODEL=mobilenet_v1_1\.0_224|MOBILENET_HANDLER_MODEL=\$PWD/mobilenet_v1_1\.0_224)", name)
            self.assertIn("imagenet_labels.txt", text, name)

    def test_each_recommends_exif_for_phones(self):
        for name in (".", "http", "lambda", "openwhisk"):
            self.assertRegex(self.guides()[name], r"(--exif-orientation|MOBILENET_EXIF_ORIENTATION)", name)

    def test_commands_work_outside_gnu(self):
        for name, text in self.guides().items():
            self.assertNotIn("base64 -w", text, name)

    def test_options_exist(self):
        usage = subprocess.run([HANDLER, "--help"], capture_output=True, text=True, env=sanitizer_environment()).stdout
        options = re.findall(r"--[a-z-]+", usage)
        for name, text in self.guides().items():
            for variable in re.findall(r"MOBILENET_[A-Z_]+", text):
                if not variable.startswith("MOBILENET_HANDLER") and not variable.startswith("MOBILENET_BUILD"):
                    self.assertIn(variable, usage, name)
        for option in re.findall(r'"(--[a-z-]+)', read("http", "deployment.yaml") + read("Dockerfile")):
            self.assertIn(option, options)
        for option in re.findall(r"^\| `(--[a-z-]+)", read("http", "README.md"), re.M):
            self.assertIn(option, options)

    def test_linked_files_exist(self):
        for name, text in self.guides().items():
            for target in re.findall(r"\]\(([^)#:]+)\)", text):
                self.assertTrue(os.path.exists(os.path.join(FOLDER, name, target)), f"{name}: {target}")


class Dockerfile(TestCase):
    def stages(self):
        parts = re.split(r"(?m)^FROM (\S+) AS (\S+)\n", read("Dockerfile"))
        return {parts[i + 1]: parts[i + 2] for i in range(1, len(parts), 3)}

    def test_stages(self):
        stages = self.stages()
        self.assertEqual(sorted(stages), ["build", "http", "lambda", "openwhisk", "zips"])
        for name, text in stages.items():
            self.assertIn("USER 65532:65532", text, name)
        for name in ("http", "lambda", "openwhisk"):
            for label in ("title", "description", "licenses", "version", "revision"):
                self.assertIn(f"org.opencontainers.image.{label}=", stages[name], name)
        self.assertIn("licences.txt", stages["build"])
        self.assertIn('HEALTHCHECK --interval=30s --timeout=4s CMD ["/handler", "--health"]', stages["http"])

    def test_base_can_be_pinned(self):
        self.assertRegex(read("Dockerfile"), r"(?m)^ARG BASE=\S+\nFROM \$\{BASE\} AS build")


class Manifests(TestCase):
    def test_kubernetes(self):
        text = read("http", "deployment.yaml")
        kinds = re.findall(r"(?m)^kind: (\S+)", text)
        self.assertEqual(kinds, ["Deployment", "Service", "HorizontalPodAutoscaler"])
        for needed in ("/readyz", "/healthz", "runAsNonRoot: true", "--drain-delay", "averageUtilization"):
            self.assertIn(needed, text)
        try:
            import yaml
        except ImportError:
            return
        for path in glob.glob(os.path.join(FOLDER, "*", "*.yaml")):
            if "lambda" not in path:  # CloudFormation has tags of its own
                with open(path) as file:
                    self.assertTrue(all(document["kind"] for document in yaml.safe_load_all(file)))


if __name__ == "__main__":
    main()
