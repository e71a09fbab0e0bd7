"""Reads a MobileNet in TensorFlow.js layers form as a list of operations, for the programs that export it."""
import json
import os
import sys
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Operation:
    """kind: convolution, depthwise, dense, relu6, add, pool (global average) or softmax."""
    kind: str
    name: str
    inputs: list  # names of operations, or "input"
    kernel: np.ndarray = None  # height, width, in, out; a depthwise one height, width, channels; a dense one in, out
    bias: np.ndarray = None
    stride: int = 1
    pads: tuple = (0, 0, 0, 0)  # top, left, bottom, right


@dataclass
class Network:
    size: int  # height and width of the input, which has three channels
    classes: int = 0
    operations: list = field(default_factory=list)


def read_weights(path, manifest):
    weights = {}
    for group in manifest:
        data = b"".join(open(os.path.join(os.path.dirname(path), p), "rb").read() for p in group["paths"])
        offset = 0
        for w in group["weights"]:
            count = int(np.prod(w["shape"]))
            weights[w["name"]] = np.frombuffer(data, "<f4", count, offset).reshape(w["shape"]).astype(np.float64)
            offset += 4 * count
    return weights


def same_padding(size, kernel, stride):
    """Before and after."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def read_network(path):
    """Batch norm is folded, as each system's own exporter does it; what does nothing is left out."""
    with open(path, encoding="utf-8") as file:
        model = json.load(file)
    topology = model["modelTopology"]
    layers = topology.get("model_config", topology)["config"]["layers"]
    weights = read_weights(path, model["weightsManifest"])
    network = Network(layers[0]["config"]["batch_input_shape"][1])
    source = {}  # the operation that a layer's output is, and its height and width
    size = {}
    padding = {}  # of the layers that only pad

    def inputs_of(layer):
        return [reference[0] for reference in layer["inbound_nodes"][0]]

    def add(kind, layer, **members):
        network.operations.append(Operation(kind, layer["config"]["name"], [source[n] for n in inputs_of(layer)],
                                            **members))
        source[layer["config"]["name"]] = layer["config"]["name"]

    def folded(layer, follower, kernel, channel_axis):
        name = layer["config"]["name"]
        bias = weights.get(f"{name}/bias", np.zeros(kernel.shape[channel_axis]))
        if follower["class_name"] == "BatchNormalization":
            bn = follower["config"]["name"]
            scale = weights[f"{bn}/gamma"] / np.sqrt(weights[f"{bn}/moving_variance"] + follower["config"]["epsilon"])
            kernel = kernel * scale
            bias = (bias - weights[f"{bn}/moving_mean"]) * scale + weights[f"{bn}/beta"]
        network.classes = kernel.shape[channel_axis]
        return kernel.astype(np.float32), bias.astype(np.float32)

    def convolution(layer, follower):
        config = layer["config"]
        name, before, stride = config["name"], inputs_of(layer)[0], config["strides"][0]
        depthwise = layer["class_name"] == "DepthwiseConv2D"
        kernel = weights[f"{name}/depthwise_kernel"][..., 0] if depthwise else weights[f"{name}/kernel"]
        kernel, bias = folded(layer, follower, kernel, -1)
        pads = padding.get(before, (0, 0, 0, 0))
        if config["padding"] == "same" and size[before] > 1:
            top, bottom = same_padding(size[before], kernel.shape[0], stride)
            pads = (top, top, bottom, bottom)
        size[name] = (size[before] + pads[0] + pads[2] - kernel.shape[0]) // stride + 1
        add("depthwise" if depthwise else "convolution", layer, kernel=kernel, bias=bias, stride=stride, pads=pads)

    for index, layer in enumerate(layers):
        kind, config = layer["class_name"], layer["config"]
        name, activation = config["name"], config.get("activation")
        follower = layers[index + 1] if index + 1 < len(layers) else {"class_name": ""}
        if kind == "InputLayer":
            source[name], size[name] = "input", network.size
            continue
        before = inputs_of(layer)[0]
        size[name] = size[before]
        if kind in ("Conv2D", "DepthwiseConv2D"):
            convolution(layer, follower)
        elif kind == "Dense":
            kernel, bias = folded(layer, follower, weights[f"{name}/kernel"], -1)
            add("dense", layer, kernel=kernel, bias=bias)
            if activation == "softmax":
                network.operations.append(Operation("softmax", f"{name}/softmax", [name]))
                source[name] = f"{name}/softmax"
        elif kind == "ReLU" or (kind == "Activation" and activation == "relu6"):
            add("relu6", layer)
        elif kind == "Add":
            add("add", layer)
        elif kind == "GlobalAveragePooling2D":
            add("pool", layer)
            size[name] = 1
        elif kind == "Activation" and activation == "softmax":
            add("softmax", layer)
        elif kind in ("BatchNormalization", "Reshape", "Dropout", "ZeroPadding2D"):
            source[name] = source[before]
            if kind == "ZeroPadding2D":
                (top, bottom), (left, right) = config["padding"]
                padding[name] = (top, left, bottom, right)
        else:
            sys.exit(f"{path}: layer {name}: {kind} is not exported")
    return network
