#!/usr/bin/env python3
"""Very many warm requests: none may fail, and the memory must stay where it is. Needs wrk (Debian: wrk).

  tests/serverless/soak.py build/examples/serverless/handler model.mnet photo.jpg [--requests 100000]
      [--connections 1 8] [--transport http|openwhisk] [--handler-cpu 1] [--client-cpu 0]

Prints a line for each number of connections, and ends with 1 if a request failed or the memory grew by more than 1 MB
after the first 100 requests.
"""
import argparse
import re
import sys
import tempfile
import threading
import time

import support
from support import Handler, b64, connect, request, subprocess

# OpenWhisk gets another activation id and deadline each time, as from the platform.
SCRIPT = """
local body = io.open("%(body)s", "rb"):read("*a")
local count = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "%(type)s"
if "%(path)s" == "/run" then
  request = function()
    count = count + 1
    return wrk.format(nil, nil, nil, '{"activation_id":"' .. math.random() .. count .. '","deadline":' .. count .. ',"value":' .. body .. '}')
  end
else
  wrk.body = body
end
done = function(summary, latency, requests)
  io.write(string.format("RESULT requests=%%d bad=%%d p50=%%.3f p99=%%.3f max=%%.3f\\n", summary.requests,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
"""


def memory(pid):
    """Resident bytes: all, and those that are the process's own."""
    with open(f"/proc/{pid}/status") as file:
        fields = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+) kB", file.read()))
    return int(fields["VmRSS"]) * 1024, int(fields["RssAnon"]) * 1024


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("handler")
    parser.add_argument("model")
    parser.add_argument("photo")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--transport", choices=("http", "openwhisk"), default="http")
    parser.add_argument("--handler-cpu")
    parser.add_argument("--client-cpu")
    options = parser.parse_args()
    with open(options.photo, "rb") as file:
        photo = file.read()
    whisk = options.transport == "openwhisk"
    body = ('{"image":"' + b64(photo) + '"}').encode() if whisk else photo
    path, content_type = ("/run", "application/json") if whisk else ("/classify", "image/jpeg")
    pinned = lambda cpu: ["taskset", "-c", cpu] if cpu else []
    failed = False
    with tempfile.NamedTemporaryFile() as body_file, tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        body_file.write(body)
        body_file.flush()
        script.write(SCRIPT % {"body": body_file.name, "type": content_type, "path": path})
        script.flush()
        for connections in options.connections:
            command = [*pinned(options.handler_cpu), options.handler, "--" + options.transport, "--address=127.0.0.1",
                       "--port=0", "--quiet", "--model=" + options.model]
            with Handler(*command[1:], program=command[0]) as handler:
                pid = handler.process.pid  # taskset replaces itself
                if whisk:
                    assert handler.request("POST", "/init", "{}").status == 200
                first = b'{"value":' + body + b"}" if whisk else body
                # The first 100, over as many connections: eight bodies at once need more memory than one.
                highest = [0]
                done = threading.Event()

                def watch():
                    while not done.wait(0.01):
                        highest[0] = max(highest[0], memory(pid)[0])

                def first_requests(count):
                    with connect(handler.port) as connection:
                        for _ in range(count):
                            response = request(0, "POST", path, first, {"Content-Type": content_type}, connection)
                            assert response.status == 200 and b'"results"' in response.body, response

                watcher = threading.Thread(target=watch)
                watcher.start()
                clients = [threading.Thread(target=first_requests, args=(-(-100 // connections),)) for _ in range(connections)]
                for client in clients:
                    client.start()
                for client in clients:
                    client.join()
                resident, highest[0] = max(highest[0], memory(pid)[0]), 0
                requests = bad = 0
                rate = None
                started = time.monotonic()
                while requests < options.requests:
                    seconds = 3 if rate is None else int((options.requests - requests) / rate * 1.02) + 1
                    text = subprocess.run([*pinned(options.client_cpu), "wrk", "-t1", f"-c{connections}", f"-d{seconds}",
                                           "--timeout", "30", "-s", script.name, f"http://127.0.0.1:{handler.port}{path}"],
                                          capture_output=True, text=True, check=True).stdout
                    result = {k: float(v) for k, v in re.findall(r"(\w+)=([\d.]+)", text[text.index("RESULT"):])}
                    requests += int(result["requests"])
                    bad += int(result["bad"])
                    rate = result["requests"] / seconds
                    latency = result
                took = time.monotonic() - started
                done.set()
                watcher.join()
                after, own_after = memory(pid)
                grown = max(highest[0], after) - resident
                failed = failed or bad > 0 or grown > 1_000_000
                print(f"{connections} connection{'s' if connections > 1 else ''}: {requests} requests in {took:.0f} s, {bad} failed; "
                      f"p50 {latency['p50']:.2f} ms, p99 {latency['p99']:.2f} ms, max {latency['max']:.1f} ms; "
                      f"resident at most {resident / 1e6:.2f} MB in the first 100 requests, {after / 1e6:.2f} MB at the end, "
                      f"at most {max(highest[0], after) / 1e6:.2f} MB; private {own_after / 1e6:.2f} MB", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
