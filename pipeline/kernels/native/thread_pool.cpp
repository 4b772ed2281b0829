#include "thread_pool.h"

#include <chrono>

namespace {

constexpr auto SPIN = std::chrono::microseconds(100);

void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    try {
        for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this] { work(); });
    } catch (...) {
        end();
        throw;
    }
}

ThreadPool::~ThreadPool() { end(); }

void ThreadPool::end() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    awake_.notify_all();
    for (auto& worker : workers_) worker.join();
}

void ThreadPool::run(uint32_t chunks, Function function, const void* body) {
    if (workers_.empty() || chunks <= 1) {
        for (uint32_t chunk = 0; chunk < chunks; ++chunk) function(body, chunk);
        return;
    }
    function_ = function;
    body_ = body;
    done_.store(0, std::memory_order_relaxed);
    ticket_.store(++loops_ << 2 * Ticket::BITS | (uint64_t)chunks << Ticket::BITS);
    if (sleepers_.load() > 0) {
        std::lock_guard lock(mutex_);
        awake_.notify_all();
    }
    take_chunks();
    while (done_.load(std::memory_order_acquire) < chunks) relax();
}

// A chunk that was taken keeps its loop alive, so function_ and body_ are that loop's own.
void ThreadPool::take_chunks() {
    while (Ticket{ticket_.load(std::memory_order_acquire)}.open()) {
        Ticket mine{ticket_.fetch_add(1, std::memory_order_acq_rel)};
        if (!mine.open()) return;
        function_(body_, mine.next());
        done_.fetch_add(1, std::memory_order_release);
    }
}

void ThreadPool::work() {
    while (wait_for_work()) take_chunks();
}

bool ThreadPool::wait_for_work() {
    using Clock = std::chrono::steady_clock;
    auto work = [this] { return stop_ || Ticket{ticket_.load()}.open(); };
    for (auto end = Clock::now() + SPIN; Clock::now() < end;)
        for (int turn = 0; turn < 64; ++turn) {
            if (work()) return !stop_;
            relax();
        }
    std::unique_lock lock(mutex_);
    ++sleepers_;
    awake_.wait(lock, work);
    --sleepers_;
    return !stop_;
}
