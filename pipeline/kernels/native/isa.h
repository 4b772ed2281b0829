// The one place where an instruction set is chosen, when the library is built: the widest that the
// compiler may use, or the file that -DKERNELS_ISA names. portable.h tells what such a file defines.
#pragma once
#include "isa/types.h"

#if defined(KERNELS_ISA)
#include KERNELS_ISA
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "isa/avx2.h"
#else
#include "isa/portable.h"
#endif

using isa::LANES, isa::Floats, isa::Ints, isa::Unit;
