#!/usr/bin/env python3
"""Builds every stage of the Dockerfile with buildah and runs the images with runc, as an ordinary user on a read-only root.

The base is made by debootstrap, because a registry for images is not needed then. Takes minutes: .ci/nightly runs it.
Needs root, buildah, runc, debootstrap and a package mirror."""
import shutil
import platforms
from support import *

REPOSITORY = os.path.abspath(os.path.join(HERE, "..", ".."))
BASE = "localhost/mobilenet-base"
STAGES = ("http", "openwhisk", "lambda", "zips")


def run(*command, **named):
    done = subprocess.run(command, capture_output=True, text=True, **named)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout.strip()


class Images(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(dir="/var/tmp", prefix="mobilenet-images-")
        cls.buildah = ["buildah", "--root", cls.folder + "/storage", "--runroot", cls.folder + "/run", "--storage-driver", "vfs"]
        cls.containers = {}
        base = cls.folder + "/base"
        done = subprocess.run(["debootstrap", "--variant=minbase", "bookworm", base], capture_output=True, text=True)
        if done.returncode != 0:
            raise unittest.SkipTest("skipped: debootstrap found no mirror: " + done.stdout[-300:])
        shutil.rmtree(base + "/var/cache/apt/archives", ignore_errors=True)
        container = run(*cls.buildah, "from", "scratch")
        run(*cls.buildah, "add", container, base, "/")
        run(*cls.buildah, "commit", "--rm", container, BASE)
        shutil.rmtree(base)
        context = cls.folder + "/context"
        os.mkdir(context)
        files = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
        subprocess.run(["cpio", "-0", "-pdm", "--quiet", context] if shutil.which("cpio") else
                       ["sh", "-c", 'tar c --null --files-from - | tar x -C "$0"', context], cwd=REPOSITORY, input=files, check=True)
        for stage in STAGES:
            run(*cls.buildah, "build", "--isolation", "chroot", "--layers", "--network", "host", "--build-arg", "BASE=" + BASE,
                "--build-arg", "REVISION=abc", "--target", stage, "-t", "localhost/mobilenet-" + stage,
                "-f", context + "/examples/serverless/Dockerfile", context)
            cls.containers[stage] = run(*cls.buildah, "from", "--pull-never", "localhost/mobilenet-" + stage)

    @classmethod
    def tearDownClass(cls):
        subprocess.run([*cls.buildah, "umount", "--all"], capture_output=True)
        shutil.rmtree(cls.folder, ignore_errors=True)

    def config(self, stage):
        return json.loads(run(*self.buildah, "inspect", "--type", "image", "localhost/mobilenet-" + stage))["OCIv1"]["config"]

    def start(self, stage, *arguments, env=()):
        """Runs a stage's entry point by runc, on the host's network."""
        root = run(*self.buildah, "mount", self.containers[stage])
        bundle = tempfile.mkdtemp(dir=self.folder)
        run("runc", "spec", cwd=bundle)
        with open(bundle + "/config.json") as file:
            spec = json.load(file)
        config = self.config(stage)
        user, group = config["User"].split(":")
        spec["root"] = {"path": root, "readonly": True}
        spec["process"].update(terminal=False, args=[*config["Entrypoint"], *arguments], cwd="/", env=list(env),
                               user={"uid": int(user), "gid": int(group)}, noNewPrivileges=True)
        spec["process"]["capabilities"] = {}
        spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "network"]
        with open(bundle + "/config.json", "w") as file:
            json.dump(spec, file)
        name = "mobilenet-" + os.path.basename(bundle)
        return name, Handler("run", "--bundle", bundle, name, program=platforms.tool("runc"), env={"PATH": os.environ["PATH"]},
                             listens=stage != "lambda")

    def stop(self, name, handler):
        subprocess.run(["runc", "kill", name, "TERM"], capture_output=True)
        status = handler.process.wait(20)
        handler.stop()
        return status

    def test_contents_labels_and_users(self):
        for stage in ("http", "openwhisk", "lambda"):
            root = run(*self.buildah, "mount", self.containers[stage])
            files = [name for name in os.listdir(root) if name not in ("proc", "sys", "dev", "run", "etc")]
            self.assertEqual(sorted(files), ["handler", "licences.txt", "model.mnet"])
            config = self.config(stage)
            self.assertEqual(config["User"], "65532:65532")
            self.assertEqual(config["Labels"]["org.opencontainers.image.licenses"], "Apache-2.0")
            self.assertEqual(config["Labels"]["org.opencontainers.image.revision"], "abc")
            with open(root + "/licences.txt") as file:
                self.assertIn("GNU LESSER GENERAL PUBLIC LICENSE", file.read())
        root = run(*self.buildah, "mount", self.containers["zips"])
        self.assertIn("lambda.zip", os.listdir(root))

    def test_http(self):
        name, handler = self.start("http", "--address=127.0.0.1", "--port=0")
        self.assertAnswer(handler.request("POST", "/classify", jpeg()).json())
        self.assertIn('jpeg_decoder="libjpeg-turbo"', handler.request("GET", "/metrics").body.decode())
        health = ["/handler", "--health", "--address=127.0.0.1", f"--port={handler.port}"]  # what HEALTHCHECK runs
        run("runc", "exec", name, *health)
        self.assertEqual(self.stop(name, handler), 0)

    def test_openwhisk(self):
        name, handler = self.start("openwhisk", "--address=127.0.0.1", "--port=0")
        self.assertEqual(handler.request("POST", "/init", {"value": {}}, JSON).status, 200)
        self.assertAnswer(handler.request("POST", "/run", {"value": {"image": b64(jpeg())}}, JSON).json())
        self.assertEqual(self.stop(name, handler), 0)

    def test_lambda(self):
        from lambda_test import RuntimeApi
        api = RuntimeApi()
        name, handler = self.start("lambda", "app.handler", env=["AWS_LAMBDA_RUNTIME_API=" + api.address])
        api.event({"image": b64(jpeg())})
        path, _, body, _ = api.post()
        self.assertTrue(path.endswith("/response"), body)
        self.assertAnswer(json.loads(body))
        subprocess.run(["runc", "kill", name, "KILL"], capture_output=True)
        handler.process.wait(20)
        handler.stop()
        api.close()


if __name__ == "__main__":
    if os.geteuid() != 0:
        platforms.skip("buildah and runc need root here")
    for program in ("buildah", "runc", "debootstrap"):
        platforms.need(program)
    main()
