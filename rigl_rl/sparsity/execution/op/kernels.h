// The arithmetic of masked Dense layers, without TensorFlow.
//
// kernels.cc is compiled once for each family of processors, and `kernels()` picks at run time.
// Every function works on a share of its loop, so that threads can divide it; results do not depend
// on how.
//
// Activations are held "in slabs": the batch is cut into vectors of `width` examples (the last one
// padded with zeros), up to `slab` vectors make a slab, and a slab holds its examples of feature 0,
// then of feature 1, and so on. So a weight multiplies contiguous examples, and the feature vectors
// that are read at random stay in a near cache.

#ifndef RIGL_RL_SPARSITY_EXECUTION_KERNELS_H_
#define RIGL_RL_SPARSITY_EXECUTION_KERNELS_H_

#include <cstdint>

namespace rigl_rl {

// The active connections of an (in, out) kernel, by input and by output.
struct Connections {
  int64_t in, out, count;
  const int32_t* input_starts;   // in + 1: where each input's connections start
  const int32_t* outputs;        // count: by input, ascending
  const int32_t* output_starts;  // out + 1
  const int32_t* inputs;         // count: by output, ascending
  const int32_t* positions;      // count: by input, the place in the order by output
};

// Examples and features of a matrix that is held in slabs.
struct Slabs {
  int64_t batch, features;
  int slab;  // vectors in a full slab: 1, 2, 4 or 8
};

struct AdamStep {
  float rate, beta_1, beta_2, epsilon;  // `rate` with both bias corrections
};

struct Kernels {
  const char* processor;
  int width;  // floats in a vector

  // (batch, features) row by row into slabs; feature blocks of `width` from `begin` to `end`. With
  // `outcome`, a ReLU's output, entries where it is not positive count as 0. With `sums`, sums over
  // the batch.
  void (*to_slabs)(const float* rows, const float* outcome, Slabs, int64_t begin, int64_t end,
                   float* slabs, float* sums);
  // And back; with `relu`, negative numbers become 0.
  void (*from_slabs)(const float* slabs, bool relu, Slabs, int64_t begin, int64_t end,
                     float* rows);

  // y = x kernel + bias for outputs from `begin` to `end`; `values` by output.
  void (*forward_by_output)(const float* x, const float* values, const float* bias,
                            const Connections&, int64_t batch, int slab, int64_t begin,
                            int64_t end, float* y);
  // The same in one pass over the inputs, for vectors from `begin` to `end`, which have to be a
  // slab's first ones; `values` by input.
  void (*forward_by_input)(const float* x, const float* values, const float* bias,
                           const Connections&, int64_t batch, int slab, int64_t begin, int64_t end,
                           float* y);
  // For inputs from `begin` to `end`, with `dx` dx = dy kernel^T, and with `dvalues`
  // x^T dy at active connections, by input.
  void (*backward)(const float* x, const float* dy, const float* values, const Connections&,
                   int64_t batch, int slab, int64_t begin, int64_t end, float* dx, float* dvalues);

  // One step of Adam at the connections of inputs from `begin` to `end`. With `cache`, the active
  // weights by input, those are stepped and copied to the kernel.
  void (*adam)(const float* gradient, const Connections&, AdamStep, int64_t begin, int64_t end,
               float* kernel, float* m, float* v, float* cache);
};

// For this processor, or an older one that the environment variable RIGL_RL_PROCESSOR names:
// "avx512", "avx2" or "any".
const Kernels& kernels();

}  // namespace rigl_rl

#endif
