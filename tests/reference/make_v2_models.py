#!/usr/bin/env python3
"""Writes the models of tests/reference/v2: small MobileNets v2 with random weights, in every form that Keras,
TensorFlow and the TensorFlow.js converter are known to write. Same versions, same bytes.

    python3.11 -m venv env
    env/bin/pip install tensorflow-cpu==2.19.1 keras==3.15.1 'setuptools<81' six importlib_resources packaging
    env/bin/pip install --no-deps tf-keras==2.19.0 tensorflow-hub==0.16.1 tensorflowjs==4.22.0
    env/bin/python tests/reference/make_v2_models.py tests/reference/v2 keras.json

keras.json receives Keras's own answers. tests/reference/make_v2_answers.mjs reads them and finishes the folder.
tf-keras is Keras 2. --no-deps leaves out jax, flax and tensorflow-decision-forests, which this script does not use.
"""
import argparse
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import types
import zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import keras as keras3
import numpy as np
import tensorflow as tf
import tf_keras as keras2

# The converter imports these for model kinds that do not occur here.
for name in ("jax", "jax.experimental", "jax.experimental.jax2tf", "tensorflow_decision_forests"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["jax.experimental"].jax2tf = sys.modules["jax.experimental.jax2tf"]
from tensorflowjs.converters import converter
from tensorflowjs.converters import tf_saved_model_conversion_v2 as graph_conversion

CLASSES = 5
# The models that keep all JSON that the exporter wrote. The others lose UNREAD, which no inference reads, to be small.
COMPLETE = {"graph_keras2", "keras2_functional", "keras3_functional"}
UNREAD = re.compile(r".*_(initializer|regularizer|constraint)|module|registered_name|trainable|build_config|"
                    r"momentum|groups|sparse|ragged|synchronized|renorm.*|quantization_config|"
                    r"T|U|TArgs|Tidx|device|num_host_args|use_cudnn_on_gpu|leakyrelu_alpha|filter_format|"
                    r"grad_[ab]|exponential_avg_factor")


# ---------------------------------------------------------------------------------------------------- weights

def random_values(rng, shape, low, high):
    """Uniform in [low, high], in steps of 1/1024: short mantissas compress well."""
    return (np.round(rng.uniform(low, high, shape) * 1024) / 1024).astype(np.float32)


def all_layers(model):
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from all_layers(layer)
        else:
            yield layer


# The bias of a vector before an activation: values on every part of the activation's domain.
WIDE_BIAS = np.array([-15, -4, -1.5, -0.5, 0.5, 1.5, 4, 15], np.float32)


def fill(model, seed=1):
    """Gives each layer random weights that depend on the seed and its name only, so that the same network written
    in two forms has the same answer."""
    for layer in all_layers(model):
        rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
        shapes = [w.shape for w in layer.get_weights()]
        kind = type(layer).__name__
        if kind == "BatchNormalization":
            ranges = [(0.5, 1.5), (-0.3, 0.5), (-0.3, 0.3), (0.25, 2.0)]  # gamma, beta, mean, variance
        elif kind == "PReLU":
            ranges = [(0.05, 0.5)]
        elif shapes:
            kernel = shapes[0]
            fan_in = np.prod(kernel[:2]) if kind == "DepthwiseConv2D" else np.prod(kernel[:-1])
            reach = np.sqrt(6 / fan_in)
            ranges = [(-reach, reach), (-0.2, 0.2)]  # kernel, bias
        weights = [random_values(rng, shape, *r) for shape, r in zip(shapes, ranges)] if shapes else []
        if layer.name in ("hidden", "dense") and shapes[1:] == [WIDE_BIAS.shape]:
            weights[1] = WIDE_BIAS
        layer.set_weights(weights)
    return model


# ------------------------------------------------------------------------------------------------- the network

def batch_norm(k, x, name):
    return k.layers.BatchNormalization(epsilon=1e-3, momentum=0.999, name=name)(x)


def padding_of_stride_2(x):
    """What keras.applications calls correct_pad."""
    return tuple((1 - (1 if size is None else 1 - size % 2), 1) for size in x.shape[1:3])


def block(k, x, name, expansion, filters, stride=1):
    """An inverted residual, layer by layer as keras.applications writes it."""
    inputs, channels = x, x.shape[-1]
    if expansion > 1:
        x = k.layers.Conv2D(expansion * channels, 1, padding="same", use_bias=False, name=f"{name}_expand")(x)
        x = batch_norm(k, x, f"{name}_expand_BN")
        x = k.layers.ReLU(6.0, name=f"{name}_expand_relu")(x)
    if stride == 2:
        x = k.layers.ZeroPadding2D(padding_of_stride_2(x), name=f"{name}_pad")(x)
    x = k.layers.DepthwiseConv2D(3, strides=stride, padding="same" if stride == 1 else "valid", use_bias=False,
                                 name=f"{name}_depthwise")(x)
    x = batch_norm(k, x, f"{name}_depthwise_BN")
    x = k.layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = k.layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}_project")(x)
    x = batch_norm(k, x, f"{name}_project_BN")
    if channels == filters and stride == 1:
        x = k.layers.Add(name=f"{name}_add")([inputs, x])
    return x


