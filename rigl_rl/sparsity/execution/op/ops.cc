// TensorFlow's operations around the kernels: they check what they are given, and divide the work.
//
// The active connections of an (in, out) kernel travel as one int32 vector, which
// RiglConnections makes from a mask: in, out, count, then the arrays of `Connections`.

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace rigl_rl {
namespace {

using tensorflow::errors::InvalidArgument;
using tensorflow::DT_FLOAT;
using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Status;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

constexpr int64_t kHeader = 3;
constexpr int64_t kCacheBytes = 64 << 10;  // of a slab whose features are read at random

int64_t length_of(int64_t in, int64_t out, int64_t count) {
  return kHeader + (in + 1) + (out + 1) + 3 * count;
}

bool ascends(const int32_t* starts, int64_t length, int64_t count) {
  if (starts[0] != 0 || starts[length] != count) return false;
  for (int64_t i = 0; i < length; ++i)
    if (starts[i] > starts[i + 1]) return false;
  return true;
}

bool all_below(const int32_t* indices, int64_t count, int64_t bound) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, static_cast<uint32_t>(indices[i]));
  return count == 0 || largest < static_cast<uint64_t>(bound);
}

// The lists that a tensor holds, which stay valid as long as the tensor does.
Status parse(const Tensor& tensor, Connections* c) {
  const int64_t length = tensor.NumElements();
  const int32_t* const data = tensor.flat<int32_t>().data();
  if (tensor.dims() != 1 || length < kHeader) return InvalidArgument("no lists of connections");
  c->in = data[0], c->out = data[1], c->count = data[2];
  if (c->in < 0 || c->out < 0 || c->count < 0 || length != length_of(c->in, c->out, c->count))
    return InvalidArgument("lists of connections of length ", length, " do not fit their header");
  c->input_starts = data + kHeader;
  c->output_starts = c->input_starts + c->in + 1;
  c->outputs = c->output_starts + c->out + 1;
  c->inputs = c->outputs + c->count;
  c->positions = c->inputs + c->count;
  if (!ascends(c->input_starts, c->in, c->count) || !ascends(c->output_starts, c->out, c->count) ||
      !all_below(c->outputs, c->count, c->out) || !all_below(c->inputs, c->count, c->in) ||
      !all_below(c->positions, c->count, c->count))
    return InvalidArgument("lists of connections that point outside of the kernel");
  return tensorflow::OkStatus();
}

// An operation that reads connections. Lists are checked when they are new: a tensor that is held
// here can neither change nor be freed.
class ConnectedOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

 protected:
  Status connections(OpKernelContext* context, int input, Connections* c) {
    const Tensor& given = context->input(input);
    tensorflow::mutex_lock lock(mutex_);
    if (!checked_.SharesBufferWith(given) || checked_.NumElements() != given.NumElements()) {
      checked_ = Tensor();
      TF_RETURN_IF_ERROR(parse(given, &lists_));
      checked_ = given;
    }
    *c = lists_;
    return tensorflow::OkStatus();
  }

  // Calls work(begin, end) for shares of [0, total), on one thread or several.
  template <typename Work>
  static void share(OpKernelContext* context, int64_t total, int64_t cost, Work work) {
    if (total == 0) return;
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
        total, std::max<int64_t>(cost / total, 1), work);
  }

 private:
  tensorflow::mutex mutex_;
  Tensor checked_;
  Connections lists_;
};

Status check(const Tensor& tensor, const char* name, std::initializer_list<int64_t> shape) {
  const TensorShape expected(shape);
  if (tensor.shape() == expected) return tensorflow::OkStatus();
  return InvalidArgument(name, " has shape ", tensor.shape().DebugString(), ", but has to have ",
                         expected.DebugString());
}

const float* data_of(const Tensor& tensor) { return tensor.flat<float>().data(); }
float* data_of(Tensor* tensor) { return tensor->flat<float>().data(); }

int64_t vectors_of(int64_t batch) { return (batch + kernels().width - 1) / kernels().width; }
int64_t blocks_of(int64_t features) { return vectors_of(features); }

// The largest slab whose features, all together, stay in a near cache.
int slab_for(int64_t features) {
  int slab = 8;
  while (slab > 2 && features * slab * kernels().width * 4 > kCacheBytes) slab /= 2;
  return slab;
}

class ProcessorOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    Tensor* name = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({}), &name));
    name->scalar<tensorflow::tstring>()() = kernels().processor;
  }
};

class ConnectionsOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor& mask = context->input(0);
    OP_REQUIRES(context, mask.dims() == 2,
                InvalidArgument("the mask of a Dense layer has 2 dimensions, not ", mask.dims()));
    const int64_t in = mask.dim_size(0), out = mask.dim_size(1);
    const float* const active = data_of(mask);
    std::vector<int32_t> output_starts(out + 1, 0);
    int64_t count = 0;
    OP_REQUIRES(context, in <= INT32_MAX && out <= INT32_MAX && in * out <= INT32_MAX / 4,
                InvalidArgument("a kernel of ", in, " x ", out, " weights is too large"));
    for (int64_t i = 0; i < in; ++i)
      for (int64_t j = 0; j < out; ++j)
        if (active[i * out + j] != 0.0f) ++output_starts[j + 1], ++count;
    for (int64_t j = 0; j < out; ++j) output_starts[j + 1] += output_starts[j];
    Tensor* made = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(
                                0, TensorShape({length_of(in, out, count)}), &made));
    int32_t* const header = made->flat<int32_t>().data();
    header[0] = in, header[1] = out, header[2] = count;
    int32_t* const input_starts = header + kHeader;
    int32_t* const starts = input_starts + in + 1;
    int32_t* const outputs = starts + out + 1;
    int32_t* const inputs = outputs + count;
    int32_t* const positions = inputs + count;
    std::copy(output_starts.begin(), output_starts.end(), starts);
    int32_t at = 0;
    for (int64_t i = 0; i < in; ++i) {
      input_starts[i] = at;
      for (int64_t j = 0; j < out; ++j) {
        if (active[i * out + j] == 0.0f) continue;
        const int32_t position = output_starts[j]++;
        inputs[position] = i;
        outputs[at] = j;
        positions[at++] = position;
      }
    }
    input_starts[in] = at;
  }
};

class ActiveOp : public ConnectedOp {
 public:
  using ConnectedOp::ConnectedOp;

  void Compute(OpKernelContext* context) override {
    Connections c;
    OP_REQUIRES_OK(context, connections(context, 1, &c));
    OP_REQUIRES_OK(context, check(context->input(0), "kernel", {c.in, c.out}));
    Tensor* values = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({c.count}), &values));
    const float* const kernel = data_of(context->input(0));
    float* const to = data_of(values);
    share(context, c.in, 4 * c.count, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        for (int32_t at = c.input_starts[i]; at < c.input_starts[i + 1]; ++at)
          to[at] = kernel[i * c.out + c.outputs[at]];
    });
  }
};

// Active weights that were taken before, in place of taking them from the kernel again.
class CachedOp : public ConnectedOp {
 public:
  using ConnectedOp::ConnectedOp;

  void Compute(OpKernelContext* context) override {
    Connections c;
    OP_REQUIRES_OK(context, connections(context, 2, &c));
    OP_REQUIRES_OK(context, check(context->input(0), "kernel", {c.in, c.out}));
    OP_REQUIRES_OK(context, check(context->input(1), "cache", {c.count}));
    context->set_output(0, context->input(1));
  }
};

class ScatterOp : public ConnectedOp {
 public:
  using ConnectedOp::ConnectedOp;

  void Compute(OpKernelContext* context) override {
    Connections c;
    OP_REQUIRES_OK(context, connections(context, 1, &c));
    OP_REQUIRES_OK(context, check(context->input(0), "values", {c.count}));
    Tensor* kernel = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({c.in, c.out}), &kernel));
    const float* const values = data_of(context->input(0));
    float* const to = data_of(kernel);
    share(context, c.in, c.in * c.out, [&](int64_t begin, int64_t end) {
      std::fill(to + begin * c.out, to + end * c.out, 0.0f);
      for (int64_t i = begin; i < end; ++i)
        for (int32_t at = c.input_starts[i]; at < c.input_starts[i + 1]; ++at)
          to[i * c.out + c.outputs[at]] = values[at];
    });
  }
};

class DenseOp : public ConnectedOp {
 public:
  explicit DenseOp(OpKernelConstruction* construction) : ConnectedOp(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("relu", &relu_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &values = context->input(1), &bias = context->input(2);
    Connections c;
    OP_REQUIRES_OK(context, connections(context, 3, &c));
    const int64_t batch = x.dims() == 2 ? x.dim_size(0) : 0;
    OP_REQUIRES_OK(context, check(x, "input", {batch, c.in}));
    OP_REQUIRES_OK(context, check(values, "values", {c.count}));
    OP_REQUIRES_OK(context, check(bias, "bias", {c.out}));
    Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({batch, c.out}), &y));
    if (batch == 0 || c.out == 0) return;

