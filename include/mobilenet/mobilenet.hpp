// MobileNet image classification from TensorFlow.js models.
//
//   model.json + shards ──(tools: mobilenet convert)──▶ model.mnet      once, at build time
//
//   model.mnet ──▶ mapped_file ──▶ packed_model ──▶ network<Backend>   once per process
//   JPEG bytes ──▶ image ──▶ tensor ──▶ layer ▸ layer ▸ … ──▶ probabilities ──▶ labels   per call
//
// This header needs nothing but the standard library. A back end other than the reference, and an image
// decoder, are included by name: <mobilenet/backends/simd.hpp>, eigen.hpp and xnnpack.hpp next to it;
// <mobilenet/image/decode_image.hpp>, <mobilenet/image/decode_turbojpeg.hpp>.
#pragma once

// In the order of the data, not of the alphabet.
// clang-format off
#include <mobilenet/version.hpp>    // the version, in three macros
#include <mobilenet/namespace.hpp>  // the namespace, and whether exceptions are enabled
#include <mobilenet/error.hpp>      // errc, error, result<T>
                                    //                          pixels -> tensor
#include <mobilenet/image/view.hpp>  // image_view: the host's pixels; image: our own
#include <mobilenet/tensor.hpp>      // shape, element, tensor_type, tensor_view, buffer
#include <mobilenet/preprocess.hpp>  // image_view -> tensor, exactly as tfjs
                                     //                         file -> nodes and weights
#include <mobilenet/layers/layer.hpp>        // the kinds of layer and what they mean
#include <mobilenet/node.hpp>                // a network as nodes over values
#include <mobilenet/model/packed_model.hpp>  // the .mnet format: validated views into its bytes
#include <mobilenet/model/open.hpp>          // and from a file, which is mapped
                                             //                 tensor -> tensor
#include <mobilenet/backend.hpp>             // what a back end provides
#include <mobilenet/backends/reference.hpp>  // plain loops: the meaning of every layer
#include <mobilenet/plan.hpp>                // what is computed when, and where each value lies
#include <mobilenet/network.hpp>             // the prepared layers
                                             //                 probabilities -> labels
#include <mobilenet/labels.hpp>           // top_k, names
#include <mobilenet/classifier.hpp>       // pixels -> names in one object
#include <mobilenet/classifier_pool.hpp>  // many images: one classifier per thread
