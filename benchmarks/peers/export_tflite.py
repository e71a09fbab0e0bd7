#!/usr/bin/env python3
"""A MobileNet in TensorFlow.js layers form to TensorFlow Lite, batch norm folded, through TensorFlow's converter.

    export_tflite.py folder/model.json model.tflite
"""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import tensorflow as tf

from network import read_network, same_padding


def padded(x, operation):
    """The input of a convolution and its padding mode: SAME where that means the same."""
    height, width = operation.kernel.shape[:2]
    top, bottom = same_padding(x.shape[1], height, operation.stride)
    left, right = same_padding(x.shape[2], width, operation.stride)
    if operation.pads == (top, left, bottom, right):
        return x, "SAME"
    top, left, bottom, right = operation.pads
    return tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]]), "VALID"


def compute(operation, inputs):
    x, stride = inputs[0], operation.stride
    if operation.kind == "convolution":
        x, mode = padded(x, operation)
        return tf.nn.bias_add(tf.nn.conv2d(x, operation.kernel, stride, mode), operation.bias)
    if operation.kind == "depthwise":
        x, mode = padded(x, operation)
        kernel = operation.kernel[..., None]
        return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], mode), operation.bias)
    if operation.kind == "dense":
        x = tf.reshape(x, [1, operation.kernel.shape[0]])
        return tf.nn.bias_add(tf.matmul(x, operation.kernel), operation.bias)
    if operation.kind == "relu6":
        return tf.nn.relu6(x)
    if operation.kind == "add":
        return tf.add(*inputs)
    if operation.kind == "pool":
        return tf.reduce_mean(x, [1, 2], keepdims=True)
    return tf.nn.softmax(tf.reshape(x, [1, -1]))


def main(source, target):
    network = read_network(source)
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([1, network.size, network.size, 3], tf.float32)])
    def run(image):
        values = {"input": image}
        for operation in network.operations:
            values[operation.name] = compute(operation, [values[name] for name in operation.inputs])
        return values[network.operations[-1].name]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()], module)
    with open(target, "wb") as file:
        file.write(converter.convert())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
