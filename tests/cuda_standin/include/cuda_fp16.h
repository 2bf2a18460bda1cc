// Half precision as far as dfdx's sources need it to compile. sdtrain has no use for it, and nothing checks its rounding.
#pragma once

struct __half {
    _Float16 value;
    __half() = default;
    template <class T, class = std::enable_if_t<std::is_arithmetic_v<T>>> __half(T from) : value(static_cast<_Float16>(from)) {}
    explicit __half(_Float16 from) : value(from) {}
    operator float() const { return value; }
};

#define STANDIN_HALF(op)                                                                                                         \
    static inline __half operator op(__half a, __half b) { return __half(static_cast<float>(a) op static_cast<float>(b)); }
STANDIN_HALF(+)
STANDIN_HALF(-)
STANDIN_HALF(*)
STANDIN_HALF(/)
#undef STANDIN_HALF
static inline __half operator-(__half a) { return __half(-static_cast<float>(a)); }
static inline __half &operator+=(__half &a, __half b) { return a = a + b; }
static inline __half &operator-=(__half &a, __half b) { return a = a - b; }
static inline __half &operator*=(__half &a, __half b) { return a = a * b; }
static inline __half &operator/=(__half &a, __half b) { return a = a / b; }
#define STANDIN_HALF(op)                                                                                                         \
    static inline bool operator op(__half a, __half b) { return static_cast<float>(a) op static_cast<float>(b); }
STANDIN_HALF(<)
STANDIN_HALF(>)
STANDIN_HALF(<=)
STANDIN_HALF(>=)
STANDIN_HALF(==)
STANDIN_HALF(!=)
#undef STANDIN_HALF

static inline float __half2float(__half a) { return a; }
static inline __half __float2half(float a) { return a; }
static inline unsigned short __half_as_ushort(__half a) { return standin_bits<unsigned short>(a.value); }
static inline __half __ushort_as_half(unsigned short a) { return __half(standin_bits<_Float16>(a)); }
static inline bool __hisnan(__half a) { return isnan(static_cast<float>(a)); }
static inline __half __habs(__half a) { return fabsf(a); }
static inline __half __hmax_nan(__half a, __half b) { return __hisnan(a) || b < a ? a : b; }
static inline __half __hmin_nan(__half a, __half b) { return __hisnan(a) || a < b ? a : b; }
static inline __half hcos(__half a) { return cosf(a); }
static inline __half hsin(__half a) { return sinf(a); }
static inline __half hsqrt(__half a) { return sqrtf(a); }
static inline __half hlog(__half a) { return logf(a); }
static inline __half hexp(__half a) { return expf(a); }
