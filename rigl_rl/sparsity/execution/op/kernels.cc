// See kernels.h. Compiled once for each family of processors, with RIGL_RL_PROCESSOR its name and
// RIGL_RL_WIDTH the number of floats in its vectors. Calls nothing of the standard library: what
// the linker keeps of a function compiled several times over may be the newest processor's.

#include "kernels.h"

#define RIGL_RL_JOIN_(left, right) left##right
#define RIGL_RL_JOIN(left, right) RIGL_RL_JOIN_(left, right)
#define RIGL_RL_TEXT_(text) #text
#define RIGL_RL_TEXT(text) RIGL_RL_TEXT_(text)

namespace rigl_rl {
namespace {

constexpr int W = RIGL_RL_WIDTH;
// At addresses that are multiples of a vector, and at any address.
typedef float Vector __attribute__((vector_size(W * 4)));
typedef float Loose __attribute__((vector_size(W * 4), aligned(4)));
typedef int32_t Lanes __attribute__((vector_size(W * 4)));

inline int64_t vectors_of(int64_t batch) { return (batch + W - 1) / W; }

// Vectors in the slab that starts at vector `start`.
inline int slab_at(int64_t start, int64_t vectors, int slab) {
  while (slab > vectors - start) slab /= 2;
  return slab;
}

// Swaps the second half of each 2 * Half lanes of `left` with the first half of `right`'s.
template <int Half>
inline void exchange(Vector& left, Vector& right) {
  Lanes first, second;
  for (int lane = 0; lane < W; ++lane) {
    first[lane] = lane & Half ? W + lane - Half : lane;
    second[lane] = lane & Half ? W + lane : lane + Half;
  }
  const Vector old = left;
  left = __builtin_shuffle(old, right, first);
  right = __builtin_shuffle(old, right, second);
}

template <int Half = W / 2>
inline void transpose(Vector* rows) {
  for (int row = 0; row < W; ++row)
    if (!(row & Half)) exchange<Half>(rows[row], rows[row + Half]);
  if constexpr (Half > 1) transpose<Half / 2>(rows);
}

// Lane r of the result is the sum of the lanes of rows[r].
template <int Half = W / 2>
inline Vector sums_of(Vector* rows) {
  for (int row = 0; row < Half; ++row) {
    exchange<Half>(rows[row], rows[row + Half]);
    rows[row] += rows[row + Half];
  }
  if constexpr (Half > 1) return sums_of<Half / 2>(rows);
  return rows[0];
}

inline Vector load_some(const float* from, int64_t count) {
  Vector loaded = {};
  for (int64_t lane = 0; lane < count; ++lane) loaded[lane] = from[lane];
  return loaded;
}

inline void store_some(const Vector& stored, int64_t count, float* to) {
  for (int64_t lane = 0; lane < count; ++lane) to[lane] = stored[lane];
}

void to_slabs(const float* rows, const float* outcome, Slabs s, int64_t begin, int64_t end,
              float* slabs, float* sums) {
  const int64_t vectors = vectors_of(s.batch);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * W;
    const int64_t features = s.features - first < W ? s.features - first : W;
    Vector total = {};
    for (int64_t start = 0; start < vectors;) {
      const int slab = slab_at(start, vectors, s.slab);
      float* const to = slabs + start * W * s.features + first * slab * W;
      for (int part = 0; part < slab; ++part) {
        Vector square[W];
        const int64_t example = (start + part) * W;
        const int64_t examples = s.batch - example < W ? s.batch - example : W;
        for (int64_t row = 0; row < W; ++row) {
          square[row] = Vector{};
          if (row >= examples) continue;
          const int64_t at = (example + row) * s.features + first;
          square[row] = features == W ? *reinterpret_cast<const Loose*>(rows + at)
                                      : load_some(rows + at, features);
          if (outcome) {
            const Vector y = features == W ? *reinterpret_cast<const Loose*>(outcome + at)
                                           : load_some(outcome + at, features);
            square[row] *= y > 0.0f ? Vector{} + 1.0f : Vector{};  // a NaN stays one
          }
          total += square[row];
        }
        transpose(square);
        for (int64_t feature = 0; feature < features; ++feature)
          *reinterpret_cast<Vector*>(to + (feature * slab + part) * W) = square[feature];
      }
      start += slab;
    }
    if (sums) store_some(total, features, sums + first);
  }
}

void from_slabs(const float* slabs, bool relu, Slabs s, int64_t begin, int64_t end, float* rows) {
  const int64_t vectors = vectors_of(s.batch);
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * W;
    const int64_t features = s.features - first < W ? s.features - first : W;
    for (int64_t start = 0; start < vectors;) {
      const int slab = slab_at(start, vectors, s.slab);
      const float* const from = slabs + start * W * s.features + first * slab * W;
      for (int part = 0; part < slab; ++part) {
        Vector square[W];
        for (int64_t feature = 0; feature < W; ++feature) {
          square[feature] = Vector{};
          if (feature >= features) continue;
          square[feature] =
              *reinterpret_cast<const Vector*>(from + (feature * slab + part) * W);
          if (relu) square[feature] = square[feature] < 0.0f ? Vector{} : square[feature];
        }
        transpose(square);
        const int64_t example = (start + part) * W;
        const int64_t examples = s.batch - example < W ? s.batch - example : W;
        for (int64_t row = 0; row < examples; ++row) {
          float* const to = rows + (example + row) * s.features + first;
          if (features == W)
            *reinterpret_cast<Loose*>(to) = square[row];
          else
            store_some(square[row], features, to);
        }
      }
      start += slab;
    }
  }
}

