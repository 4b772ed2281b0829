// Runs every kernel on made-up inputs that are the same on any machine, and prints what comes out, so
// that two builds can be held against each other. It is compiled with the kernels' sources before it,
// see emulation.py. Each line is a name and the bits of floats.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Numbers = std::vector<float>;

uint64_t state = 1;
uint32_t random_bits() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}
float random_number() { return (float)(int32_t)random_bits() / 2147483648.0f; }
Numbers random_numbers(int64_t count) {
    Numbers numbers(count);
    for (float& each : numbers) each = random_number();
    return numbers;
}

// As scales of any format these are finite and below 2.
std::vector<uint8_t> random_bytes(int64_t count) {
    std::vector<uint8_t> bytes(count);
    for (uint8_t& each : bytes) each = (random_bits() & 0xbf) | 1;
    return bytes;
}

void expect(bool good, const std::string& what) {
    if (good) return;
    printf("FAILED %s\n", what.c_str());
    exit(1);
}
void done(Fault fault) { expect(!fault, fault ? fault : ""); }

void print(const std::string& name, const float* from, int64_t count) {
    printf("%s", name.c_str());
    for (int64_t i = 0; i < count; ++i) {
        uint32_t bits;
        memcpy(&bits, from + i, 4);
        printf(" %08x", bits);
    }
    printf("\n");
}

ThreadPool* pool;

// Activations with their packed form, in memory of exactly their size.
struct Operand {
    Numbers values;
    std::vector<uint8_t> packed;
    Input input;

    Operand(int format, int64_t tokens, int64_t columns, Numbers numbers)
        : values(numbers), packed(packed_input_bytes(format, tokens, columns)) {
        input = {format, values.data(), packed.data(), tokens, columns, (int64_t)values.size(),
                 (int64_t)packed.size()};
        done(kernel_pack_input(pool, &input));
    }
};

void print_rows(const std::string& name, const Numbers& out, int64_t tokens, int64_t columns) {
    const int64_t width = out.size() / tokens;
    for (int64_t token = 0; token < tokens; ++token)
        print(name, out.data() + token * width, columns);
}

// More tokens than a strip has, then every number of them that a tile or two hold.
int64_t fewer(int64_t tokens) { return tokens > 18 ? 18 : tokens - 1; }

// The first tokens are what they are whatever comes after them.
void linear(
    const std::string& name, int format, int64_t rows, int64_t columns, uint8_t* weights,
    const Numbers& values, const float* bias) {
    const int64_t most = values.size() / columns, width = pieces_of(rows, PANEL) * PANEL;
    Numbers all;
    for (int64_t tokens = most; tokens > 0; tokens = fewer(tokens)) {
        Operand x(format, tokens, columns, {values.begin(), values.begin() + tokens * columns});
        Numbers out(tokens * width);
        done(kernel_linear(
            pool, &x.input, weights, bias, rows, columns, out.data(), out.size()));
        if (all.empty()) all = out;
        for (int64_t token = 0; token < tokens; ++token)
            expect(
                !memcmp(&out[token * width], &all[token * width], rows * 4),
                name + ": depends on the batch");
    }
    print_rows(name, all, most, rows);
}

// Weights and activations that are as large as they come, and all of one sign or of both.
void extremes(int format, int64_t rows, int64_t columns, std::vector<uint8_t>& weights) {
    Numbers numbers(rows * columns), values(4 * columns);
    for (int64_t i = 0; i < (int64_t)numbers.size(); ++i)
        numbers[i] = (i / columns % 2 ? -1 : 1) * (i % columns % 31 ? 1.0f : -1.0f);
    for (int64_t i = 0; i < (int64_t)values.size(); ++i) {
        const int64_t token = i / columns, column = i % columns;
        values[i] = (token % 2 ? -1 : 1) * (token < 2 || column % 2 ? 1.0f : -1.0f);
    }
    done(kernel_pack(
        pool, format, numbers.data(), rows, columns, weights.data(), weights.size()));
    linear("extreme" + std::to_string(format), format, rows, columns, weights.data(), values, nullptr);
}

// Some of a matrix' rows as the numbers that they stand for.
void rows_of(
    const std::string& name, int format, int64_t rows, int64_t columns,
    const std::vector<uint8_t>& weights) {
    const int32_t wanted[] = {(int32_t)rows - 1, 0, 17};
    Numbers out(std::size(wanted) * columns);
    done(kernel_look_up(
        pool, format, weights.data(), weights.size(), rows, columns, wanted, std::size(wanted),
        out.data(), out.size()));
    print_rows(name, out, std::size(wanted), columns);
}

