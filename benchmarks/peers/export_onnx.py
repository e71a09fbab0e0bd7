#!/usr/bin/python3
"""A MobileNet v1 in TensorFlow.js layers form to ONNX, batch norm folded, the way its own exporters write it.

    export_onnx.py folder/model.json model.onnx
"""
import json
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def read_weights(path, manifest):
    weights = {}
    for group in manifest:
        data = b"".join(open(os.path.join(os.path.dirname(path), p), "rb").read() for p in group["paths"])
        offset = 0
        for w in group["weights"]:
            count = int(np.prod(w["shape"]))
            weights[w["name"]] = np.frombuffer(data, "<f4", count, offset).reshape(w["shape"])
            offset += 4 * count
    return weights


def same_padding(size, kernel, stride):
    total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
    return total // 2, total - total // 2


def main(source, target):
    with open(source, encoding="utf-8") as file:
        model = json.load(file)
    topology = model["modelTopology"]
    layers = topology.get("model_config", topology)["config"]["layers"]
    weights = read_weights(source, model["weightsManifest"])
    nodes, constants = [], []
    current = "input"
    size, classes = layers[0]["config"]["batch_input_shape"][1], None

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name))
        return name

    def node(op, inputs, **attributes):
        nonlocal current
        name = f"{op}_{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        current = name

    for index, layer in enumerate(layers):
        kind, config = layer["class_name"], layer["config"]
        name = config["name"]
        if kind in ("Conv2D", "DepthwiseConv2D"):
            depthwise = kind == "DepthwiseConv2D"
            kernel = weights[name + ("/depthwise_kernel" if depthwise else "/kernel")].astype(np.float64)
            # HWIO to OIHW; a depthwise kernel is HWC1, which is C1HW in ONNX
            kernel = kernel.transpose(2, 3, 0, 1) if depthwise else kernel.transpose(3, 2, 0, 1)
            bias = weights.get(name + "/bias", np.zeros(kernel.shape[0])).astype(np.float64)
            follower = layers[index + 1] if index + 1 < len(layers) else {"class_name": ""}
            if follower["class_name"] == "BatchNormalization":
                bn = follower["config"]["name"]
                scale = weights[bn + "/gamma"] / np.sqrt(weights[bn + "/moving_variance"].astype(np.float64)
                                                         + follower["config"]["epsilon"])
                kernel = kernel * scale[:, None, None, None]
                bias = (bias - weights[bn + "/moving_mean"]) * scale + weights[bn + "/beta"]
            stride = config["strides"][0]
            before, after = same_padding(size, kernel.shape[2], stride) if size > 1 else (0, 0)
            node("Conv", [current, constant(name + "/kernel", kernel), constant(name + "/bias", bias)],
                 kernel_shape=list(kernel.shape[2:]), strides=[stride, stride],
                 pads=[before, before, after, after], group=kernel.shape[0] if depthwise else 1)
            size, classes = -(-size // stride), kernel.shape[0]
        elif kind == "ReLU" or (kind == "Activation" and config["activation"] == "relu6"):
            node("Clip", [current, constant(name + "/low", np.float32(0)), constant(name + "/high", np.float32(6))])
        elif kind == "GlobalAveragePooling2D":
            node("GlobalAveragePool", [current])
            size = 1
        elif kind == "Activation" and config["activation"] == "softmax":
            node("Flatten", [current], axis=1)
            node("Softmax", [current], axis=1)
        elif kind not in ("InputLayer", "BatchNormalization", "Reshape", "Dropout"):
            sys.exit(f"{source}: layer {name}: {kind} is not exported")

    side = layers[0]["config"]["batch_input_shape"][1]
    graph = helper.make_graph(
        nodes, "mobilenet_v1", [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info(current, TensorProto.FLOAT, [1, classes])], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 7
    onnx.checker.check_model(made)
    onnx.save(made, target)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
