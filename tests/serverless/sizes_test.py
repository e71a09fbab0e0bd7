#!/usr/bin/env python3
"""What is uploaded stays small: the executable, and the zips with the weights of MobileNet 1.0 in them.

A full-size model needs the reference data; without it only the executable and the zips that were built are weighed.
The zips are opened, put where the platforms put them, and run.
"""
import glob
import zipfile
from support import *

MEGABYTE = 1_000_000
ZIPS = os.environ.get("MOBILENET_ZIPS", "")


class Sizes(TestCase):
    def test_executable(self):
        size = os.path.getsize(HANDLER)
        print(f"\nexecutable: {size / MEGABYTE:.2f} MB")
        self.assertLessEqual(size, 3 * MEGABYTE)

    def test_executable_is_static_and_stripped(self):
        with open(HANDLER, "rb") as file:
            elf = file.read()
        self.assertNotIn(b"/ld-linux", elf)  # no interpreter: it runs in an empty container
        self.assertNotIn(b".symtab", elf)

    def test_zips_with_full_size_weights(self):
        if not DATA or not os.path.exists(PROGRAM):
            self.skipTest("skipped: MOBILENET_TEST_DATA and MOBILENET_PROGRAM do not name the reference data and the converter")
        for weights, limit in (("f32", 18), ("f16", 10)):
            with tempfile.TemporaryDirectory() as folder:
                model = os.path.join(folder, "model.mnet")
                subprocess.run([PROGRAM, "convert", f"{DATA}/models/mobilenet_v1_1.00_224_qat", "-o", model, "--weights", weights,
                                "--labels", os.path.join(HERE, "..", "..", "models", "imagenet_labels.txt")],
                               check=True, capture_output=True)
                target = os.path.join(folder, "x.zip")
                with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.write(HANDLER, "exec")
                    archive.write(model, "model.mnet")
                size = os.path.getsize(target)
                print(f"\nzip with 1.0 weights in {weights}: {size / MEGABYTE:.2f} MB")
                self.assertLessEqual(size, limit * MEGABYTE)
                with http_handler("--model=" + model) as handler:
                    self.assertAnswer(handler.request("POST", "/classify", jpeg()).json())


class Zips(TestCase):
    def test_zips_run_where_they_are_unpacked(self):
        found = glob.glob(os.path.join(ZIPS, "*.zip")) if ZIPS else []
        if not found:
            self.skipTest("skipped: no zips were built (target handler_zips)")
        parameters = json.dumps({"image": b64(jpeg())})
        for path in found:
            name = os.path.basename(path)
            entry = "bootstrap" if name.startswith("lambda") else "exec"
            with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
                names = ["model.mnet", entry] if "embedded" not in name else [entry]
                self.assertEqual(sorted(archive.namelist()), sorted(names), name)
                self.assertEqual(archive.getinfo(entry).external_attr >> 16 & 0o111, 0o111, name)
                archive.extractall(folder)
                program = os.path.join(folder, entry)
                os.chmod(program, 0o755)  # Python's zipfile forgets it
                done = subprocess.run([program, "--native", parameters], capture_output=True, text=True, cwd="/", env={},
                                      timeout=20 * SLOW)
                self.assertAnswer(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
