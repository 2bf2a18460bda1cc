// Cross-entropy. Logits are [samples, classes, plane]; one label, `none`, means no class.

// totals: the logarithm of the sum of the exponentials of every pixel; parts: for each block the sum of its losses.
extern "C" __global__ void entropy(const real *x, const unsigned char *labels, real *totals, real *parts, int n, int classes,
                                   int plane, int none) {
    __shared__ real room[THREADS];
    int at = INDEX;
    real loss = 0;
    if (at < n) {
        const real *logits = x + (size_t)(at / plane) * classes * plane + at % plane;
        real largest = logits[0], sum = 1;
        for (int k = 1; k < classes; k++) {
            real v = logits[(size_t)k * plane];
            if (v > largest) sum = sum * exp(largest - v) + (real)1, largest = v;
            else sum += exp(v - largest);
        }
        real total = largest + log(sum);
        totals[at] = total;
        int label = labels[at];
        if (label != none) loss = total - logits[(size_t)label * plane];
    }
    loss = of_block(loss, room);
    if (threadIdx.x == 0) parts[blockIdx.x] = loss;
}

// One block: y = factor times the sum of n values.
extern "C" __global__ void sum_all(const real *x, real *y, int n, real factor) {
    __shared__ real room[THREADS];
    real sum = 0;
    for (int i = threadIdx.x; i < n; i += THREADS) sum += x[i];
    sum = of_block(sum, room);
    if (threadIdx.x == 0) y[0] = factor * sum;
}

extern "C" __global__ void entropy_back(const real *x, const unsigned char *labels, const real *totals, const real *dy, real *dx,
                                        int n, int classes, int plane, int none, real share) {
    int at = INDEX;
    if (at >= n) return;
    int label = labels[at];
    if (label == none) return;
    size_t start = (size_t)(at / plane) * classes * plane + at % plane;
    real factor = share * dy[0], total = totals[at];
    for (int k = 0; k < classes; k++) {
        size_t i = start + (size_t)k * plane;
        dx[i] += factor * (exp(x[i] - total) - (k == label ? (real)1 : (real)0));
    }
}
