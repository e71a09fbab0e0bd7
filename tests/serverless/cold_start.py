#!/usr/bin/env python3
"""How long a new process takes to its first answer: started, given a photo through a pipe, and read until it ends.

  tests/serverless/cold_start.py build/examples/serverless/handler model.mnet photo.jpg [--runs 20] [--limit 25]

Prints the fastest and the median in milliseconds; ends with 1 if the median is above the limit.
"""
import argparse
import subprocess
import sys
import time

from support import b64


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("handler")
    parser.add_argument("model")
    parser.add_argument("photo")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--limit", type=float)
    options = parser.parse_args()
    with open(options.photo, "rb") as file:
        parameters = ('{"image":"' + b64(file.read()) + '"}').encode()
    times = []
    for _ in range(options.runs):
        started = time.perf_counter()
        done = subprocess.run([options.handler, "--native", "--model=" + options.model], input=parameters, capture_output=True)
        times.append(1000 * (time.perf_counter() - started))
        assert b'"results"' in done.stdout, done.stdout + done.stderr
    times.sort()
    median = times[len(times) // 2]
    print(f"exec to answer: fastest {times[0]:.1f} ms, median {median:.1f} ms")
    sys.exit(1 if options.limit and median > options.limit else 0)


if __name__ == "__main__":
    main()
