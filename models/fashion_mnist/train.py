#!/usr/bin/python3
"""Trains the MobileNet v1 that ships with mobilenet-cpp and writes it as a TensorFlow.js layers model.

    apt-get install python3-torch python3-numpy dataset-fashion-mnist
    models/fashion_mnist/train.py train                  about 45 s an epoch on one core; resumes when run again
    models/fashion_mnist/train.py export DIR             model.json, weights, labels.txt, samples/ from the checkpoint
    models/fashion_mnist/train.py evaluate DIR           test accuracy of an exported folder

What the network sees is what the library's preprocessing gives: grey repeated as RGB, (x - 127.5) / 127.5, then
enlarged bilinearly with aligned corners. The test set plays no part in training: no early stopping, no choice of epoch.
"""

import argparse
import ctypes
import gzip
import json
import math
import os
import pathlib
import struct
import sys
import time
import zlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

LABELS = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]
BATCH = 128
BN_EPSILON = 1e-3  # Keras' MobileNet; PyTorch's default is 1e-5
DROPOUT = 1e-3

# ------------------------------------------------------------------------------------------------ data


def read_idx(path):
    raw = gzip.open(path).read()
    dims = struct.unpack_from(f">{raw[3]}I", raw, 4)
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims).copy())


def read_data(folder, part):
    """part: "train" or "t10k". Returns images [n, 28, 28] uint8 and labels [n] int64."""
    images = read_idx(folder / f"{part}-images-idx3-ubyte.gz")
    return images, read_idx(folder / f"{part}-labels-idx1-ubyte.gz").long()


def preprocess(images, resolution):
    x = (images.float().unsqueeze(1) - 127.5) / 127.5
    x = F.interpolate(x, size=(resolution, resolution), mode="bilinear", align_corners=True)
    return x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def augment(images, random):
    """Mirror, shift by up to 2 pixels, and black out a rectangle in half of the images."""
    n, size = images.shape[0], images.shape[1]
    at = torch.arange(size)

    def integers(low, high):
        return torch.randint(low, high, (n, 1), generator=random)

    columns = at.expand(n, size)
    columns = torch.where(integers(0, 2) == 1, size - 1 - columns, columns)
    padded = F.pad(images, (2, 2, 2, 2))
    columns = columns + integers(0, 5)
    rows = at + integers(0, 5)
    images = padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]

    def inside(extent):
        start = integers(0, size) - extent // 2
        return (at >= start) & (at < start + extent)

    chosen = integers(0, 2) == 1
    hole = inside(integers(4, 13))[:, :, None] & inside(integers(4, 13))[:, None, :] & chosen[:, :, None]
    return images.masked_fill(hole, 0)


# --------------------------------------------------------------------------------------------- network


def layer_table(alpha):
    """(name, kind, channels out, stride) of every convolution, named as Keras names them."""
    widths = [64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024]
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    channels = int(32 * alpha)
    table = [("conv1", "conv", channels, 2)]
    for i, (width, stride) in enumerate(zip(widths, strides), 1):
        table.append((f"conv_dw_{i}", "depthwise", channels, stride))
        channels = int(width * alpha)
        table.append((f"conv_pw_{i}", "pointwise", channels, 1))
    return table


class ConvBnRelu6(nn.Module):
    def __init__(self, kind, c_in, c_out, stride):
        super().__init__()
        size = 1 if kind == "pointwise" else 3
        self.asymmetric = stride == 2
        self.conv = nn.Conv2d(c_in, c_out, size, stride, padding=1 if size == 3 and stride == 1 else 0,
                              groups=c_in if kind == "depthwise" else 1, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=BN_EPSILON)

    def forward(self, x):
        if self.asymmetric:  # SAME in TensorFlow, even input: nothing above and left, one row below, one column right
            x = F.pad(x, (0, 1, 0, 1))
        return F.relu6(self.bn(self.conv(x)), inplace=True)


class MobileNet(nn.Module):
    def __init__(self, alpha, resolution):
        super().__init__()
        if resolution % 32:
            raise ValueError(f"resolution {resolution}: the padding above is right for multiples of 32 only")
        self.alpha, self.resolution = alpha, resolution
        self.layers = nn.ModuleDict()
        channels = 3
        for name, kind, c_out, stride in layer_table(alpha):
            self.layers[name] = ConvBnRelu6(kind, channels, c_out, stride)
            channels = c_out
        self.dropout = nn.Dropout(DROPOUT)
        self.conv_preds = nn.Linear(channels, len(LABELS))
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out" if m.groups == 1 else "fan_in")
        self.to(memory_format=torch.channels_last)

    def forward(self, x):
        for layer in self.layers.values():
            x = layer(x)
        return self.conv_preds(self.dropout(x.mean((2, 3))))


