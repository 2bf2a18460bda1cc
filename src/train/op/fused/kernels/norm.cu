// Normalisation of pixels over channels and of channels over the batch. Maps are [samples, channels, plane].

// A block of layer_norm has PIXELS pixels side by side and LANES lanes that share the channels of each.
#define PIXELS 16
#define LANES 16
__device__ real over_lanes(real value, real *room) {
    int pixel = threadIdx.x % PIXELS, lane = threadIdx.x / PIXELS;
    __syncthreads();
    room[lane * PIXELS + pixel] = value;
    __syncthreads();
    real sum = 0;
    for (int i = 0; i < LANES; i++) sum += room[i * PIXELS + pixel];
    return sum;
}

// means and scales (1 / sqrt(variance + eps)): one for each of n pixels.
extern "C" __global__ void layer_norm(const real *x, const real *weight, const real *bias, real *y, real *means, real *scales,
                                      int n, int channels, int plane, real eps) {
    __shared__ real room[THREADS];
    int at = blockIdx.x * PIXELS + threadIdx.x % PIXELS, lane = threadIdx.x / PIXELS;
    bool here = at < n;
    size_t start = here ? (size_t)(at / plane) * channels * plane + at % plane : 0;
    real sum = 0;
    if (here)
        for (int c = lane; c < channels; c += LANES) sum += x[start + (size_t)c * plane];
    real mean = over_lanes(sum, room) / channels;
    sum = 0;
    if (here)
        for (int c = lane; c < channels; c += LANES) {
            real d = x[start + (size_t)c * plane] - mean;
            sum += d * d;
        }
    real scale = (real)1 / sqrt(over_lanes(sum, room) / channels + eps);
    if (!here) return;
    for (int c = lane; c < channels; c += LANES) {
        size_t i = start + (size_t)c * plane;
        y[i] = (x[i] - mean) * scale * weight[c] + bias[c];
    }
    if (lane == 0) means[at] = mean, scales[at] = scale;
}

extern "C" __global__ void layer_norm_of_map(const real *x, const real *weight, const real *means, const real *scales,
                                             const real *dy, real *dx, int n, int channels, int plane) {
    __shared__ real room[THREADS];
    int at = blockIdx.x * PIXELS + threadIdx.x % PIXELS, lane = threadIdx.x / PIXELS;
    bool here = at < n;
    size_t start = here ? (size_t)(at / plane) * channels * plane + at % plane : 0;
    real mean = here ? means[at] : 0, scale = here ? scales[at] : 0, plain = 0, with_value = 0;
    if (here)
        for (int c = lane; c < channels; c += LANES) {
            size_t i = start + (size_t)c * plane;
            real g = dy[i] * weight[c];
            plain += g;
            with_value += g * (x[i] - mean) * scale;
        }
    plain = over_lanes(plain, room) / channels;
    with_value = over_lanes(with_value, room) / channels;
    if (!here) return;
    for (int c = lane; c < channels; c += LANES) {
        size_t i = start + (size_t)c * plane;
        dx[i] += scale * (dy[i] * weight[c] - plain - (x[i] - mean) * scale * with_value);
    }
}

// A block for each channel and part of its pixels.
extern "C" __global__ void layer_norm_of_affine(const real *x, const real *means, const real *scales, const real *dy, real *dw,
                                                real *db, int n, int channels, int plane) {
    __shared__ real room[THREADS];
    real plain = 0, with_value = 0;
    for (int at = blockIdx.y * THREADS + threadIdx.x; at < n; at += gridDim.y * THREADS) {
        size_t i = ((size_t)(at / plane) * channels + blockIdx.x) * plane + at % plane;
        real g = dy[i];
        plain += g;
        with_value += g * (x[i] - means[at]) * scales[at];
    }
    plain = of_block(plain, room);
    with_value = of_block(with_value, room);
    if (threadIdx.x == 0) {
        atomicAdd(&db[blockIdx.x], plain);
        atomicAdd(&dw[blockIdx.x], with_value);
    }
}

// What a batch normalisation is of: whether its moments are given, samples, channels, cells of a plane, the activation.
struct Batch {
    int given, samples, channels, plane, kind;
};

// A block for each channel. Where moments are not given it finds them.
extern "C" __global__ void batch_norm(const real *x, const real *weight, const real *bias, real *y, real *means,
                                      real *variances, Batch b, real eps) {
    __shared__ real room[MOST];
    const Curve curve = {b.kind, 0, 0};
    int c = blockIdx.x, n = b.samples * b.plane;
    real mean, variance;
    if (b.given)
        mean = means[c], variance = variances[c];
    else {
        real sum = 0;
        for (int sample = 0; sample < b.samples; sample++) {
            const real *from = x + ((size_t)sample * b.channels + c) * b.plane;
#pragma unroll 4
            for (int i = threadIdx.x; i < b.plane; i += blockDim.x) sum += from[i];
        }
        mean = of_block(sum, room) / n;
        sum = 0;
        for (int sample = 0; sample < b.samples; sample++) {
            const real *from = x + ((size_t)sample * b.channels + c) * b.plane;
#pragma unroll 4
            for (int i = threadIdx.x; i < b.plane; i += blockDim.x) sum += (from[i] - mean) * (from[i] - mean);
        }
        variance = of_block(sum, room) / n;
        if (threadIdx.x == 0) means[c] = mean, variances[c] = variance;
    }
    real factor = weight[c] / sqrt(variance + eps), shift = bias[c];
    for (int sample = 0; sample < b.samples; sample++)
        for (int i = threadIdx.x; i < b.plane; i += blockDim.x) {
            size_t at = ((size_t)sample * b.channels + c) * b.plane + i;
            y[at] = value_of(curve, (x[at] - mean) * factor + shift);
        }
}

// A block for each channel. The moments are constants where they were given.
extern "C" __global__ void batch_norm_back(const real *x, const real *weight, const real *bias, const real *means,
                                           const real *variances, const real *dy, real *dx, real *dw, real *db, Batch b,
                                           real eps) {
    __shared__ real room[MOST];
    const Curve curve = {b.kind, 0, 0};
    int c = blockIdx.x, n = b.samples * b.plane;
    real mean = means[c], scale = (real)1 / sqrt(variances[c] + eps), w = weight[c], shift = bias[c];
    real plain = 0, with_value = 0;
    for (int sample = 0; sample < b.samples; sample++)
        for (int i = threadIdx.x; i < b.plane; i += blockDim.x) {
            size_t at = ((size_t)sample * b.channels + c) * b.plane + i;
            real normal = (x[at] - mean) * scale, g = dy[at] * slope_of(curve, normal * w + shift);
            plain += g;
            with_value += g * normal;
        }
    plain = of_block(plain, room);
    with_value = of_block(with_value, room);
    if (threadIdx.x == 0) dw[c] += with_value, db[c] += plain;
    real through_mean = b.given ? (real)0 : plain / n, through_variance = b.given ? (real)0 : with_value / n;
    for (int sample = 0; sample < b.samples; sample++)
        for (int i = threadIdx.x; i < b.plane; i += blockDim.x) {
            size_t at = ((size_t)sample * b.channels + c) * b.plane + i;
            real normal = (x[at] - mean) * scale, g = dy[at] * slope_of(curve, normal * w + shift);
            dx[at] += scale * w * (g - through_mean - normal * through_variance);
        }
}