void matrices() {
    constexpr int64_t ROWS = 70, COLUMNS = 620, TOKENS = 70;
    for (int format = 0; format < (int)std::size(WEIGHT_FORMATS); ++format) {
        const int64_t size = with_weight_format(
            format, [&]<WeightFormat F>() { return matrix_bytes(F, ROWS, COLUMNS); });
        const std::string number = std::to_string(format);
        std::vector<uint8_t> weights = random_bytes(size);
        const Numbers bias = random_numbers(pieces_of(ROWS, PANEL) * PANEL);
        linear(
            "linear" + number, format, ROWS, COLUMNS, weights.data(),
            random_numbers(TOKENS * COLUMNS), bias.data());
        rows_of("rows" + number, format, ROWS, COLUMNS, weights);
        const Numbers plain = random_numbers(ROWS * COLUMNS);
        done(kernel_pack(pool, format, plain.data(), ROWS, COLUMNS, weights.data(), size));
        linear(
            "packed" + number, format, ROWS, COLUMNS, weights.data(), random_numbers(3 * COLUMNS),
            nullptr);
        extremes(format, ROWS, COLUMNS, weights);
    }
}

void between_matrices() {
    constexpr int64_t TOKENS = 3, COLUMNS = 555;
    Numbers residual = random_numbers(TOKENS * COLUMNS);
    const Numbers delta = random_numbers(TOKENS * (COLUMNS + 5)), weight = random_numbers(COLUMNS);
    Operand out(0, TOKENS, COLUMNS, Numbers(TOKENS * COLUMNS));
    done(kernel_norm(
        pool, residual.data(), residual.size(), delta.data(), COLUMNS + 5, delta.size(),
        weight.data(), weight.size(), 1e-5f, &out.input));
    print_rows("residual", residual, TOKENS, COLUMNS);
    print_rows("norm", out.values, TOKENS, COLUMNS);
    Numbers gate_up = random_numbers(TOKENS * (2 * COLUMNS + 1));
    for (float& each : gate_up) each *= 20;
    for (int activation : {ACTIVATION_SILU, ACTIVATION_GELU_TANH}) {
        done(kernel_gate(
            pool, gate_up.data(), 2 * COLUMNS + 1, gate_up.size(), activation, &out.input));
        print_rows("gate" + std::to_string(activation), out.values, TOKENS, COLUMNS);
    }
}

// Two sequences of 40 and 5 positions; of each the last three are new. What is kept in fewer bits is
// packed.
void attention() {
    constexpr int64_t TOKENS = 6, POSITIONS = 40, LAYERS = 2, BLOCKS = 5, TABLE = 3;
    const HeadShape heads{14, 2, 22};
    const int32_t positions[] = {37, 38, 39, 2, 3, 4}, sequences[] = {0, 0, 0, 1, 1, 1};
    const int32_t table[] = {4, 0, 2, 1, 3, 3};
    const int64_t width = (heads.queries + 2 * heads.keys) * heads.width + 3;
    const int64_t columns = heads.queries * heads.width;
    const Numbers sines = random_numbers(POSITIONS * heads.width / 2);
    const Numbers cosines = random_numbers(sines.size());
    const Numbers query = random_numbers(heads.width), key = random_numbers(heads.width);
    const HeadNormWeights norms{query.data(), key.data(), 1e-6f, heads.width};
    const Turn turn{2, 9};
    for (int format = 0; format < (int)std::size(NUMBER_FORMATS); ++format) {
        Forward forward{
            .positions = positions, .sequences = sequences, .block_table = table,
            .cosines = cosines.data(), .sines = sines.data(), .kv_format = format,
            .tokens = TOKENS, .table_width = TABLE, .blocks = BLOCKS, .rows = 2, .layers = LAYERS,
            .turned = POSITIONS, .angles = (int64_t)sines.size()};
        forward.pool_size = BLOCKS * kv_block_bytes(forward, heads);
        std::vector<uint8_t> pool_bytes = random_bytes(forward.pool_size);
        forward.pool = pool_bytes.data();
        Numbers qkv = random_numbers(TOKENS * width);
        done(kernel_rotate_and_store(
            pool, qkv.data(), width, qkv.size(), &forward, 1, &heads, &norms, &turn));
        const std::string name =
            (NUMBER_FORMATS[format].bits < 32 ? "packed_" : "") + std::to_string(format);
        print_rows("rotated" + name, qkv, TOKENS, width);
        for (int64_t window : {0, 20}) {
            Operand out(1, TOKENS, columns, Numbers(TOKENS * columns));
            done(kernel_attend(
                pool, qkv.data(), width, qkv.size(), &forward, 1, &heads, window, 0.3f,
                window / 4.0f, &out.input));
            print_rows(name + "attended" + std::to_string(window), out.values, TOKENS, columns);
        }
    }
}