def body(k, x, first, blocks, last, pad_first=False):
    if pad_first:
        x = k.layers.ZeroPadding2D(padding_of_stride_2(x), name="Conv1_pad")(x)
    x = k.layers.Conv2D(first, 3, strides=2, padding="valid" if pad_first else "same", use_bias=False, name="Conv1")(x)
    x = batch_norm(k, x, "bn_Conv1")
    x = k.layers.ReLU(6.0, name="Conv1_relu")(x)
    number = 0 if blocks[0][0] == 1 else 1
    for expansion, filters, stride in blocks:
        x = block(k, x, f"block_{number}" if number else "expanded_conv", expansion, filters, stride)
        number += 1
    x = k.layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
    x = batch_norm(k, x, "Conv_1_bn")
    return k.layers.ReLU(6.0, name="out_relu")(x)


TWO_BLOCKS = dict(first=8, blocks=[(1, 8, 1), (2, 8, 1)], last=12)  # the second residual adds to the first
ONE_BLOCK = dict(first=8, blocks=[(2, 8, 1)], last=12)


def make_input(k, shape=(32, 32, 3)):
    return k.Input(shape=shape, name="input_1")


def base_model(k, shape=(32, 32, 3), name="mobilenetv2", **options):
    x = make_input(k, shape)
    return k.Model(x, body(k, x, **{**ONE_BLOCK, **options}), name=name)


def classifier(k, shape=(32, 32, 3), classes=CLASSES, **options):
    x = make_input(k, shape)
    y = body(k, x, **{**ONE_BLOCK, **options})
    y = k.layers.GlobalAveragePooling2D(name="global_average_pooling2d")(y)
    return k.Model(x, k.layers.Dense(classes, activation="softmax", name="predictions")(y), name="mobilenetv2")


def small_body(k, x):
    """For the heads: a residual without batch norm, as few layers as possible."""
    x = k.layers.Conv2D(5, 3, strides=2, padding="same", activation="relu6", name="Conv1")(x)
    y = k.layers.DepthwiseConv2D(3, padding="same", activation="relu6", name="depthwise")(x)
    y = k.layers.Conv2D(5, 1, name="project")(y)
    return k.layers.Add(name="add")([x, y])


def head(k, *layers, shape=(32, 32, 3)):
    """layers   after the pooling; the first may be another pooling"""
    x = make_input(k, shape)
    y = small_body(k, x)
    if "Pooling" not in type(layers[0]).__name__:
        y = k.layers.GlobalAveragePooling2D(name="pooling")(y)
    for layer in layers:
        y = layer(y)
    return k.Model(x, y, name="model")


# ------------------------------------------------------------------------------------------------------ writing

