// Functions of single values, sums, and factors for whole planes.

extern "C" __global__ void map_values(const real *x, real *y, unsigned n, int kind, real bottom, real top) {
    const Curve curve = {kind, bottom, top};
    unsigned at = INDEX;
    if (at < n) y[at] = value_of(curve, x[at]);
}

extern "C" __global__ void map_back(const real *x, const real *dy, real *dx, unsigned n, int kind, real bottom, real top) {
    const Curve curve = {kind, bottom, top};
    unsigned at = INDEX;
    if (at < n) dx[at] += slope_of(curve, x[at]) * dy[at];
}

extern "C" __global__ void add_values(const real *a, const real *b, real *y, unsigned n) {
    unsigned at = INDEX;
    if (at < n) y[at] = a[at] + b[at];
}

extern "C" __global__ void add_to(const real *a, real *y, unsigned n) {
    unsigned at = INDEX;
    if (at < n) y[at] += a[at];
}

extern "C" __global__ void scale_planes(const real *x, const real *factors, real *y, unsigned n, int plane) {
    unsigned at = INDEX;
    if (at < n) y[at] = x[at] * factors[at / plane];
}

// A block for each plane.
extern "C" __global__ void scale_planes_back(const real *x, const real *factors, const real *dy, real *dx, real *df, int plane) {
    __shared__ real room[THREADS];
    size_t start = (size_t)blockIdx.x * plane;
    real factor = factors[blockIdx.x], sum = 0;
    for (int i = threadIdx.x; i < plane; i += THREADS) {
        real g = dy[start + i];
        sum += g * x[start + i];
        dx[start + i] += factor * g;
    }
    sum = of_block(sum, room);
    if (threadIdx.x == 0) df[blockIdx.x] += sum;
}

// A block for each plane.
extern "C" __global__ void plane_means(const real *x, real *y, int plane) {
    __shared__ real room[THREADS];
    real sum = 0;
    for (int i = threadIdx.x; i < plane; i += THREADS) sum += x[(size_t)blockIdx.x * plane + i];
    sum = of_block(sum, room);
    if (threadIdx.x == 0) y[blockIdx.x] = sum / plane;
}

extern "C" __global__ void plane_means_back(const real *dy, real *dx, unsigned n, int plane) {
    unsigned at = INDEX;
    if (at < n) dx[at] += dy[at / plane] / plane;
}