    // Many inputs do not fit a near cache, but the outputs do: then one pass over the inputs.
    const bool by_input = c.in > 4 * c.out;
    const int64_t vectors = vectors_of(batch);
    int slab = slab_for(by_input ? c.out : c.in);
    while (by_input && slab > 1 && slab > vectors / threads(context)) slab /= 2;
    const int64_t lanes = vectors * kernels().width;
    Tensor x_slabs, y_slabs, by_output;
    OP_REQUIRES_OK(context, context->allocate_temp(DT_FLOAT, TensorShape({c.in * lanes}), &x_slabs));
    OP_REQUIRES_OK(context,
                   context->allocate_temp(DT_FLOAT, TensorShape({c.out * lanes}), &y_slabs));
    share(context, blocks_of(c.in), c.in * lanes / 2, [&](int64_t begin, int64_t end) {
      kernels().to_slabs(data_of(x), nullptr, {batch, c.in, slab}, begin, end, data_of(&x_slabs),
                         nullptr);
    });
    const int64_t cost = 2 * c.count * vectors;
    if (by_input) {
      const int64_t slabs = (vectors + slab - 1) / slab;
      share(context, slabs, cost, [&](int64_t begin, int64_t end) {
        kernels().forward_by_input(data_of(x_slabs), data_of(values), data_of(bias), c, batch, slab,
                                   begin * slab, std::min(end * slab, vectors), data_of(&y_slabs));
      });
    } else {
      OP_REQUIRES_OK(context,
                     context->allocate_temp(DT_FLOAT, TensorShape({c.count}), &by_output));
      const float* const from = data_of(values);
      float* const to = data_of(&by_output);
      for (int64_t at = 0; at < c.count; ++at) to[c.positions[at]] = from[at];
      share(context, c.out, cost, [&](int64_t begin, int64_t end) {
        kernels().forward_by_output(data_of(x_slabs), data_of(by_output), data_of(bias), c, batch,
                                    slab, begin, end, data_of(&y_slabs));
      });
    }
    share(context, blocks_of(c.out), c.out * lanes / 2, [&](int64_t begin, int64_t end) {
      kernels().from_slabs(data_of(y_slabs), relu_, {batch, c.out, slab}, begin, end, data_of(y));
    });
  }

 private:
  static int64_t threads(OpKernelContext* context) {
    return context->device()->tensorflow_cpu_worker_threads()->num_threads;
  }

  bool relu_;
};

class DenseGradientOp : public ConnectedOp {
 public:
  explicit DenseGradientOp(OpKernelConstruction* construction) : ConnectedOp(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("relu", &relu_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &y = context->input(1), &dy = context->input(2);
    const Tensor& values = context->input(3);
    Connections c;
    OP_REQUIRES_OK(context, connections(context, 4, &c));
    const int64_t batch = x.dims() == 2 ? x.dim_size(0) : 0;
    OP_REQUIRES_OK(context, check(x, "input", {batch, c.in}));
    OP_REQUIRES_OK(context, check(y, "output", {batch, c.out}));
    OP_REQUIRES_OK(context, check(dy, "gradient", {batch, c.out}));
    OP_REQUIRES_OK(context, check(values, "values", {c.count}));
    Tensor *dx = nullptr, *dvalues = nullptr, *dbias = nullptr;
    // What nobody reads is not computed. Small outputs are made anyway: an output is not optional.
    const bool wants_dx = context->output_required(0), wants_dvalues = context->output_required(1);
    if (wants_dx)
      OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({batch, c.in}), &dx));
    if (wants_dvalues)
      OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({c.count}), &dvalues));
    if (context->output_required(2))
      OP_REQUIRES_OK(context, context->allocate_output(2, TensorShape({c.out}), &dbias));

    const int64_t vectors = vectors_of(batch), lanes = vectors * kernels().width;
    if (batch == 0) {
      if (dvalues) dvalues->flat<float>().setZero();
      if (dbias) dbias->flat<float>().setZero();
      return;
    }
    const int slab = dvalues ? 8 : slab_for(c.out);
    Tensor x_slabs, dy_slabs, dx_slabs;
    OP_REQUIRES_OK(context,
                   context->allocate_temp(DT_FLOAT, TensorShape({c.out * lanes}), &dy_slabs));
    share(context, blocks_of(c.out), c.out * lanes / 2, [&](int64_t begin, int64_t end) {
      kernels().to_slabs(data_of(dy), relu_ ? data_of(y) : nullptr, {batch, c.out, slab}, begin,
                         end, data_of(&dy_slabs), dbias ? data_of(dbias) : nullptr);
    });
    if (dvalues) {
      OP_REQUIRES_OK(context,
                     context->allocate_temp(DT_FLOAT, TensorShape({c.in * lanes}), &x_slabs));
      share(context, blocks_of(c.in), c.in * lanes / 2, [&](int64_t begin, int64_t end) {
        kernels().to_slabs(data_of(x), nullptr, {batch, c.in, slab}, begin, end, data_of(&x_slabs),
                           nullptr);
      });
    }
    if (dx)
      OP_REQUIRES_OK(context,
                     context->allocate_temp(DT_FLOAT, TensorShape({c.in * lanes}), &dx_slabs));
    if (dx || dvalues)
      share(context, c.in, 4 * c.count * vectors, [&](int64_t begin, int64_t end) {
        kernels().backward(dvalues ? data_of(x_slabs) : nullptr, data_of(dy_slabs),
                           data_of(values), c, batch, slab, begin, end,
                           dx ? data_of(&dx_slabs) : nullptr,
                           dvalues ? data_of(dvalues) : nullptr);
      });
    if (dx)
      share(context, blocks_of(c.in), c.in * lanes / 2, [&](int64_t begin, int64_t end) {
        kernels().from_slabs(data_of(dx_slabs), false, {batch, c.in, slab}, begin, end,
                             data_of(dx));
      });
  }

 private:
  bool relu_;
};

