#!/usr/bin/python3
"""Compares this library's WebAssembly module with other JavaScript packages in Node, one thread each. See README.md.

    compare_javascript.py --package build/examples/javascript/package --peers build/peers --models build/peers/models

Prints a table of processor time: it counts all threads of a process, and other programs disturb it less than time on the
clock.
"""
import argparse
import os
import statistics
import sys

from compare import TOLERANCE, System

SECONDS = 1.5  # of processor time in one turn of a system


def systems(options, network):
    model = os.path.join(options.models, network)
    modules = os.path.join(options.peers, "node_modules")

    def node(name, program, package, file, *arguments):
        return System(name, ["node", program, file, *arguments], 1, network, [package, file], True, {"NODE_PATH": modules})

    tfjs = os.path.join(modules, "@tensorflow", "tfjs-backend-wasm")
    made = [node("mobilenet-cpp", "mobilenet_wasm.mjs", options.package, model + ".mnet", options.package),
            node("TensorFlow.js wasm", "tfjs_wasm.js", tfjs, model + "/model.json"),
            node("onnxruntime-web", "onnxruntime_web.js", os.path.join(modules, "onnxruntime-web"), model + ".onnx")]
    if options.cpu:
        made.append(node("TensorFlow.js cpu", "tfjs_wasm.js", tfjs, model + "/model.json", "cpu"))
    return [s for s in made if all(os.path.exists(path) for path in s.needs) or
            print(f"{s.name} is left out: {s.needs} must exist", file=sys.stderr)]


def measure(group, rounds):
    """Milliseconds of processor time for one image: a list of one value a round for each system."""
    for system in group:
        system.launch()
    middle = [statistics.median(values) for values in zip(*(s.start["output"] for s in group))]
    for system in group:
        worst = max(abs(a - b) for a, b in zip(system.start["output"], middle))
        if worst > TOLERANCE:
            sys.exit(f"{system.network}: {system.name}: differs by {worst} from the median of the systems")
    for system in group:
        system.run(10)  # the compiler's second stage
    counts = [max(2, int(SECONDS * 1e3 / statistics.median(s.times))) for s in group]
    found = {s.name: [] for s in group}
    for _ in range(rounds):
        for system, count in zip(group, counts):
            before = system.cpu_ms
            system.run(count)
            found[system.name].append((system.cpu_ms - before) / count)
    for system in group:
        system.stop()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("package", "peers", "models"):
        parser.add_argument(f"--{name}", required=True, type=os.path.abspath)
    parser.add_argument("--networks", nargs="+", default=["v1-1.0", "v1-0.75", "v1-0.25", "v2-1.0", "v2-0.35"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--cpu", action="store_true", help="TensorFlow.js's cpu back end too: 1 s an image")
    options = parser.parse_args()
    print("| network | system | median ms of CPU | best | × mobilenet-cpp | load ms | memory MB |")
    print("|---|---|---|---|---|---|---|")
    for network in options.networks:
        group = systems(options, network)
        times = measure(group, options.rounds)
        ours = statistics.median(times[group[0].name])
        for system in group:
            median = statistics.median(times[system.name])
            print(f"| {network} | {system.name} | {median:.2f} | {min(times[system.name]):.2f} | {median / ours:.2f} "
                  f"| {system.start['load_ms']:.0f} | {system.start['rss_mb']:.0f} |", flush=True)


main()