@torch.no_grad()
def probabilities(net, images):
    net.eval()
    return torch.cat([F.softmax(net(preprocess(batch, net.resolution)), 1) for batch in images.split(500)])


# -------------------------------------------------------------------------------------------- training


def learning_rate(args, epoch):
    """Rises over two epochs, stays, falls linearly to 0 over the last args.fall epochs. epoch is fractional.

    The level part does not depend on args.epochs, so a run may be made longer or shorter while it lasts."""
    return args.lr * max(0.0, min(1.0, epoch / 2, (args.epochs - epoch) / args.fall))


def make_optimizer(net):
    # No decay for depthwise kernels and batch norm: few weights, which decay only weakens.
    decayed = [p for m in net.modules() if isinstance(m, (nn.Conv2d, nn.Linear)) and getattr(m, "groups", 1) == 1
               for p in [m.weight]]
    ids = {id(p) for p in decayed}
    others = [p for p in net.parameters() if id(p) not in ids]
    return torch.optim.SGD([{"params": decayed, "weight_decay": 5e-4}, {"params": others}], lr=0.1, momentum=0.9,
                           nesterov=True)


@torch.no_grad()
def update_average(average, net, step):
    keep = min(0.999, (1 + step) / (10 + step))
    for a, b in zip(average.state_dict().values(), net.state_dict().values()):
        if a.is_floating_point():  # also the running statistics of batch norm
            a.lerp_(b, 1 - keep)