class Folder:
    """Where the models are written, and Keras's own answers."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.answers = {}
        self.work = pathlib.Path(tempfile.mkdtemp())

    def convert(self, name, source, *options):
        target = self.path / name
        shutil.rmtree(target, ignore_errors=True)
        with contextlib.redirect_stdout(io.StringIO()):
            converter.convert([str(source), str(target), *options])
        return target

    def rewrite(self, name, change=lambda model: None):
        """Drops white space, and what differs between runs: addresses of Python objects, the order of attributes."""
        path = self.path / name / "model.json"
        model = json.loads(path.read_text())
        drop_keys(model, re.compile("shared_object_id"))
        if name not in COMPLETE:
            drop_keys(model["modelTopology"], UNREAD)
        for node in model["modelTopology"].get("node", []):
            node["attr"] = dict(sorted(node["attr"].items()))
        signature = model.get("signature", {})
        signature.update({key: dict(sorted(value.items())) for key, value in signature.items()})
        change(model)
        path.write_text(json.dumps(model, separators=(",", ":")) + "\n")

    def answer(self, name, k, model):
        shape = [32 if d is None else d for d in model.inputs[0].shape[1:]]
        x = self_test_input(shape)
        outputs = model(x, training=False)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        names = model.output_names if hasattr(model, "output_names") else [model.layers[-1].name]
        hidden = []
        if name.partition("head_")[1] and any(layer.name == "hidden" for layer in model.layers):
            hidden = [described("hidden", k.Model(model.inputs, model.get_layer("hidden").output)(x, training=False))]
        self.answers[name] = {"by": f"Keras {k.__version__}", "input": shape,
                              "outputs": [described(n, o) for n, o in zip(names, outputs)], "layers": hidden}

    def layers(self, name, k, model, *options, change=lambda model: None, form="h5"):
        """A layers model, through model.save() and the converter.

        form   h5, keras"""
        self.answer(name, k, model)
        (self.work / name).mkdir()
        source = self.work / name / f"model.{form}"
        with contextlib.redirect_stdout(io.StringIO()):
            model.save(source)
        kind = "keras" if form == "h5" else "keras_keras"
        self.convert(name, source, f"--input_format={kind}", "--output_format=tfjs_layers_model", *options)
        self.rewrite(name, change)

    def graph(self, name, k, model, *options):
        """A graph model, through a SavedModel."""
        self.answer(name, k, model)
        source = self.work / name
        with contextlib.redirect_stdout(io.StringIO()):
            model.export(str(source))
        self.convert(name, source, "--input_format=tf_saved_model", "--output_format=tfjs_graph_model", *options)
        self.rewrite(name)

    def frozen(self, name, graph, outputs, *options):
        """A graph model, from a graph of TensorFlow 1 whose weights are constants."""
        source = self.work / f"{name}.pb"
        source.write_bytes(graph.as_graph_def().SerializeToString())
        self.convert(name, source, "--input_format=tf_frozen_model", "--output_format=tfjs_graph_model",
                     f"--output_node_names={outputs}", *options)
        self.rewrite(name)


def described(name, tensor):
    values = np.asarray(tensor, np.float64).ravel().tolist()
    return {"name": name, "shape": list(tensor.shape[1:]), "values": [float(f"{v:.9g}") for v in values]}


def drop_keys(value, names):
    if isinstance(value, dict):
        for key in [key for key in value if names.fullmatch(key)]:
            del value[key]
        for item in value.values():
            drop_keys(item, names)
    elif isinstance(value, list):
        for item in value:
            drop_keys(item, names)


def self_test_input(shape):
    """The input of a packed model's self-test, docs/format.md section 6."""
    i = np.arange(np.prod(shape), dtype=np.uint64)
    values = ((i * 2654435761 % 2**32) >> 16).astype(np.float64) / 32768 - 1
    return values.astype(np.float32).reshape(1, *shape)


