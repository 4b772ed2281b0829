// A whole step: every operation of a program on the buffers of that step. All of them are looked at
// before the first is done.
#include <algorithm>
#include <vector>

#include "expert_operations.h"
#include "operations.h"

namespace {

struct Step {
    const Program& program;
    const Forward& forward;
    const LoraSegment* segments;
    int64_t segment_count;
    Input buffers[MAX_BUFFERS];  // for the rows of this step
    std::vector<LoraSegment> of_outputs;  // the segments as they are among the outputs

    Step(const Program& program, const Forward& forward, const LoraSegment* segments, int64_t count)
        : program(program), forward(forward), segments(segments), segment_count(count) {
        for (int64_t i = 0; i < program.buffer_count; ++i) {
            buffers[i] = program.buffers[i].input;
            buffers[i].tokens = program.buffers[i].of_outputs ? forward.wanted : forward.tokens;
            buffers[i].tokens *= program.buffers[i].times;
        }
        if (!is_count(count) || (count && !segments)) return;
        of_outputs.assign(segments, segments + count);
        for (LoraSegment& each : of_outputs)
            each.start = outputs_before(each.start), each.stop = outputs_before(each.stop);
    }

    int64_t outputs_before(int64_t token) const {
        return std::lower_bound(forward.outputs, forward.outputs + forward.wanted, token) -
               forward.outputs;
    }

    // A buffer of one row a token.
    RoutesHanded routes_of(const Operation& its, int buffer) const {
        const Input& held = buffers[buffer];
        const int64_t size = held.tokens * held.columns;
        return {&its.routing, held.values, held.columns, size <= held.count ? size : -1};
    }

    bool has(int buffer) const { return 0 <= buffer && buffer < program.buffer_count; }

    Fault fault() const {
        for (int64_t i = 0; i < program.count; ++i) {
            const Operation& each = program.operations[i];
            if (!has(each.x) || !has(each.out) || (each.added != -1 && !has(each.added)) ||
                (each.routes != -1 && !has(each.routes)))
                return "an operation on no buffer";
            if (Fault fault = with_operands(each, [](const auto& operands) { return operands.fault(); }))
                return fault;
        }
        return nullptr;
    }

    void run(ThreadPool& pool) const {
        for (int64_t i = 0; i < program.count; ++i)
            with_operands(program.operations[i], [&](const auto& operands) -> Fault {
                if (program.times)
                    add_time(program.times[i], pool.timed([&] { operands.run(pool); }));
                else
                    operands.run(pool);
                return nullptr;
            });
    }

    static void add_time(OperationTime& to, OperationTime time) {
        to.wall += time.wall;
        to.worked += time.worked;
    }

    Rows rows_of(const Input& buffer, int64_t columns) const {
        return {buffer.values, buffer.tokens, buffer.columns, buffer.count, columns};
    }

    // Calls use(operands) with what an operation is about.
    template <class Use>
    Fault with_operands(const Operation& its, const Use& use) const {
        const Input &x = buffers[its.x], &out = buffers[its.out];
        switch (its.kind) {
        case OP_NORM: {
            const Input none{}, &added = its.added < 0 ? none : buffers[its.added];
            if (x.tokens != out.tokens || (added.values && added.tokens != out.tokens)) break;
            return use(Norm{
                x.values, x.count, added.values, added.columns, added.count, (const float*)its.weights,
                its.size, its.number, &out});
        }
        case OP_LINEAR:
            if (Fault fault = matrix_fault(x.format, its.rows, its.columns, its.weights, its.size))
                return fault;
            if (x.tokens != out.tokens) break;
            return use(Linear{
                &x, (const uint8_t*)its.weights, its.bias, its.rows, its.columns, out.values, out.count});
        case OP_ADD_LORA:
            if (x.tokens != out.tokens) break;
            return use(AddLora{
                &x, program.buffers[its.x].of_outputs ? of_outputs.data() : segments,
                segment_count, its.place, out.values, out.columns, out.count});
        case OP_ROTATE_AND_STORE:
            if (x.tokens != forward.tokens) break;
            return use(RotateAndStore{
                x.values, x.columns, x.count, &forward, its.place, &its.heads, &its.norms,
                &its.turn});
        case OP_ATTEND:
            if (x.tokens != forward.tokens) break;
            return use(Attend{
                x.values, x.columns, x.count, &forward, its.place, &its.heads, its.window,
                its.number, its.limit, &out});
        case OP_GATE:
            if (x.tokens != out.tokens) break;
            return use(Gate{x.values, x.columns, x.count, its.activation, &out});
        case OP_SCALE: return use(Scale{rows_of(out, its.columns), its.number});
        case OP_CAP: return use(Cap{rows_of(out, its.columns), its.limit});
        case OP_CLIP: return use(Clip{rows_of(out, its.columns), its.limit});
        case OP_CENTRE: return use(Centre{rows_of(out, its.columns)});
        case OP_NORM_COLUMNS:
            if (!is_count(its.first) || !is_count(its.size)) return "a norm of no columns";
            return use(NormColumns{
                rows_of(out, its.first + its.size), its.first, (const float*)its.weights, its.size,
                its.number});
        case OP_TAKE_OUTPUTS:
            return use(TakeOutputs{x.values, x.columns, x.count, &forward, rows_of(out, its.columns)});
        case OP_ROUTE:
            if (x.tokens != out.tokens) break;
            return use(Route{x.values, x.columns, x.count, routes_of(its, its.out)});
        case OP_DISPATCH:
            if (its.routes < 0) return "an operation without routes";
            return use(Dispatch{&x, routes_of(its, its.routes), &out});
        case OP_EXPERT_LINEAR:
            if (its.routes < 0) return "an operation without routes";
            if (Fault fault = matrix_fault(x.format, its.rows, its.columns, its.weights, its.size))
                return fault;
            return use(ExpertLinear{
                &x, routes_of(its, its.routes), (const uint8_t*)its.weights, its.rows, its.columns,
                out.values, out.count});
        case OP_ADD_EXPERT_LORA:
            if (its.routes < 0) return "an operation without routes";
            return use(AddExpertLora{
                &x, segments, segment_count, its.place, routes_of(its, its.routes),
                its.dispatched != 0, out.values, out.columns, out.count});
        case OP_COMBINE: {
            if (its.routes < 0) return "an operation without routes";
            const Input none{}, &shared = its.added < 0 ? none : buffers[its.added];
            if (x.columns != out.columns || (shared.values && shared.columns != out.columns) ||
                buffers[its.routes].tokens != out.tokens)
                return "what experts made is of another width";
            return use(Combine{
                x.values, x.count, routes_of(its, its.routes), shared.values, shared.count,
                out.values, out.columns, out.count});
        }
        default: return "an operation that isn't known";
        }
        return "an operation on rows of two kinds";
    }
};

}  // namespace

Fault step_fault(const Program* program, const Forward* forward, const LoraSegment* segments, int64_t count) {
    if (Fault fault = fault_of(forward)) return fault;
    if (!program || !is_count(program->buffer_count, MAX_BUFFERS) || !is_count(program->count) ||
        (program->buffer_count && !program->buffers) || (program->count && !program->operations))
        return "no program";
    return Step(*program, *forward, segments, count).fault();
}

void run_step(
    ThreadPool& pool, const Program& program, const Forward& forward, const LoraSegment* segments,
    int64_t count) {
    Step(program, forward, segments, count).run(pool);
}