template <int Slab>
void forward_slab_by_output(const float* x, const float* values, const float* bias,
                            const Connections& c, int64_t begin, int64_t end, float* y) {
  for (int64_t output = begin; output < end; ++output) {
    Vector sum[Slab];
    for (int part = 0; part < Slab; ++part) sum[part] = Vector{} + bias[output];
    for (int32_t at = c.output_starts[output]; at < c.output_starts[output + 1]; ++at) {
      const auto* from = reinterpret_cast<const Vector*>(x) + int64_t{c.inputs[at]} * Slab;
      const float weight = values[at];
      for (int part = 0; part < Slab; ++part) sum[part] += weight * from[part];
    }
    auto* const to = reinterpret_cast<Vector*>(y) + output * Slab;
    for (int part = 0; part < Slab; ++part) to[part] = sum[part];
  }
}

template <int Slab>
void forward_slab_by_input(const float* x, const float* values, const float* bias,
                           const Connections& c, float* y) {
  auto* const sums = reinterpret_cast<Vector*>(y);
  for (int64_t output = 0; output < c.out; ++output)
    for (int part = 0; part < Slab; ++part) sums[output * Slab + part] = Vector{} + bias[output];
  for (int64_t input = 0; input < c.in; ++input) {
    Vector from[Slab];
    for (int part = 0; part < Slab; ++part)
      from[part] = reinterpret_cast<const Vector*>(x)[input * Slab + part];
    for (int32_t at = c.input_starts[input]; at < c.input_starts[input + 1]; ++at) {
      Vector* const sum = sums + int64_t{c.outputs[at]} * Slab;
      const float weight = values[at];
      for (int part = 0; part < Slab; ++part) sum[part] += weight * from[part];
    }
  }
}

template <int Slab, bool Input, bool Weights>
void backward_slab(const float* x, const float* dy, const float* values, const Connections& c,
                   bool first, int64_t begin, int64_t end, float* dx, float* dvalues) {
  Vector products[W];  // of connections whose sum over the slab is not taken yet
  int waiting = 0;
  int32_t done = c.input_starts[begin];
  const auto flush = [&] {
    const int count = waiting;
    for (; waiting < W; ++waiting) products[waiting] = Vector{};
    const Vector sums = sums_of(products);
    for (int lane = 0; lane < count; ++lane)
      dvalues[done + lane] = first ? sums[lane] : dvalues[done + lane] + sums[lane];
    done += count;
    waiting = 0;
  };
  for (int64_t input = begin; input < end; ++input) {
    Vector from[Slab], sum[Slab];
    for (int part = 0; part < Slab; ++part) {
      if (Weights) from[part] = reinterpret_cast<const Vector*>(x)[input * Slab + part];
      sum[part] = Vector{};
    }
    for (int32_t at = c.input_starts[input]; at < c.input_starts[input + 1]; ++at) {
      const auto* error = reinterpret_cast<const Vector*>(dy) + int64_t{c.outputs[at]} * Slab;
      if (Input) {
        const float weight = values[at];
        for (int part = 0; part < Slab; ++part) sum[part] += weight * error[part];
      }
      if (Weights) {
        Vector product = from[0] * error[0];
        for (int part = 1; part < Slab; ++part) product += from[part] * error[part];
        products[waiting++] = product;
        if (waiting == W) flush();
      }
    }
    if (Input)
      for (int part = 0; part < Slab; ++part)
        reinterpret_cast<Vector*>(dx)[input * Slab + part] = sum[part];
  }
  if (Weights && waiting) flush();
}

template <int N>
struct Size {
  static constexpr int value = N;
};

