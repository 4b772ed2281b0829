// The one place where an instruction set's file is included. KERNELS_ISA names it, see
// instruction_sets.py; portable.h tells what such a file defines.
#pragma once
#include "isa/types.h"

#ifndef KERNELS_ISA
#define KERNELS_ISA "isa/portable.h"
#endif
#include KERNELS_ISA

using isa::LANES, isa::Floats, isa::Ints, isa::Unit;
