// Matrix products as cuBLAS does them: column by column in memory, C = alpha op(A) op(B) + beta C, one or a batch of them. Like
// cuBLAS it refuses leading dimensions that are too small, and does not read C when beta is zero.
#include "device.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace {

enum Status { BLAS_SUCCESS = 0, BLAS_INVALID_VALUE = 7 };

char handle;

// Turned: its rows are stored as columns.
template <class E> struct Matrix {
    const E *values;
    size_t leading;
    bool turned;

    E at(size_t row, size_t column) const { return turned ? values[row * leading + column] : values[column * leading + row]; }
};

// A tile of the product: WIDE columns of TALL rows, which stay in registers.
constexpr size_t WIDE = 6;
template <class E> constexpr size_t TALL = 64 / sizeof(E);
template <class E> struct Vector {
    typedef E Type __attribute__((vector_size(64)));
};

// TALL rows of a beside one another for each k; rows past the end are zero.
template <class E> void pack_rows(const Matrix<E> &a, size_t row, size_t m, size_t k, typename Vector<E>::Type *to) {
    const size_t rows = std::min(TALL<E>, m - row);
    for (size_t p = 0; p < k; p++) {
        E column[TALL<E>] = {};
        for (size_t i = 0; i < rows; i++) column[i] = a.at(row + i, p);
        memcpy(&to[p], column, sizeof column);
    }
}

// WIDE columns of b beside one another for each k.
template <class E> void pack_columns(const Matrix<E> &b, size_t column, size_t n, size_t k, E *to) {
    const size_t columns = std::min(WIDE, n - column);
    for (size_t p = 0; p < k; p++)
        for (size_t j = 0; j < WIDE; j++) to[p * WIDE + j] = j < columns ? b.at(p, column + j) : E(0);
}

template <class E> void product(size_t m, size_t n, size_t k, E alpha, Matrix<E> a, Matrix<E> b, E beta, E *c, size_t leading) {
    typedef typename Vector<E>::Type V;
    std::vector<V> rows(k);
    const size_t strips = (n + WIDE - 1) / WIDE;
    std::vector<E> columns(strips * k * WIDE);
    for (size_t strip = 0; strip < strips; strip++) pack_columns(b, strip * WIDE, n, k, &columns[strip * k * WIDE]);
    for (size_t row = 0; row < m; row += TALL<E>) {
        pack_rows(a, row, m, k, rows.data());
        for (size_t strip = 0; strip < strips; strip++) {
            const E *next = &columns[strip * k * WIDE];
            V sums[WIDE] = {};
            for (size_t p = 0; p < k; p++)
                for (size_t j = 0; j < WIDE; j++) sums[j] += rows[p] * next[p * WIDE + j];
            for (size_t j = 0; j < std::min(WIDE, n - strip * WIDE); j++)
                for (size_t i = 0; i < std::min(TALL<E>, m - row); i++) {
                    E &to = c[(strip * WIDE + j) * leading + row + i];
                    to = alpha * sums[j][i] + (beta == 0 ? 0 : beta * to);
                }
        }
    }
}

// The bytes from the first to the last value of a batch of matrices.
template <class E> size_t extent(size_t rows, size_t columns, size_t leading, long long stride, size_t batch) {
    return rows && columns && batch ? sizeof(E) * ((batch - 1) * stride + (columns - 1) * leading + rows) : 0;
}

template <class E>
Status batched(int turn_a, int turn_b, int m, int n, int k, const E *alpha, const E *a, int lda, long long stride_a, const E *b,
               int ldb, long long stride_b, const E *beta, E *c, int ldc, long long stride_c, int batch) {
    const int rows_a = turn_a ? k : m, rows_b = turn_b ? n : k;
    const auto refuse = [&](const char *why) {
        wrong(INVALID_VALUE, std::string("matrix product, ") + why + ": op " + std::to_string(turn_a) + std::to_string(turn_b) +
                                 ", m n k " + std::to_string(m) + " " + std::to_string(n) + " " + std::to_string(k) +
                                 ", leading " + std::to_string(lda) + " " + std::to_string(ldb) + " " + std::to_string(ldc) +
                                 ", batch " + std::to_string(batch));
        return BLAS_INVALID_VALUE;
    };
    if (m < 0 || n < 0 || k < 0 || batch < 0) return refuse("negative size");
    if (lda < std::max(1, rows_a) || ldb < std::max(1, rows_b) || ldc < std::max(1, m)) return refuse("leading dimension");
    // One after another, or side by side like the heads of an attention.
    const bool after = stride_c >= static_cast<long long>(ldc) * (n - 1) + m;
    const bool beside = stride_c >= m && (batch - 1) * stride_c + m <= ldc;
    if (batch > 1 && !after && !beside) return refuse("products overlap");
    if (!in_device_memory(a, extent<E>(rows_a, turn_a ? m : k, lda, stride_a, batch), "left matrix") ||
        !in_device_memory(b, extent<E>(rows_b, turn_b ? k : n, ldb, stride_b, batch), "right matrix") ||
        !in_device_memory(c, extent<E>(m, n, ldc, stride_c, batch), "product"))
        return refuse("memory");
    count(sizeof(E) == 4 ? "product: f32" : "product: f64", static_cast<uint64_t>(m) * n * k * batch);
    for (int i = 0; i < batch; i++)
        product<E>(m, n, k, *alpha, {a + i * stride_a, size_t(lda), turn_a != 0}, {b + i * stride_b, size_t(ldb), turn_b != 0},
                   *beta, c + i * stride_c, ldc);
    return BLAS_SUCCESS;
}

} // namespace

EXPORT Status cublasCreate_v2(void **to) {
    *to = &handle;
    return BLAS_SUCCESS;
}
EXPORT Status cublasDestroy_v2(void *) {
    return BLAS_SUCCESS;
}
EXPORT Status cublasSetStream_v2(void *, void *) {
    return BLAS_SUCCESS;
}

#define PRODUCTS(E, ONE, BATCH)                                                                                                  \
    EXPORT Status ONE(void *, int ta, int tb, int m, int n, int k, const E *alpha, const E *a, int lda, const E *b, int ldb,     \
                      const E *beta, E *c, int ldc) {                                                                            \
        return batched<E>(ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);                                     \
    }                                                                                                                            \
    EXPORT Status BATCH(void *, int ta, int tb, int m, int n, int k, const E *alpha, const E *a, int lda, long long sa,          \
                        const E *b, int ldb, long long sb, const E *beta, E *c, int ldc, long long sc, int batch) {              \
        return batched<E>(ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);                              \
    }
PRODUCTS(float, cublasSgemm_v2, cublasSgemmStridedBatched)
PRODUCTS(double, cublasDgemm_v2, cublasDgemmStridedBatched)
