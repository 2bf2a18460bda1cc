// What all kernels share. `real` is float or double.

// Threads of a block in most launches, and the most there are. Always a power of two.
#define THREADS 256
#define MOST 1024
// The number of this thread among all.
#define INDEX (blockIdx.x * THREADS + threadIdx.x)

// The sum over the threads of a block, for each of them. Every thread must come here.
__device__ real of_block(real value, real *room) {
    __syncthreads();
    room[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) room[threadIdx.x] += room[threadIdx.x + half];
        __syncthreads();
    }
    return room[0];
}

// The largest value of a block, likewise.
__device__ real largest_of_block(real value, real *room) {
    __syncthreads();
    room[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half && room[threadIdx.x] < room[threadIdx.x + half])
            room[threadIdx.x] = room[threadIdx.x + half];
        __syncthreads();
    }
    return room[0];
}

__device__ real sigmoid(real x) { return (real)1 / ((real)1 + exp(-x)); }

// Functions of one value, by their number (curve in pointwise.rs), and their slopes.
struct Curve {
    int kind;
    real bottom, top;
};
#define TWICE (real)1.595769121605731
#define CUBIC (real)0.044715
__device__ real value_of(const Curve &curve, real x) {
    switch (curve.kind) {
    case 1: return x * sigmoid(TWICE * (x + CUBIC * x * x * x));
    case 2: return x * sigmoid(x);
    case 3: return sigmoid(x);
    case 4: {
        real y = curve.top * sigmoid(x);
        return y > curve.bottom ? y : curve.bottom;
    }
    case 5: return x > (real)0 ? x : exp(x) - (real)1;
    default: return x;
    }
}
__device__ real slope_of(const Curve &curve, real x) {
    switch (curve.kind) {
    case 1: {
        real s = sigmoid(TWICE * (x + CUBIC * x * x * x));
        return s + x * s * ((real)1 - s) * TWICE * ((real)1 + (real)3 * CUBIC * x * x);
    }
    case 2: {
        real s = sigmoid(x);
        return s + x * s * ((real)1 - s);
    }
    case 3: {
        real s = sigmoid(x);
        return s * ((real)1 - s);
    }
    case 4: {
        real s = sigmoid(x);
        return curve.top * s < curve.bottom ? (real)0 : curve.top * s * ((real)1 - s);
    }
    case 5: return x > (real)0 ? (real)1 : exp(x);
    default: return 1;
    }
}
