// Threads that share out the chunks of one loop after another.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

#include "abi.h"
#include "thread_seat.h"

// The caller is one of the threads, and there are no more of them than processors that it may use.
// Chunks are taken one by one: a thread that comes late, or has lost its processor, finds them taken by
// the others, and is waited for only while it is in the midst of one. Who waits spins for as long as a
// wait usually takes, and then sleeps, so that whoever needs the processor gets it; if it waits for one
// that has lost its own in the midst of a chunk, that is who gets it. A loop that is over before a sleeper
// would be awake wakes nobody, and who is woken never is where the caller goes on.
class ThreadPool {
public:
    explicit ThreadPool(int threads);
    ~ThreadPool();

    // Calls body(chunk) for every chunk from 0 to `chunks`, in any order, on any thread; throws
    // std::bad_alloc after the last if any did. A chunk takes about so many nanoseconds; where it isn't
    // said, long enough to wake others for it.
    template <class Body>
    void run(uint32_t chunks, const Body& body, double nanoseconds = 1e9) {
        run(chunks, chunks * nanoseconds,
            [](const void* self, uint32_t chunk) { (*(const Body*)self)(chunk); }, &body);
    }

    int threads() const { return (int)workers_.size() + 1; }

    // What a body of loops takes.
    template <class Body>
    OperationTime timed(const Body& body) {
        const Watch watch(*this);
        body();
        return watch.read();
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

    // From its beginning to its end each chunk's time is added up, which costs two looks at the clock.
    struct Watch {
        ThreadPool& pool;
        const int64_t began;
        explicit Watch(ThreadPool& pool);
        ~Watch();
        OperationTime read() const;
    };

    struct Worker {
        std::thread thread;
        ThreadSeat seat;
        std::atomic<bool> computes{false}, sleeps{false};
        int64_t computed = 0;  // when the caller had waited for a while
    };

    void run(uint32_t chunks, double nanoseconds, Function function, const void* body);
    void compute(uint32_t chunk);
    void end();
    void work(Worker& self);
    void take_chunks(ThreadSeat& seat);
    void wake();
    bool wait_for_work(Worker& self);
    void wait_for_others(uint32_t chunks);
    void call_late();

    alignas(64) std::atomic<uint64_t> ticket_{0};
    alignas(64) std::atomic<uint32_t> done_{0};
    alignas(64) ThreadSeat caller_;
    alignas(64) std::atomic<int> sleepers_{0};
    std::atomic<bool> stop_{false}, caller_sleeps_{false}, out_of_memory_{false};
    std::atomic<int64_t> worked_{0};  // nanoseconds, while it is watched
    bool watched_ = false;
    Function function_ = nullptr;
    const void* body_ = nullptr;
    uint64_t loops_ = 0;
    std::mutex mutex_;
    std::condition_variable awake_, finished_;
    std::deque<Worker> workers_;
};