// An adapter of one site with two projections, read from a file.
void adapters() {
    constexpr int32_t INPUTS = 83, RANKS[] = {7, 20}, WIDTHS[] = {50, 33}, TOKENS = 13;
    for (int format = 0; format < (int)std::size(NUMBER_FORMATS); ++format) {
        auto bytes = [&](int64_t rows, int64_t columns) {
            return with_number_format(
                format, [&]<NumberFormat F>() { return lora_bytes(F, rows, columns); });
        };
        auto padded = [](int64_t rows) { return (int32_t)(pieces_of(rows, UNIT) * UNIT); };
        const int32_t ranks = padded(RANKS[0] + RANKS[1]);
        const int file = memfd_create("adapter", 0);
        LoraSite site{0, ranks, 2, {}};
        std::vector<AdapterTensor> tensors;
        int64_t source = 0, end = bytes(ranks, INPUTS);
        auto add = [&](int64_t to, int32_t first, int32_t rows, int32_t columns, int32_t all) {
            tensors.push_back({source, to, first, rows, columns, all, TYPE_F32, 0.5f});
            const Numbers numbers = random_numbers(rows * columns);
            source += write(file, numbers.data(), numbers.size() * 4);
        };
        for (int part = 0, first = 0, column = 0; part < 2; ++part) {
            const int32_t rank = RANKS[part], rows = WIDTHS[part];
            site.part[part] = {end, rank, first, column, rows, 0};
            add(0, first, rank, INPUTS, ranks);
            add(end, 0, rows, rank, padded(rows));
            end += bytes(rows, rank), first += rank, column += rows;
        }
        site.part[1].affine = end;
        const Numbers factors = random_numbers(2 * padded(WIDTHS[1]));
        end += factors.size() * sizeof(float);
        std::vector<uint8_t> data(end);
        done(adapter_read(file, tensors.data(), tensors.size(), format, data.data(), end));
        std::memcpy(data.data() + site.part[1].affine, factors.data(), factors.size() * sizeof(float));
        close(file);
        const LoraSegment segments[] = {
            {data.data(), &site, format, 0, 12, end, 1}, {data.data(), &site, format, 12, 13, end, 1}};
        Operand x(0, TOKENS, INPUTS, random_numbers(TOKENS * INPUTS));
        Numbers out = random_numbers(TOKENS * 90);
        done(kernel_add_lora(pool, &x.input, segments, 2, 0, out.data(), 90, out.size()));
        print_rows("adapter" + std::to_string(format), out, TOKENS, 90);
    }
}

// Some tokens by two of five experts each, and all by a shared one.
void experts() {
    constexpr int64_t TOKENS = 21, COLUMNS = 620, WIDTH = 128, EXPERTS = 5;
    const Routing routing{EXPERTS, 2, 1};
    const int64_t places = TOKENS * routing.used, each = Routes::columns(routing);
    const Numbers scores = random_numbers(TOKENS * (EXPERTS + 1));
    const Numbers numbers = random_numbers(TOKENS * COLUMNS);
    const Numbers shared = random_numbers(TOKENS * WIDTH);
    Numbers routes(TOKENS * each);
    done(kernel_route(
        pool, scores.data(), EXPERTS + 1, scores.size(), &routing, routes.data(), each,
        routes.size()));
    print_rows("routes", routes, TOKENS, each);
    for (int format = 0; format < (int)std::size(WEIGHT_FORMATS); ++format) {
        const int64_t size = with_weight_format(
            format, [&]<WeightFormat F>() { return matrix_bytes(F, EXPERTS * WIDTH, COLUMNS); });
        std::vector<uint8_t> weights = random_bytes(size);
        Operand x(format, TOKENS, COLUMNS, numbers);
        Operand sent(format, places, COLUMNS, Numbers(places * COLUMNS));
        done(kernel_dispatch(
            pool, &x.input, &routing, routes.data(), each, routes.size(), &sent.input));
        Numbers made(places * WIDTH), out(TOKENS * WIDTH);
        done(kernel_expert_linear(
            pool, &sent.input, &routing, routes.data(), each, routes.size(), weights.data(),
            EXPERTS * WIDTH, COLUMNS, made.data(), made.size()));
        done(kernel_combine(
            pool, made.data(), made.size(), &routing, routes.data(), each, routes.size(),
            shared.data(), shared.size(), out.data(), WIDTH, out.size()));
        print_rows("experts" + std::to_string(format), out, TOKENS, WIDTH);
    }
}

}  // namespace

int main() {
    pool = pool_new(2);
    matrices();
    between_matrices();
    attention();
    adapters();
    experts();
    pool_free(pool);
    printf("done %s\n", kernels_instruction_set());
}