// Calls `work(first vector, size)` for each slab from vector `begin` to `end`.
template <typename Work>
inline void for_each_slab(int64_t vectors, int slab, int64_t begin, int64_t end, Work work) {
  for (int64_t start = begin; start < end;) {
    const int size = slab_at(start, vectors, slab);
    if (size == 8) work(start, Size<8>{});
    else if (size == 4) work(start, Size<4>{});
    else if (size == 2) work(start, Size<2>{});
    else work(start, Size<1>{});
    start += size;
  }
}

void forward_by_output(const float* x, const float* values, const float* bias,
                       const Connections& c, int64_t batch, int slab, int64_t begin, int64_t end,
                       float* y) {
  const int64_t vectors = vectors_of(batch);
  for_each_slab(vectors, slab, 0, vectors, [&](int64_t start, auto size) {
    forward_slab_by_output<size.value>(x + start * W * c.in, values, bias, c, begin, end,
                                       y + start * W * c.out);
  });
}

void forward_by_input(const float* x, const float* values, const float* bias, const Connections& c,
                      int64_t batch, int slab, int64_t begin, int64_t end, float* y) {
  for_each_slab(vectors_of(batch), slab, begin, end, [&](int64_t start, auto size) {
    forward_slab_by_input<size.value>(x + start * W * c.in, values, bias, c,
                                      y + start * W * c.out);
  });
}

void backward(const float* x, const float* dy, const float* values, const Connections& c,
              int64_t batch, int slab, int64_t begin, int64_t end, float* dx, float* dvalues) {
  const int64_t vectors = vectors_of(batch);
  for_each_slab(vectors, slab, 0, vectors, [&](int64_t start, auto size) {
    constexpr int Slab = size.value;
    const float* const x_slab = x ? x + start * W * c.in : nullptr;
    const float* const dy_slab = dy + start * W * c.out;
    float* const dx_slab = dx ? dx + start * W * c.in : nullptr;
    const bool first = start == 0;
    if (dx && dvalues)
      backward_slab<Slab, true, true>(x_slab, dy_slab, values, c, first, begin, end, dx_slab,
                                      dvalues);
    else if (dx)
      backward_slab<Slab, true, false>(x_slab, dy_slab, values, c, first, begin, end, dx_slab,
                                       dvalues);
    else
      backward_slab<Slab, false, true>(x_slab, dy_slab, values, c, first, begin, end, dx_slab,
                                       dvalues);
  });
}

void adam(const float* gradient, const Connections& c, AdamStep step, int64_t begin, int64_t end,
          float* kernel, float* m, float* v, float* cache) {
  // A block of connections is stepped while the next one's weights and moments, which lie apart,
  // are on their way to the cache.
  constexpr int N = 64;
  int64_t places[2][N];
  float change[N], ms[N], vs[N];
  int64_t input = begin;
  const int32_t last = c.input_starts[end];
  const auto find = [&](int32_t from, int64_t* block) {
    for (int32_t at = from; at < last && at < from + N; ++at) {
      while (at >= c.input_starts[input + 1]) ++input;
      const int64_t place = input * c.out + c.outputs[at];
      block[at - from] = place;
      __builtin_prefetch(m + place, 1);
      __builtin_prefetch(v + place, 1);
      __builtin_prefetch(kernel + place, 1);
    }
  };
  int32_t from = c.input_starts[begin];
  int current = 0;
  find(from, places[current]);
  for (; from < last; from += N, current = 1 - current) {
    find(from + N, places[1 - current]);
    const int64_t* const block = places[current];
    const int count = last - from < N ? last - from : N;
    for (int lane = 0; lane < count; ++lane) {
      ms[lane] = m[block[lane]];
      vs[lane] = v[block[lane]];
    }
    for (int lane = 0; lane < count; ++lane) {
      const float g = gradient[from + lane];
      ms[lane] += (g - ms[lane]) * (1.0f - step.beta_1);
      vs[lane] += (g * g - vs[lane]) * (1.0f - step.beta_2);
      change[lane] = step.rate * ms[lane] / (__builtin_sqrtf(vs[lane]) + step.epsilon);
    }
    if (cache)
      for (int lane = 0; lane < count; ++lane) cache[from + lane] -= change[lane];
    for (int lane = 0; lane < count; ++lane) {
      m[block[lane]] = ms[lane];
      v[block[lane]] = vs[lane];
      float& weight = kernel[block[lane]];
      weight = cache ? cache[from + lane] : weight - change[lane];
    }
  }
}

}  // namespace

// Found by its name in dispatch.cc.
extern const Kernels RIGL_RL_JOIN(kernels_, RIGL_RL_PROCESSOR);
const Kernels RIGL_RL_JOIN(kernels_, RIGL_RL_PROCESSOR) = {
    RIGL_RL_TEXT(RIGL_RL_PROCESSOR), W,        to_slabs, from_slabs, forward_by_output,
    forward_by_input,                backward, adam,
};

}  // namespace rigl_rl
