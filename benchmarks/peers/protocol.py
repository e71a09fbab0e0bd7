"""The systems' side of the protocol in README.md."""
import json
import sys
import time

import numpy as np


def self_test_input(height, width, channels=3):
    """The input of a packed model's self-test, docs/format.md section 6: height, width, channels."""
    i = np.arange(height * width * channels, dtype=np.uint64)
    values = (((i * 2654435761) % 2**32) >> 16).astype(np.float64) / 32768 - 1
    return values.astype(np.float32).reshape(height, width, channels)


def resident_megabytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096e-6


def serve(load, version):
    """load   returns run, which computes the network once and returns its output as an array"""
    start = time.perf_counter()
    run = load()
    loaded = time.perf_counter()
    output = run()
    first = time.perf_counter()
    print(json.dumps({"load_ms": (loaded - start) * 1e3, "first_ms": (first - loaded) * 1e3,
                      "rss_mb": resident_megabytes(), "version": version,
                      "output": np.asarray(output, np.float64).ravel().tolist()}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            run()
            times.append((time.perf_counter() - begin) * 1e3)
        print(json.dumps(times), flush=True)