def train(args):
    images, labels = read_data(args.data, "train")
    test_images, test_labels = read_data(args.data, "t10k")
    torch.manual_seed(args.seed)
    net, average = MobileNet(args.alpha, args.resolution), MobileNet(args.alpha, args.resolution)
    average.load_state_dict(net.state_dict())
    optimizer = make_optimizer(net)
    identity = {"alpha": args.alpha, "resolution": args.resolution, "seed": args.seed, "lr": args.lr}
    first = 0
    if args.checkpoint.exists():
        saved = torch.load(args.checkpoint)
        if saved["identity"] != identity:
            sys.exit(f"{args.checkpoint} is of another run: {saved['identity']}, not {identity}. Remove or rename it.")
        net.load_state_dict(saved["net"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        first = saved["epoch"]
        print(f"resuming after epoch {first}", flush=True)
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    steps = len(images) // BATCH
    for epoch in range(first, args.epochs):
        started, total = time.time(), 0.0
        random = torch.Generator().manual_seed(args.seed * 1000 + epoch)
        torch.manual_seed(args.seed * 1000 + epoch)
        order = torch.randperm(len(images), generator=random)
        augmented = augment(images[order], random)
        net.train()
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(args, epoch + step / steps)
            at = slice(step * BATCH, (step + 1) * BATCH)
            output = net(preprocess(augmented[at], args.resolution))
            loss = F.cross_entropy(output, labels[order[at]], label_smoothing=0.05)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            update_average(average, net, epoch * steps + step)
            total += loss.item()
        partial = args.checkpoint.with_suffix(".part")
        torch.save({"identity": identity, "epoch": epoch + 1, "net": net.state_dict(),
                    "average": average.state_dict(), "optimizer": optimizer.state_dict()}, partial)
        os.replace(partial, args.checkpoint)
        shown = ""
        if (epoch + 1) % 5 == 0 or epoch + 1 == args.epochs:
            right = (probabilities(average, test_images).argmax(1) == test_labels).sum().item()
            shown = f"  test {right / 100:.2f} %"
        print(f"epoch {epoch + 1}/{args.epochs}  loss {total / steps:.4f}  {time.time() - started:.0f} s{shown}",
              flush=True)


# ------------------------------------------------------------------------------------ TensorFlow.js form


def initializer(name):
    if name == "VarianceScaling":
        return {"class_name": name, "config": {"distribution": "uniform", "scale": 1.0, "seed": None, "mode": "fan_avg"}}
    return {"class_name": name, "config": {}}


def topology(alpha, resolution):
    layers = []

    def add(class_name, name, trainable=True, **config):
        inbound = [[[layers[-1]["name"], 0, 0, {}]]] if layers else []
        config = {"name": name, **({"trainable": True} if trainable else {}), **config}
        layers.append({"class_name": class_name, "name": name, "config": config, "inbound_nodes": inbound})

    def add_conv(class_name, name, kernel, stride, use_bias, **config):
        which = "depthwise" if class_name == "DepthwiseConv2D" else "kernel"
        add(class_name, name, **config, kernel_size=[kernel, kernel], strides=[stride, stride], padding="same",
            data_format="channels_last", dilation_rate=[1, 1], activation="linear", use_bias=use_bias,
            **{f"{which}_initializer": initializer("VarianceScaling"), f"{which}_regularizer": None,
               f"{which}_constraint": None}, bias_initializer=initializer("Zeros"), bias_regularizer=None,
            bias_constraint=None, activity_regularizer=None)

    add("InputLayer", "input_1", trainable=False, batch_input_shape=[None, resolution, resolution, 3], dtype="float32",
        sparse=False)
    for name, kind, channels, stride in layer_table(alpha):
        if kind == "depthwise":
            add_conv("DepthwiseConv2D", name, 3, stride, False, depth_multiplier=1)
        else:
            add_conv("Conv2D", name, 1 if kind == "pointwise" else 3, stride, False, filters=channels)
        add("BatchNormalization", f"{name}_bn", axis=-1, momentum=0.9, epsilon=BN_EPSILON, center=True, scale=True,
            beta_initializer=initializer("Zeros"), gamma_initializer=initializer("Ones"),
            moving_mean_initializer=initializer("Zeros"), moving_variance_initializer=initializer("Ones"),
            beta_regularizer=None, gamma_regularizer=None, beta_constraint=None, gamma_constraint=None)
        add("Activation", f"{name}_relu", activation="relu6")
    add("GlobalAveragePooling2D", "global_average_pooling2d_1", data_format="channels_last")
    add("Reshape", "reshape_1", target_shape=[1, 1, channels])
    add("Dropout", "dropout", rate=DROPOUT, noise_shape=None, seed=None)
    add_conv("Conv2D", "conv_preds", 1, 1, True, filters=len(LABELS))
    add("Activation", "act_softmax", activation="softmax")
    add("Reshape", "reshape_2", target_shape=[len(LABELS)])
    config = {"name": f"mobilenet_{alpha:.2f}_{resolution}", "layers": layers, "input_layers": [["input_1", 0, 0]],
              "output_layers": [["reshape_2", 0, 0]]}
    # The version of Keras whose layer configurations these are; no Keras took part.
    return {"keras_version": "2.1.4", "backend": "tensorflow", "model_config": {"class_name": "Model", "config": config}}


def named_weights(net):
    """(name, tensor of the network, how its axes are permuted for TensorFlow.js) of every weight."""
    for name, layer in net.layers.items():
        depthwise = layer.conv.groups > 1
        yield (f"{name}/depthwise_kernel" if depthwise else f"{name}/kernel", layer.conv.weight,
               (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        yield f"{name}_bn/gamma", layer.bn.weight, (0,)
        yield f"{name}_bn/beta", layer.bn.bias, (0,)
        yield f"{name}_bn/moving_mean", layer.bn.running_mean, (0,)
        yield f"{name}_bn/moving_variance", layer.bn.running_var, (0,)
    yield "conv_preds/kernel", net.conv_preds.weight[:, :, None, None], (2, 3, 1, 0)
    yield "conv_preds/bias", net.conv_preds.bias, (0,)


def write_tfjs(net, folder):
    entries, blobs = [], []
    for name, tensor, axes in named_weights(net):
        values = tensor.detach().permute(axes).contiguous().numpy().astype("<f4")
        entries.append({"name": name, "shape": list(values.shape), "dtype": "float32"})
        blobs.append(values.tobytes())
    shard = "group1-shard1of1.bin"
    model = {"format": "layers-model", "generatedBy": f"PyTorch {torch.__version__}",
             "convertedBy": "mobilenet-cpp models/fashion_mnist/train.py",
             "modelTopology": topology(net.alpha, net.resolution),
             "weightsManifest": [{"paths": [shard], "weights": entries}]}
    (folder / shard).write_bytes(b"".join(blobs))
    (folder / "model.json").write_text(json.dumps(model, separators=(",", ":")) + "\n")


def read_tfjs(folder):
    """The network of a folder that write_tfjs wrote, from nothing but its files."""
    model = json.loads((folder / "model.json").read_text())
    config = model["modelTopology"]["model_config"]["config"]
    by_name = {layer["name"]: layer["config"] for layer in config["layers"]}
    net = MobileNet(by_name["conv1"]["filters"] / 32, by_name["input_1"]["batch_input_shape"][1])
    group = model["weightsManifest"][0]
    data, at, values = b"".join((folder / p).read_bytes() for p in group["paths"]), 0, {}
    for entry in group["weights"]:
        size = math.prod(entry["shape"])
        values[entry["name"]] = np.frombuffer(data, "<f4", size, at).reshape(entry["shape"])
        at += 4 * size
    if at != len(data):
        sys.exit(f"{folder}: {len(data)} bytes of weights, the manifest says {at}")
    with torch.no_grad():
        for name, tensor, axes in named_weights(net):
            tensor.copy_(torch.from_numpy(np.transpose(values[name], np.argsort(axes)).copy()))
    return net


# -------------------------------------------------------------------------------------------- commands


def write_png(path, grey):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = grey.shape
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
                     + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def export(args):
    saved = torch.load(args.checkpoint)
    net = MobileNet(saved["identity"]["alpha"], saved["identity"]["resolution"])
    net.load_state_dict(saved["average"])
    (args.folder / "samples").mkdir(parents=True, exist_ok=True)
    write_tfjs(net, args.folder)
    (args.folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    print(f"epoch {saved['epoch']} of {args.checkpoint}")
    answers = evaluate(args)
    images, labels = read_data(args.data, "t10k")
    for index, label in enumerate(LABELS):
        good = (labels == index) & (answers.argmax(1) == index) & (answers.max(1).values >= 0.8)
        at = good.nonzero()[0].item()
        name = label.lower().replace("t-shirt/top", "t_shirt").replace(" ", "_") + ".png"
        write_png(args.folder / "samples" / name, images[at].numpy())
        print(f"samples/{name}: test image {at}, {label} {answers[at, index].item():.4f}")


def evaluate(args):
    net = read_tfjs(args.folder)
    images, labels = read_data(args.data, "t10k")
    answers = probabilities(net, images)
    predicted = answers.argmax(1)
    right = (predicted == labels).sum().item()
    print(f"Test accuracy: {100 * right / len(labels):.2f} % ({right} of {len(labels)})")
    for index, label in enumerate(LABELS):
        of_class = labels == index
        found = (predicted[of_class] == index).sum().item()
        confused = torch.bincount(predicted[of_class & (predicted != labels)], minlength=len(LABELS))
        print(f"  {label:12} {found:4} of {of_class.sum().item()}, most often taken for {LABELS[confused.argmax()]} "
              f"({confused.max().item()})")
    if getattr(args, "compare", None):
        other = torch.from_numpy(np.fromfile(args.compare, "<f4").reshape(-1, len(LABELS)))
        difference = (answers[:len(other)] - other).abs().max().item()
        print(f"{args.compare}: {len(other)} images, probabilities differ by at most {difference:.1e}")
        if not difference <= 1e-4:
            sys.exit("that is more than 1e-4")
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist", metavar="DIR",
                        help="folder of the four Fashion-MNIST files (default: %(default)s)")
    common.add_argument("--threads", type=int, default=os.cpu_count(),
                        help="default: all processors; 1 is by far the fastest where other programs run too")
    common.add_argument("--checkpoint", type=pathlib.Path, default=cache / "mobilenet-cpp/fashion_mnist.pt",
                        metavar="FILE", help="written after every epoch (default: %(default)s)")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("train", parents=[common], help="train, or go on training from the checkpoint")
    one.add_argument("--alpha", type=float, default=0.25, help="default: %(default)s")
    one.add_argument("--resolution", type=int, default=64, help="multiple of 32 (default: %(default)s)")
    one.add_argument("--epochs", type=int, default=60, help="default: %(default)s")
    one.add_argument("--fall", type=int, default=25, metavar="EPOCHS",
                     help="the last epochs, over which the learning rate falls to 0 (default: %(default)s)")
    one.add_argument("--lr", type=float, default=0.2, help="default: %(default)s")
    one.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    for name, text in (("export", "write the checkpoint as a TensorFlow.js model"),
                       ("evaluate", "test accuracy of an exported model")):
        other = commands.add_parser(name, parents=[common], help=text)
        other.add_argument("folder", type=pathlib.Path)
    other.add_argument("--compare", metavar="FILE", help="also compare with the probabilities that check_tfjs.js wrote")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    # glibc gives every large tensor back to the kernel and faults it in again: a fifth of the time.
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(-4, 0)  # M_MMAP_MAX
            libc.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD
    {"train": train, "export": export, "evaluate": evaluate}[args.command](args)


if __name__ == "__main__":
    main()
