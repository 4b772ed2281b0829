#include "gemm_fp32.h"
#include "gemm_int4.h"
#include "gemm_int8.h"
#include "gemm_int8_a8.h"
#include "kernels.h"

void multiply(ThreadPool& pool, int format, const Gemm& gemm) {
    with_weight_format(format, [&]<WeightFormat F>() { Multiply<F>::run(pool, gemm); });
}

void multiply(
    ThreadPool& pool, int format, const Gemm& gemm, const int32_t* matrix, const int32_t* starts,
    int64_t ranges) {
    with_weight_format(format, [&]<WeightFormat F>() {
        Multiply<F>::run(pool, gemm, matrix, starts, ranges);
    });
}
