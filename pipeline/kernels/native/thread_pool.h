// Threads that share out the chunks of one loop after another.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

// The caller is one of the threads. Workers spin for a while between loops, as the next one is
// usually microseconds away, and then sleep. A worker that comes late finds its chunks taken by the
// others: nobody waits for a thread that has nothing to do.
class ThreadPool {
public:
    explicit ThreadPool(int threads);
    ~ThreadPool();

    // Calls body(chunk) for every chunk from 0 to `chunks`, in any order, on any thread.
    template <class Body>
    void run(uint32_t chunks, const Body& body) {
        run(chunks, [](const void* self, uint32_t chunk) { (*(const Body*)self)(chunk); }, &body);
    }

private:
    using Function = void (*)(const void*, uint32_t);

    // Number of the loop, its chunks, and the next chunk, in one word: who takes a chunk knows by
    // the same instruction which loop it belongs to.
    struct Ticket {
        uint64_t word;
        static constexpr int BITS = 20;
        static constexpr uint64_t MASK = (1u << BITS) - 1;
        uint32_t next() const { return word & MASK; }
        uint32_t chunks() const { return word >> BITS & MASK; }
        bool open() const { return next() < chunks(); }
    };

    void run(uint32_t chunks, Function function, const void* body);
    void end();
    void work();
    void take_chunks();
    bool wait_for_work();

    alignas(64) std::atomic<uint64_t> ticket_{0};
    alignas(64) std::atomic<uint32_t> done_{0};
    alignas(64) std::atomic<int> sleepers_{0};
    std::atomic<bool> stop_{false};
    Function function_ = nullptr;
    const void* body_ = nullptr;
    uint64_t loops_ = 0;
    std::mutex mutex_;
    std::condition_variable awake_;
    std::vector<std::thread> workers_;
};
