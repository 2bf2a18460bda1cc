// The step of AdamW, and what clipping needs to know of gradients.

// Adds the sum of the squares to one number.
extern "C" __global__ void sum_of_squares(const real *x, real *y, unsigned n) {
    __shared__ real room[THREADS];
    real sum = 0;
    for (unsigned i = INDEX; i < n; i += gridDim.x * THREADS) sum += x[i] * x[i];
    sum = of_block(sum, room);
    if (threadIdx.x == 0) atomicAdd(y, sum);
}

// m = b1 m + a1 g, v = b2 v + a2 g^2, p = keep p - rate m / (sqrt(v) + eps).
extern "C" __global__ void adamw(real *p, const real *g, real *m, real *v, unsigned n, real b1, real b2, real a1, real a2,
                                 real rate, real eps, real keep) {
    unsigned at = INDEX;
    if (at >= n) return;
    real gradient = g[at], first = b1 * m[at] + a1 * gradient, second = b2 * v[at] + a2 * gradient * gradient;
    m[at] = first, v[at] = second;
    p[at] = keep * p[at] - rate * first / (sqrt(second) + eps);
}