class AdamOp : public ConnectedOp {
 public:
  using ConnectedOp::ConnectedOp;

  void Compute(OpKernelContext* context) override {
    Connections c;
    OP_REQUIRES(context, context->num_inputs() <= 10, InvalidArgument("more than one cache"));
    OP_REQUIRES_OK(context, connections(context, 8, &c));
    float numbers[4];  // rate, beta_1, beta_2, epsilon
    for (int i = 0; i < 4; ++i) {
      OP_REQUIRES_OK(context, check(context->input(3 + i), "a number", {}));
      numbers[i] = context->input(3 + i).scalar<float>()();
    }
    OP_REQUIRES_OK(context, check(context->input(7), "gradient", {c.count}));
    // Kernel, m, v and perhaps the cache of active weights.
    const int held = 3 + context->num_inputs() - 9;
    tensorflow::core::RefCountPtr<tensorflow::Var> variables[4];
    std::vector<tensorflow::Var*> order;
    for (int i = 0; i < held; ++i) {
      const auto& handle = tensorflow::HandleFromInput(context, i < 3 ? i : 9);
      OP_REQUIRES_OK(context, tensorflow::LookupResource(context, handle, &variables[i]));
      order.push_back(variables[i].get());
    }
    std::sort(order.begin(), order.end());
    OP_REQUIRES(context, std::adjacent_find(order.begin(), order.end()) == order.end(),
                InvalidArgument("kernel, moments and cache are not variables of their own"));
    std::vector<std::unique_ptr<tensorflow::mutex_lock>> locks;
    for (tensorflow::Var* variable : order)
      locks.push_back(std::make_unique<tensorflow::mutex_lock>(*variable->mu()));
    float* data[4] = {};
    for (int i = 0; i < held; ++i) {
      Tensor* const tensor = variables[i]->tensor();
      OP_REQUIRES(context, tensor->dtype() == DT_FLOAT, InvalidArgument("variables are not float32"));
      OP_REQUIRES_OK(context, i < 3 ? check(*tensor, "variable", {c.in, c.out})
                                    : check(*tensor, "cache", {c.count}));
      if (!tensor->RefCountIsOne()) {  // somebody still reads the old values
        Tensor copy;
        OP_REQUIRES_OK(context, context->allocate_temp(DT_FLOAT, tensor->shape(), &copy));
        std::copy_n(data_of(*tensor), tensor->NumElements(), data_of(&copy));
        *tensor = copy;
      }
      data[i] = data_of(tensor);
    }
    const AdamStep step = {numbers[0], numbers[1], numbers[2], numbers[3]};
    share(context, c.in, 30 * c.count, [&](int64_t begin, int64_t end) {
      kernels().adam(data_of(context->input(7)), c, step, begin, end, data[0], data[1], data[2],
                     data[3]);
    });
  }
};

Status gradient_shapes(InferenceContext* shapes) {
  shapes->set_output(0, shapes->input(0));
  shapes->set_output(1, shapes->input(3));
  ShapeHandle y = shapes->input(1);
  shapes->set_output(2, shapes->Vector(shapes->RankKnown(y) ? shapes->Dim(y, 1)
                                                            : shapes->UnknownDim()));
  return tensorflow::OkStatus();
}