@contextlib.contextmanager
def converter_without(*passes):
    """Leaves out passes of the graph converter, as its older versions do: fold_batch_norms, remap (fused
    convolutions), fuse_depthwise."""
    kept = (graph_conversion.fold_batch_norms.fold_batch_norms, graph_conversion._run_grappler,
            graph_conversion.fuse_depthwise_conv2d.fuse_depthwise_conv2d)

    def run_grappler(config, *arguments):
        optimizers = config.graph_options.rewrite_options.optimizers
        optimizers[:] = [o for o in optimizers if o not in passes]
        return kept[1](config, *arguments)

    if "fold_batch_norms" in passes:
        graph_conversion.fold_batch_norms.fold_batch_norms = lambda graph: graph
    if "fuse_depthwise" in passes:
        graph_conversion.fuse_depthwise_conv2d.fuse_depthwise_conv2d = lambda graph: graph
    graph_conversion._run_grappler = run_grappler
    try:
        yield
    finally:
        (graph_conversion.fold_batch_norms.fold_batch_norms, graph_conversion._run_grappler,
         graph_conversion.fuse_depthwise_conv2d.fuse_depthwise_conv2d) = kept


# ------------------------------------------------------------------------------------------------- Keras models

def write_widths(folder):
    """The channels of several alphas; strides 1 and 2; blocks with and without a residual."""
    model = fill(classifier(keras2, first=16, blocks=[(1, 8, 1), (6, 8, 2), (6, 8, 1)], last=24))
    model.compile(optimizer="sgd", loss="categorical_crossentropy")  # adds training_config to the file
    folder.layers("keras2_alpha_035", keras2, model)
    folder.layers("keras2_alpha_050", keras2,
                  fill(classifier(keras2, first=16, blocks=[(1, 8, 1), (2, 16, 2), (2, 16, 1)], last=24)))
    folder.layers("keras2_alpha_100", keras2,
                  fill(classifier(keras2, first=32, blocks=[(1, 16, 1), (2, 24, 2), (2, 24, 1)], last=32)),
                  "--quantize_uint8=*")
    folder.layers("keras2_alpha_140", keras2,
                  fill(classifier(keras2, first=48, blocks=[(1, 24, 1), (2, 32, 2), (1, 32, 1)], last=40)),
                  "--quantize_uint8=*")
    # Both strides pad an odd size, on both sides: 25 pixels, then 13.
    folder.layers("keras2_odd_channels_and_sizes", keras2,
                  fill(classifier(keras2, shape=(25, 25, 3), first=12,
                                  blocks=[(1, 7, 1), (2, 13, 2), (2, 13, 1)], last=15)))


def write_forms(folder):
    """The ways of writing the same layers."""
    dense = keras2.layers.Dense

    def top(k, prefix=""):
        return [k.layers.GlobalAveragePooling2D(name="pooling"), k.layers.Dense(10, activation="relu", name="hidden"),
                k.layers.Dropout(0.2, name="dropout"), k.layers.Dense(CLASSES, activation="softmax", name="scores")]

    def transfer_sequential(k):
        model = k.Sequential([base_model(k), *top(k)], name="sequential")
        model.build((None, 32, 32, 3))
        return fill(model)

    def transfer_functional(k):
        x = k.Input(shape=(16, 16, 3), name="outer_input")
        y = base_model(k, shape=(16, 16, 3))(x, training=False)
        for layer in top(k):
            y = layer(y)
        return fill(k.Model(x, y, name="model"))

    for k, prefix in ((keras2, "keras2"), (keras3, "keras3")):
        folder.layers(f"{prefix}_functional", k, fill(classifier(k)))
        folder.layers(f"{prefix}_transfer_sequential", k, transfer_sequential(k))
        folder.layers(f"{prefix}_transfer_functional", k, transfer_functional(k))
        folder.layers(f"{prefix}_file_keras", k, fill(classifier(k)), form="keras")
    folder.layers("keras3_transfer_sequential_file_keras", keras3, transfer_sequential(keras3), form="keras")

    deep = keras2.Sequential([
        keras2.Sequential([base_model(keras2), keras2.layers.GlobalAveragePooling2D(name="pooling")], name="features"),
        keras2.Sequential([dense(10, activation="relu", name="hidden"),
                           dense(CLASSES, activation="softmax", use_bias=False, name="scores")], name="head")])
    deep.build((None, 32, 32, 3))
    folder.layers("keras2_sequential_of_sequentials", keras2, fill(deep))

    # The first convolution as Keras before 2.3 has it. make_v2_answers.mjs builds teachable_machine on this one.
    folder.layers("keras2_first_padding", keras2, fill(classifier(keras2, pad_first=True, **TWO_BLOCKS)))

    x = make_input(keras2)
    y = small_body(keras2, keras2.layers.Rescaling(2.0, offset=-1.0, name="rescaling")(x))
    for layer in top(keras2):
        y = layer(y)
    folder.layers("keras2_rescaling", keras2, fill(keras2.Model(x, y)))

    def camel_case(model):
        for layer in model["modelTopology"]["model_config"]["config"]["layers"]:
            if layer["class_name"] == "InputLayer":
                layer["config"]["batchInputShape"] = layer["config"].pop("batch_input_shape")

    small = fill(head(keras2, dense(CLASSES, activation="softmax", name="scores")))
    folder.layers("keras2_batch_input_shape_in_camel_case", keras2, small, change=camel_case)
    folder.layers("keras2_uint8", keras2, fill(classifier(keras2)), "--quantize_uint8=*")
    folder.layers("keras2_uint16", keras2, small, "--quantize_uint16=*")
    folder.layers("keras2_float16", keras2, small, "--quantize_float16=*")


