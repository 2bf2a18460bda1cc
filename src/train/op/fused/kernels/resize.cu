// Resizing of planes by two taps along each axis: `first`, the cell after it unless there is none, and the weight of that.

struct Sizes {
    int rows, columns, to_rows, to_columns;
};

extern "C" __global__ void resize(const real *x, const size_t *first_row, const real *row_weight, const size_t *first_column,
                                  const real *column_weight, real *y, unsigned n, Sizes s) {
    unsigned at = INDEX;
    if (at >= n) return;
    int j = at % s.to_columns, i = at / s.to_columns % s.to_rows;
    const real *plane = x + at / s.to_columns / s.to_rows * s.rows * s.columns;
    int a = first_row[i], b = a + 1 < s.rows ? a + 1 : a, c = first_column[j], d = c + 1 < s.columns ? c + 1 : c;
    real u = row_weight[i], v = column_weight[j];
    real above = ((real)1 - v) * plane[a * s.columns + c] + v * plane[a * s.columns + d];
    real below = ((real)1 - v) * plane[b * s.columns + c] + v * plane[b * s.columns + d];
    y[at] = ((real)1 - u) * above + u * below;
}

// The weight of a cell in a cell of the result.
__device__ real share_of(int cell, int cells, size_t first, real weight) {
    int a = first, b = a + 1 < cells ? a + 1 : a;
    return (cell == a ? (real)1 - weight : (real)0) + (cell == b ? weight : (real)0);
}

// ranges: for every cell of an axis the cells of the result, from and to, between which lie all that it has a share in.
extern "C" __global__ void resize_back(const real *dy, const size_t *first_row, const real *row_weight,
                                       const size_t *first_column, const real *column_weight, const size_t *row_range,
                                       const size_t *column_range, real *dx, unsigned n, Sizes s) {
    unsigned at = INDEX;
    if (at >= n) return;
    int column = at % s.columns, row = at / s.columns % s.rows;
    const real *plane = dy + at / s.columns / s.rows * s.to_rows * s.to_columns;
    int row_end = row_range[2 * row + 1], column_end = column_range[2 * column + 1];
    real sum = 0;
    for (int i = row_range[2 * row]; i < row_end; i++) {
        real part = 0;
        for (int j = column_range[2 * column]; j < column_end; j++)
            part += share_of(column, s.columns, first_column[j], column_weight[j]) * plane[i * s.to_columns + j];
        sum += share_of(row, s.rows, first_row[i], row_weight[i]) * part;
    }
    dx[at] += sum;
}