Status dense_shape(InferenceContext* shapes) {
  ShapeHandle x, bias;
  TF_RETURN_IF_ERROR(shapes->WithRank(shapes->input(0), 2, &x));
  TF_RETURN_IF_ERROR(shapes->WithRank(shapes->input(2), 1, &bias));
  shapes->set_output(0, shapes->Matrix(shapes->Dim(x, 0), shapes->Dim(bias, 0)));
  return tensorflow::OkStatus();
}

Status a_vector(InferenceContext* shapes) {
  shapes->set_output(0, shapes->Vector(shapes->UnknownDim()));
  return tensorflow::OkStatus();
}

Status a_scalar(InferenceContext* shapes) {
  shapes->set_output(0, shapes->Scalar());
  return tensorflow::OkStatus();
}

Status kernel_shape(InferenceContext* shapes) {
  std::vector<int> shape;
  TF_RETURN_IF_ERROR(shapes->GetAttr("shape", &shape));
  if (shape.size() != 2) return InvalidArgument("the kernel of a Dense layer has 2 dimensions");
  shapes->set_output(0, shapes->Matrix(shape[0], shape[1]));
  return tensorflow::OkStatus();
}

Status no_outputs(InferenceContext*) { return tensorflow::OkStatus(); }

REGISTER_OP("RiglProcessor").Output("processor: string").SetShapeFn(a_scalar);
REGISTER_OP("RiglConnections")
    .Input("mask: float")
    .Output("connections: int32")
    .SetShapeFn(a_vector);
REGISTER_OP("RiglActive")
    .Input("kernel: float")
    .Input("connections: int32")
    .Output("values: float")
    .SetShapeFn(a_vector);
REGISTER_OP("RiglCached")
    .Input("kernel: float")
    .Input("cache: float")
    .Input("connections: int32")
    .Output("values: float")
    .SetShapeFn(a_vector);
REGISTER_OP("RiglScatter")
    .Input("values: float")
    .Input("connections: int32")
    .Output("kernel: float")
    .Attr("shape: list(int)")
    .SetShapeFn(kernel_shape);
REGISTER_OP("RiglDense")
    .Input("x: float")
    .Input("values: float")
    .Input("bias: float")
    .Input("connections: int32")
    .Output("y: float")
    .Attr("relu: bool")
    .SetShapeFn(dense_shape);
REGISTER_OP("RiglDenseGradient")
    .Input("x: float")
    .Input("y: float")
    .Input("dy: float")
    .Input("values: float")
    .Input("connections: int32")
    .Output("dx: float")
    .Output("dvalues: float")
    .Output("dbias: float")
    .Attr("relu: bool")
    .SetShapeFn(gradient_shapes);
REGISTER_OP("RiglAdam")
    .Input("kernel: resource")
    .Input("m: resource")
    .Input("v: resource")
    .Input("rate: float")
    .Input("beta_1: float")
    .Input("beta_2: float")
    .Input("epsilon: float")
    .Input("gradient: float")
    .Input("connections: int32")
    .Input("cache: caches * resource")
    .Attr("caches: int >= 0")
    .SetIsStateful()
    .SetShapeFn(no_outputs);

REGISTER_KERNEL_BUILDER(Name("RiglProcessor").Device(tensorflow::DEVICE_CPU), ProcessorOp);
REGISTER_KERNEL_BUILDER(Name("RiglConnections").Device(tensorflow::DEVICE_CPU), ConnectionsOp);
REGISTER_KERNEL_BUILDER(Name("RiglActive").Device(tensorflow::DEVICE_CPU), ActiveOp);
REGISTER_KERNEL_BUILDER(Name("RiglCached").Device(tensorflow::DEVICE_CPU), CachedOp);
REGISTER_KERNEL_BUILDER(Name("RiglScatter").Device(tensorflow::DEVICE_CPU), ScatterOp);
REGISTER_KERNEL_BUILDER(Name("RiglDense").Device(tensorflow::DEVICE_CPU), DenseOp);
REGISTER_KERNEL_BUILDER(Name("RiglDenseGradient").Device(tensorflow::DEVICE_CPU), DenseGradientOp);
REGISTER_KERNEL_BUILDER(Name("RiglAdam").Device(tensorflow::DEVICE_CPU), AdamOp);

}  // namespace
}  // namespace rigl_rl