def write_additions(folder):
    """Additions in other forms than Add([shortcut, projection])."""
    def write(name, addends):
        x = make_input(keras2)
        first = keras2.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6", name="Conv1")(x)
        second = keras2.layers.DepthwiseConv2D(3, padding="same", activation="relu6", name="depthwise")(first)
        third = keras2.layers.Conv2D(8, 1, name="project")(second)
        y = keras2.layers.Add(name="add")(addends(first, second, third))
        y = keras2.layers.GlobalAveragePooling2D(name="pooling")(y)
        y = keras2.layers.Dense(CLASSES, activation="softmax", name="scores")(y)
        folder.layers(name, keras2, fill(keras2.Model(x, y)))

    write("keras2_swapped_add", lambda first, second, third: [third, first])
    write("keras2_add_of_three", lambda first, second, third: [first, second, third])
    write("keras2_add_to_itself", lambda first, second, third: [third, third])


def write_inputs(folder):
    def scores():
        return keras2.layers.Dense(CLASSES, activation="softmax", name="scores")

    folder.layers("keras2_one_channel", keras2, fill(head(keras2, scores(), shape=(32, 32, 1))))
    folder.layers("keras2_open_size", keras2, fill(classifier(keras2, shape=(None, None, 3), blocks=[(2, 8, 2)])))
    x = keras2.Input(batch_shape=(1, 32, 32, 3), name="input_1")
    y = keras2.layers.GlobalAveragePooling2D(name="pooling")(small_body(keras2, x))
    folder.layers("keras2_batch_of_one", keras2, fill(keras2.Model(x, scores()(y))))


