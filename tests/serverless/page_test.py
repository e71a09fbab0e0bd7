#!/usr/bin/env python3
"""The page in a real browser: headless Chromium, driven by playwright-core. With MOBILENET_SCREENSHOT it also leaves a
picture of the page there."""
import shutil
import support
from support import *

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page(TestCase):
    def test_choose_drop_and_refuse(self):
        with http_handler() as handler, tempfile.NamedTemporaryFile(suffix=".jpg") as tiny:
            tiny.write(jpeg())
            tiny.flush()
            photo = os.environ.get("MOBILENET_SCREENSHOT_PHOTO", tiny.name)
            extra = [os.environ["MOBILENET_SCREENSHOT"]] if "MOBILENET_SCREENSHOT" in os.environ else []
            for _ in range(3):  # on a busy machine Chromium itself ends now and then while it starts
                done = run_node("page_client.js", f"http://127.0.0.1:{handler.port}/", CHROMIUM, photo, *extra)
                if "browser has been closed" not in done.stderr + done.stdout:
                    break
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    if CHROMIUM is None:
        print("skipped: chromium is not installed")
        sys.exit(77)
    skip_without_npm("playwright-core")
    main()
