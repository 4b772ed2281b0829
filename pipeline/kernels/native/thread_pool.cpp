#include "thread_pool.h"

#include <algorithm>
#include <chrono>
#include <new>

#ifdef __linux__
#include <sched.h>
#endif

namespace {

// A loop shorter than the first is over before another thread has taken anything from it, one shorter
// than the second before a sleeper is awake.
constexpr double ALONE = 5000, WAKES = 50000;
constexpr auto SPIN = std::chrono::microseconds(50);

void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// The one that this thread is on; −1 where the system doesn't say.
int processor() {
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

// Whether it came true before the time was up; which it is at once while the one who is waited for was
// last seen on the very processor that the spinning would keep from it.
template <class Condition>
bool spin(const std::atomic<int>& other, const Condition& condition) {
    using Clock = std::chrono::steady_clock;
    for (auto end = Clock::now() + SPIN; Clock::now() < end;) {
        if (processor() == other.load(std::memory_order_relaxed)) return condition();
        for (int turn = 0; turn < 32; ++turn) {
            if (condition()) return true;
            relax();
        }
    }
    return false;
}

int64_t nanoseconds_now() {
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

int processors() {
#ifdef __linux__
    cpu_set_t mine;
    if (sched_getaffinity(0, sizeof mine, &mine) == 0) return CPU_COUNT(&mine);
#endif
    const int known = (int)std::thread::hardware_concurrency();
    return known ? known : 1 << 10;
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
    threads = std::min(threads, processors());
    try {
        for (int worker = 1; worker < threads; ++worker) workers_.emplace_back([this] { work(); });
    } catch (...) {
        end();
        throw;
    }
}

ThreadPool::~ThreadPool() { end(); }

void ThreadPool::end() {
    stop_ = true;
    wake();
    for (auto& worker : workers_) worker.join();
}

void ThreadPool::wake() {
    std::lock_guard lock(mutex_);
    awake_.notify_all();
}

void ThreadPool::run(uint32_t chunks, double nanoseconds, Function function, const void* body) {
    function_ = function;
    body_ = body;
    if (workers_.empty() || chunks <= 1 || nanoseconds < ALONE) {
        for (uint32_t chunk = 0; chunk < chunks; ++chunk) compute(chunk);
        return;
    }
    caller_on_.store(processor(), std::memory_order_relaxed);
    done_.store(0, std::memory_order_relaxed);
    ticket_.store(++loops_ << 2 * Ticket::BITS | (uint64_t)chunks << Ticket::BITS);
    if (nanoseconds >= WAKES && sleepers_.load() > 0) wake();
    take_chunks();
    wait_for_others(chunks);
    if (out_of_memory_.exchange(false)) throw std::bad_alloc();
}

void ThreadPool::compute(uint32_t chunk) {
    if (!watched_) return function_(body_, chunk);
    const int64_t began = nanoseconds_now();
    function_(body_, chunk);
    worked_ += nanoseconds_now() - began;
}

ThreadPool::Watch::Watch(ThreadPool& pool) : pool(pool), began(nanoseconds_now()) {
    pool.worked_ = 0;
    pool.watched_ = true;
}

ThreadPool::Watch::~Watch() { pool.watched_ = false; }

OperationTime ThreadPool::Watch::read() const { return {nanoseconds_now() - began, pool.worked_}; }

// A chunk that was taken keeps its loop alive, so function_ and body_ are that loop's own.
void ThreadPool::take_chunks() {
    while (Ticket{ticket_.load(std::memory_order_acquire)}.open()) {
        Ticket mine{ticket_.fetch_add(1, std::memory_order_acq_rel)};
        if (!mine.open()) return;
        try {
            compute(mine.next());
        } catch (const std::bad_alloc&) {
            out_of_memory_ = true;
        }
        if (done_.fetch_add(1) + 1 == mine.chunks() && caller_sleeps_.load()) {
            std::lock_guard lock(mutex_);
            finished_.notify_one();
        }
    }
}

void ThreadPool::wait_for_others(uint32_t chunks) {
    auto finished = [&] { return done_.load() == chunks; };
    if (spin(worker_on_, finished)) return;
    std::unique_lock lock(mutex_);
    caller_sleeps_ = true;
    finished_.wait(lock, finished);
    caller_sleeps_ = false;
}

void ThreadPool::work() {
    while (wait_for_work()) {
        worker_on_.store(processor(), std::memory_order_relaxed);
        take_chunks();
    }
}

bool ThreadPool::wait_for_work() {
    auto work = [this] { return stop_ || Ticket{ticket_.load()}.open(); };
    if (!spin(caller_on_, work)) {
        std::unique_lock lock(mutex_);
        ++sleepers_;
        awake_.wait(lock, work);
        --sleepers_;
    }
    return !stop_;
}