def write_heads(folder):
    """Elementwise activations on vectors: a hidden layer has the activation, a softmax follows."""

    def write(name, k, *layers):
        folder.layers(name, k, fill(head(k, *layers)))

    def scores(k):
        return k.layers.Dense(CLASSES, activation="softmax", name="scores")

    k = keras2
    for activation in ("elu", "selu", "tanh", "softplus", "softsign", "swish", "gelu", "hard_sigmoid",
                       "exponential", "mish", "leaky_relu"):
        write(f"head_{activation}", k, k.layers.Dense(8, activation=activation, name="hidden"), scores(k))
    for name, layer in {
        "activation_layer": k.layers.Activation("tanh", name="hidden"),
        "elu_layer": k.layers.ELU(name="hidden"),
        "leaky_relu_layer": k.layers.LeakyReLU(name="hidden"),
        "leaky_relu_layer_alpha": k.layers.LeakyReLU(alpha=0.125, name="hidden"),
        "relu_max_value": k.layers.ReLU(max_value=0.5, name="hidden"),
        "relu_negative_slope": k.layers.ReLU(negative_slope=0.25, name="hidden"),
        "prelu": k.layers.PReLU(name="hidden"),
        "thresholded_relu": k.layers.ThresholdedReLU(theta=0.25, name="hidden"),
    }.items():
        write(f"head_{name}", k, k.layers.Dense(8, name="dense"), layer, scores(k))

    write("head_global_max_pooling", k, k.layers.GlobalMaxPooling2D(name="pooling"), scores(k))
    write("head_log_softmax", k, k.layers.Dense(CLASSES, activation="log_softmax", name="scores"))
    write("head_linear_boxes", k, k.layers.Dense(4, name="boxes"))
    write("head_sigmoid_boxes", k, k.layers.Dense(4, activation="sigmoid", name="boxes"))
    write("head_features", k, k.layers.GlobalAveragePooling2D(name="pooling"))

    x = make_input(k)
    y = k.layers.GlobalAveragePooling2D(name="pooling")(small_body(k, x))
    outputs = [scores(k)(y), k.layers.Dense(4, name="boxes")(y)]
    folder.layers("head_two_outputs", k, fill(k.Model(x, outputs)))

    # Keras 3 has other names, and other formulas under the same names.
    k = keras3
    for activation in ("silu", "hard_sigmoid", "leaky_relu"):
        write(f"keras3_head_{activation}", k, k.layers.Dense(8, activation=activation, name="hidden"), scores(k))
    write("keras3_head_leaky_relu_layer", k, k.layers.Dense(8, name="dense"), k.layers.LeakyReLU(name="hidden"),
          scores(k))


# ------------------------------------------------------------------------------------------------- graph models

def write_keras_graphs(folder):
    folder.graph("graph_keras2", keras2, fill(classifier(keras2, shape=(16, 16, 3), **TWO_BLOCKS)))
    folder.graph("graph_keras3", keras3, fill(classifier(keras3)))
    folder.graph("graph_uint8", keras2, fill(classifier(keras2)), "--quantize_uint8=*")
    with converter_without("fold_batch_norms", "remap", "fuse_depthwise"):
        folder.graph("graph_unfused", keras2, fill(classifier(keras2)))
    with converter_without("fuse_depthwise"):
        folder.graph("graph_depthwise_unfused", keras2, fill(classifier(keras2)))

    x = make_input(keras2)
    y = small_body(keras2, x)
    y = keras2.layers.GlobalAveragePooling2D(name="pooling")(y)
    y = keras2.layers.Dense(10, activation="relu", name="hidden")(y)
    outputs = [keras2.layers.Dense(CLASSES, activation="softmax", name="scores")(y),
               keras2.layers.Dense(4, name="boxes")(y)]
    folder.graph("graph_two_outputs", keras2, fill(keras2.Model(x, outputs)))


