// Attention within windows. The tokens of a window of a head are a matrix [width, tokens]; heads of all samples are counted
// together, each with its windows.

struct Heads {
    int heads, width, windows, tokens, plane;
};

// The planes of a head of this block's window. Of a map of `kinds` kinds (query, key, value) they are of the given one.
__device__ size_t planes_of(const Heads &h, int kinds, int kind) {
    unsigned head = blockIdx.x / h.windows;
    return (size_t)((head / h.heads * kinds + kind) * h.heads + head % h.heads) * h.width * h.plane;
}

// Blocks in a row for the windows of all heads; rows of blocks share the values of a window. Padded tokens are zero.
extern "C" __global__ void take_tokens(const real *x, const size_t *cells, real *values, int kinds, int kind, Heads h) {
    const size_t *of_window = cells + blockIdx.x % h.windows * h.tokens;
    const real *from = x + planes_of(h, kinds, kind);
    unsigned size = h.width * h.tokens;
    real *to = values + (size_t)blockIdx.x * size;
    for (unsigned i = blockIdx.y * blockDim.x + threadIdx.x; i < size; i += gridDim.y * blockDim.x) {
        size_t cell = of_window[i % h.tokens];
        to[i] = cell == (size_t)-1 ? (real)0 : from[(size_t)(i / h.tokens) * h.plane + cell];
    }
}

// Adds tokens to their cells.
extern "C" __global__ void add_tokens(const real *values, const size_t *cells, real *x, int kinds, int kind, Heads h) {
    const size_t *of_window = cells + blockIdx.x % h.windows * h.tokens;
    real *to = x + planes_of(h, kinds, kind);
    unsigned size = h.width * h.tokens;
    const real *from = values + (size_t)blockIdx.x * size;
    for (unsigned i = blockIdx.y * blockDim.x + threadIdx.x; i < size; i += gridDim.y * blockDim.x) {
        size_t cell = of_window[i % h.tokens];
        if (cell != (size_t)-1) to[(size_t)(i / h.tokens) * h.plane + cell] += from[i];
    }
}

// The place in a head's table [2 P - 1, 2 Q - 1] for a query and a key of windows of Q columns.
__device__ int offset(int query, int key, int table_rows, int table_columns) {
    int p = (table_rows + 1) / 2, q = (table_columns + 1) / 2;
    return (key / q + p - 1 - query / q) * table_columns + key % q + q - 1 - query % q;
}

// Turns scores into weights, in place. A block for each query of each window; padded ones get no weight and give none.
extern "C" __global__ void softmax(real *scores, const real *table, const size_t *cells, int heads, int windows, int tokens,
                                   int table_rows, int table_columns) {
    __shared__ real room[THREADS];
    int query = blockIdx.x % tokens, window = blockIdx.x / tokens;
    const size_t *of_window = cells + window % windows * tokens;
    const real *bias = table + window / windows % heads * table_rows * table_columns;
    real *row = scores + (size_t)blockIdx.x * tokens;
    bool padded = of_window[query] == (size_t)-1;
    real largest = (real)-1e30;
    for (int key = threadIdx.x; key < tokens; key += blockDim.x) {
        if (of_window[key] == (size_t)-1) continue;
        real score = row[key] + bias[offset(query, key, table_rows, table_columns)];
        row[key] = score;
        if (score > largest) largest = score;
    }
    largest = largest_of_block(largest, room);
    real sum = 0;
    for (int key = threadIdx.x; key < tokens; key += blockDim.x) {
        real weight = padded || of_window[key] == (size_t)-1 ? (real)0 : exp(row[key] - largest);
        row[key] = weight;
        sum += weight;
    }
    sum = of_block(sum, room);
    real share = sum > (real)0 ? (real)1 / sum : (real)0;
    for (int key = threadIdx.x; key < tokens; key += blockDim.x) row[key] *= share;
}

// Turns gradients of weights into those of scores, in place. A block for each query of each window.
extern "C" __global__ void softmax_back(const real *weights, real *gradients, int tokens) {
    __shared__ real room[THREADS];
    const real *weight = weights + (size_t)blockIdx.x * tokens;
    real *gradient = gradients + (size_t)blockIdx.x * tokens;
    real sum = 0;
    for (int key = threadIdx.x; key < tokens; key += blockDim.x) sum += weight[key] * gradient[key];
    sum = of_block(sum, room);
    for (int key = threadIdx.x; key < tokens; key += blockDim.x) gradient[key] = weight[key] * (gradient[key] - sum);
}

// Adds to the tables the gradients of their scores. A thread for each head, query and key.
extern "C" __global__ void table_back(const real *gradients, real *table, unsigned n, int samples, int heads, int windows,
                                      int tokens, int table_rows, int table_columns) {
    unsigned at = INDEX;
    if (at >= n) return;
    unsigned pairs = tokens * tokens, pair = at % pairs, head = at / pairs;
    real sum = 0;
    for (int sample = 0; sample < samples; sample++)
        for (int window = 0; window < windows; window++)
            sum += gradients[(size_t)((sample * heads + head) * windows + window) * pairs + pair];
    int place = offset(pair / tokens, pair % tokens, table_rows, table_columns);
    atomicAdd(&table[head * table_rows * table_columns + place], sum);
}
