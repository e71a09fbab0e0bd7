#!/usr/bin/env python3
"""What is uploaded stays small: the executable, and the zips with the weights of MobileNet 1.0 in them.

The zips that were built are opened, put where the platforms put them, and run.
"""
import glob
import shutil
import zipfile
from support import *

MEGABYTE = 1_000_000
ZIPS = os.environ.get("MOBILENET_ZIPS", "")
SYNTHETIC = os.environ.get("MAKE_SYNTHETIC_MODEL", "")


@unittest.skipUnless(os.environ.get("MOBILENET_HANDLER_IS_RELEASE"), "skipped: no static release build")
class Sizes(TestCase):
    def test_executable(self):
        size = os.path.getsize(HANDLER)
        print(f"\nexecutable: {size / MEGABYTE:.2f} MB")
        with open("/etc/os-release") as file:
            debian_12 = 'VERSION_ID="12"' in file.read()
        self.assertLessEqual(size, (2 if debian_12 else 2.2) * MEGABYTE)  # newer C libraries are larger

    def test_executable_is_static_and_stripped(self):
        with open(HANDLER, "rb") as file:
            elf = file.read()
        self.assertNotIn(b"/ld-linux", elf)  # no interpreter: it runs in an empty container
        self.assertNotIn(b".symtab", elf)

    def test_zips_with_full_size_weights(self):
        if not os.path.exists(PROGRAM) or not os.path.exists(SYNTHETIC):
            self.skipTest("skipped: MOBILENET_PROGRAM and MAKE_SYNTHETIC_MODEL do not name the programs that make a model")
        labels = os.path.join(HERE, "..", "..", "models", "imagenet_labels.txt")
        with tempfile.TemporaryDirectory() as folder:
            # Random weights compress less than trained ones: what is small enough with them is small enough.
            source, model, target = (os.path.join(folder, name) for name in ("source", "model.mnet", "x.zip"))
            subprocess.run([SYNTHETIC, source, "--alpha", "1.0"], check=True, capture_output=True)
            for weights, limit in (("f32", 18), ("f16", 10)):
                subprocess.run([PROGRAM, "convert", source, "-o", model, "--weights", weights, "--labels", labels],
                               check=True, capture_output=True)
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
                names = [entry, "licences.txt"] if "embedded" in name else [entry, "model.mnet", "licences.txt"]
                self.assertEqual(archive.namelist(), names, name)
                self.assertEqual({info.date_time for info in archive.infolist()}, {(1980, 1, 1, 0, 0, 0)})
                licences = archive.read("licences.txt").decode()
                for work in ("mobilenet-cpp: Apache-2.0", "GNU C library: LGPL-2.1", "libstdc++", "Boost", "RapidJSON", "Highway", "stb"):
                    self.assertIn(work, licences)
                self.assertEqual(archive.getinfo(entry).external_attr >> 16 & 0o111, 0o111, name)
                archive.extractall(folder)
                program = os.path.join(folder, entry)
                os.chmod(program, 0o755)  # Python's zipfile forgets it
                done = subprocess.run([program, "--native", parameters], capture_output=True, text=True, cwd="/", env={},
                                      timeout=20 * SLOW)
                self.assertAnswer(json.loads(done.stdout.splitlines()[-1]))

    def test_the_same_files_give_the_same_zip(self):
        if not shutil.which("zip"):
            self.skipTest("skipped: zip is not installed")
        script = os.path.join(HERE, "..", "..", "examples", "serverless", "make_zip.sh")
        zips = []
        for mode, when, zone, umask in ((0o755, 1e9, "UTC", 0o022), (0o700, 1.5e9, "Asia/Tokyo", 0o077)):
            with tempfile.TemporaryDirectory() as folder:
                program, model, target = (os.path.join(folder, name) for name in ("program", "model.mnet", "x.zip"))
                shutil.copy(HANDLER, program)
                shutil.copy(MODEL, model)
                os.chmod(program, mode)
                for path in (program, model):
                    os.utime(path, (when, when))
                subprocess.run(["sh", "-c", f"umask {umask:o}; exec sh \"$@\"", "sh", script, target, program, "exec", model],
                               check=True, env={**os.environ, "TZ": zone})
                with open(target, "rb") as file:
                    zips.append(file.read())
        self.assertEqual(zips[0], zips[1])


if __name__ == "__main__":
    main()