class SlimNetwork:
    """MobileNet v2 with the operations and names of TF-Slim, whose graphs TF Hub serves."""

    def __init__(self, add, scale_input=False, retrained=False, seed=1):
        self.rng = np.random.default_rng(seed)
        self.add = add
        self.graph = tf.Graph()
        with self.graph.as_default():
            x = tf.compat.v1.placeholder(tf.float32, [None, 32, 32, 3], "images")
            if scale_input:
                with tf.name_scope("hub_input"):
                    x = tf.subtract(tf.multiply(x, 2.0, name="Mul"), 1.0, name="Sub")
            x = self.convolution(x, "MobilenetV2/Conv", 8, 3, 2)
            x = self.block(x, "MobilenetV2/expanded_conv_1", 2, 8, 1)
            x = self.convolution(x, "MobilenetV2/Conv_1", 16, 1, 1)
            x = tf.nn.avg_pool2d(x, 16, 1, "VALID", name="MobilenetV2/Logits/AvgPool")
            features = tf.squeeze(x, [1, 2], name="feature_vector/SpatialSqueeze")
            if retrained:
                self.retrained_head(features)
            else:
                self.logits(x)

    def logits(self, x):
        x = tf.nn.conv2d(x, self.values([1, 1, 16, CLASSES], 0.6), 1, "SAME",
                         name="MobilenetV2/Logits/Conv2d_1c_1x1/Conv2D")
        x = tf.nn.bias_add(x, self.values([CLASSES], 0.2), name="MobilenetV2/Logits/Conv2d_1c_1x1/BiasAdd")
        tf.squeeze(x, [1, 2], name="MobilenetV2/Logits/Squeeze")

    def retrained_head(self, features):
        """As the retrain.py of TensorFlow's examples writes it."""
        x = tf.compat.v1.placeholder_with_default(features, [None, 16], "input/BottleneckInputPlaceholder")
        x = tf.matmul(x, self.values([16, CLASSES], 0.6), name="final_retrain_ops/Wx_plus_b/MatMul")
        x = tf.add(x, self.values([CLASSES], 0.2), name="final_retrain_ops/Wx_plus_b/add")
        tf.nn.softmax(x, name="final_result")

    def values(self, shape, reach, middle=0.0):
        return tf.constant(random_values(self.rng, shape, middle - reach, middle + reach))

    def normalise(self, x, name, relu6):
        channels = [x.shape[-1]]
        x, _, _ = tf.compat.v1.nn.fused_batch_norm(
            x, self.values(channels, 0.5, 1.0), self.values(channels, 0.4, 0.1), self.values(channels, 0.3),
            self.values(channels, 0.75, 1.0), epsilon=0.001, is_training=False, name=f"{name}/BatchNorm/FusedBatchNorm")
        return tf.nn.relu6(x, name=f"{name}/Relu6") if relu6 else x

    def convolution(self, x, name, filters, kernel, stride, relu6=True):
        shape = [kernel, kernel, x.shape[-1], filters]
        x = tf.nn.conv2d(x, self.values(shape, np.sqrt(6 / np.prod(shape[:3]))), stride, "SAME", name=f"{name}/Conv2D")
        return self.normalise(x, name, relu6)

    def block(self, x, name, expansion, filters, stride):
        inputs, channels = x, x.shape[-1]
        if expansion > 1:
            x = self.convolution(x, f"{name}/expand", expansion * channels, 1, 1)
        kernel = self.values([3, 3, x.shape[-1], 1], np.sqrt(6 / 9))
        x = tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME", name=f"{name}/depthwise/depthwise")
        x = self.normalise(x, f"{name}/depthwise", True)
        x = self.convolution(x, f"{name}/project", filters, 1, 1, relu6=False)
        return self.add(inputs, x, name=f"{name}/add") if stride == 1 and channels == filters else x


def write_slim_graphs(folder):
    logits = "MobilenetV2/Logits/Squeeze"

    def add_v1(a, b, name):
        return tf.raw_ops.Add(x=a, y=b, name=name)

    def add_v2(a, b, name):
        return tf.raw_ops.AddV2(x=a, y=b, name=name)

    def add_n(a, b, name):
        return tf.raw_ops.AddN(inputs=[a, b, a], name=name)

    hub = SlimNetwork(add_v2, scale_input=True).graph
    folder.frozen("graph_hub_classification", hub, logits)
    folder.frozen("graph_hub_feature_vector", hub, "feature_vector/SpatialSqueeze")
    folder.frozen("graph_swapped_add", SlimNetwork(lambda a, b, name: add_v2(b, a, name)).graph, logits)
    folder.frozen("graph_add_v1", SlimNetwork(add_v1).graph, logits)
    folder.frozen("graph_add_n", SlimNetwork(add_n).graph, logits)
    folder.frozen("graph_retrained", SlimNetwork(add_v2, retrained=True).graph, "final_result")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="receives a folder for each model")
    parser.add_argument("answers", help="receives Keras's answers as JSON")
    options = parser.parse_args()
    folder = Folder(options.folder)
    try:
        for write in (write_widths, write_forms, write_additions, write_inputs, write_heads, write_keras_graphs,
                      write_slim_graphs):
            write(folder)
    finally:
        shutil.rmtree(folder.work)
    with open(options.answers, "w", encoding="utf-8") as file:
        json.dump(folder.answers, file)


if __name__ == "__main__":
    main()
