#!/usr/bin/env python3
"""`promtool check metrics` finds nothing to say about /metrics (Debian: prometheus)."""
import platforms
from support import *


class Promtool(TestCase):
    def test_metrics(self):
        for arguments in ([], ["--workers=2"]):
            with http_handler(*arguments) as handler:
                handler.request("POST", "/classify", png())
                handler.request("POST", "/classify", b"no image")
                metrics = handler.request("GET", "/metrics").body
                done = subprocess.run([platforms.tool("promtool"), "check", "metrics"], input=metrics, capture_output=True)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))


if __name__ == "__main__":
    platforms.need("promtool")
    main()
