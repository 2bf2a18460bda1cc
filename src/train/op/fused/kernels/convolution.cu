// Convolutions: the windows of planes laid out as columns and added back, and depthwise ones directly.

// The windows of a kernel over a plane (padding.rs).
struct Windows {
    int kernel, stride, input_rows, input_columns, top, left, rows, columns;
};

// The cell of the input under a tap of an output cell, or -1 in the padding.
__device__ int under(const Windows &w, int tap, int cell) {
    int row = cell / w.columns * w.stride + tap / w.kernel - w.top;
    int column = cell % w.columns * w.stride + tap % w.kernel - w.left;
    bool inside = row >= 0 && row < w.input_rows && column >= 0 && column < w.input_columns;
    return inside ? row * w.input_columns + column : -1;
}

// The output row (or column) whose window has a row of the input under tap i, or -1.
__device__ int over(int row, int before, int i, int stride, int rows) {
    int to = row + before - i;
    if (to < 0) return -1;
    if (stride != 1) {
        if (to % stride) return -1;
        to /= stride;
    }
    return to < rows ? to : -1;
}

// x: planes; y: [planes, taps, cells], so many rows of cells. Rows of blocks take rows of cells in turn.
extern "C" __global__ void unfold(const real *x, real *y, unsigned rows, Windows w) {
    int cells = w.rows * w.columns, taps = w.kernel * w.kernel, cell = INDEX;
    if (cell >= cells) return;
    for (unsigned row = blockIdx.y; row < rows; row += gridDim.y) {
        int from = under(w, row % taps, cell);
        y[(size_t)row * cells + cell] = from < 0 ? (real)0 : x[(size_t)(row / taps) * w.input_rows * w.input_columns + from];
    }
}

// Adds to every cell of x what lies over it in y.
extern "C" __global__ void fold(const real *y, real *x, unsigned n, Windows w) {
    unsigned at = INDEX;
    if (at >= n) return;
    int size = w.input_rows * w.input_columns, cells = w.rows * w.columns, cell = at % size;
    int row = cell / w.input_columns, column = cell % w.input_columns;
    const real *taken = y + (size_t)(at / size) * w.kernel * w.kernel * cells;
    real sum = 0;
    for (int i = 0; i < w.kernel; i++) {
        int r = over(row, w.top, i, w.stride, w.rows);
        if (r < 0) continue;
        for (int j = 0; j < w.kernel; j++) {
            int c = over(column, w.left, j, w.stride, w.columns);
            if (c >= 0) sum += taken[(size_t)(i * w.kernel + j) * cells + r * w.columns + c];
        }
    }
    x[at] += sum;
}

// Every cell of a plane the number of its channel.
extern "C" __global__ void fill_planes(real *y, const real *numbers, unsigned n, int plane, int channels) {
    unsigned at = INDEX;
    if (at < n) y[at] = numbers[at / plane % channels];
}

// Adds to each channel's number the sum of its planes. A block for each channel and part of its values.
extern "C" __global__ void sum_planes(const real *y, real *numbers, int planes, int plane, int channels) {
    __shared__ real room[THREADS];
    int channel = blockIdx.x;
    int total = planes / channels * plane;
    real sum = 0;
    for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < total; i += gridDim.y * blockDim.x)
        sum += y[((size_t)(i / plane) * channels + channel) * plane + i % plane];
    sum = of_block(sum, room);
    if (threadIdx.x == 0) atomicAdd(&numbers[channel], sum);
}

extern "C" __global__ void depthwise(const real *x, const real *weight, real *y, unsigned n, int channels, Windows w) {
    unsigned at = INDEX;
    if (at >= n) return;
    int cells = w.rows * w.columns, taps = w.kernel * w.kernel, cell = at % cells;
    int row = cell / w.columns * w.stride - w.top, column = cell % w.columns * w.stride - w.left;
    unsigned plane = at / cells;
    const real *from = x + (size_t)plane * w.input_rows * w.input_columns, *factors = weight + plane % channels * taps;
    real sum = 0;
    for (int i = 0; i < w.kernel; i++) {
        if (row + i < 0 || row + i >= w.input_rows) continue;
        for (int j = 0; j < w.kernel; j++)
            if (column + j >= 0 && column + j < w.input_columns)
                sum += factors[i * w.kernel + j] * from[(row + i) * w.input_columns + column + j];
    }
    y[at] = sum;
}

extern "C" __global__ void depthwise_of_map(const real *dy, const real *weight, real *dx, unsigned n, int channels, Windows w) {
    unsigned at = INDEX;
    if (at >= n) return;
    int size = w.input_rows * w.input_columns, taps = w.kernel * w.kernel, cell = at % size;
    int row = cell / w.input_columns, column = cell % w.input_columns;
    unsigned plane = at / size;
    const real *from = dy + (size_t)plane * w.rows * w.columns, *factors = weight + plane % channels * taps;
    real sum = 0;
    for (int i = 0; i < w.kernel; i++) {
        int r = over(row, w.top, i, w.stride, w.rows);
        if (r < 0) continue;
        for (int j = 0; j < w.kernel; j++) {
            int c = over(column, w.left, j, w.stride, w.columns);
            if (c >= 0) sum += factors[i * w.kernel + j] * from[r * w.columns + c];
        }
    }
    dx[at] += sum;
}

// A block for each channel and tap.
extern "C" __global__ void depthwise_of_weight(const real *x, const real *dy, real *dw, int samples, int channels, Windows w) {
    __shared__ real room[THREADS];
    int size = w.input_rows * w.input_columns, cells = w.rows * w.columns, taps = w.kernel * w.kernel;
    int channel = blockIdx.x / taps, tap = blockIdx.x % taps;
    real sum = 0;
    for (int sample = 0; sample < samples; sample++) {
        size_t plane = (size_t)sample * channels + channel;
        const real *from = x + plane * size, *of = dy + plane * cells;
        for (int cell = threadIdx.x; cell < cells; cell += blockDim.x) {
            int i = under(w, tap, cell);
            if (i >= 0) sum += from[i] * of[cell];
        }
    }
    sum = of_block(sum, room);
    if (threadIdx.x == 0) dw[blockIdx.x] += sum;
}

// Adds to y the sum of `samples` times n values.
extern "C" __global__ void add_samples(const real *x, real *y, unsigned n, int samples) {
    unsigned at = INDEX;
    if (at >= n) return;
    real sum = 0;
    for (int sample = 0; sample < samples; sample++) sum += x[(size_t)sample * n + at];
    y[at] += sum;
}
