#include "thread_pool.h"

#include <algorithm>
#include <chrono>
#include <new>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

// A loop shorter than the first is over before another thread has taken anything from it, one shorter
// than the second before a sleeper is awake.
constexpr double ALONE = 5000, WAKES = 50000;
// A wait is over within the first, or else within both, or else one sleeps.
constexpr nanoseconds USUAL{10000}, LONG{40000};

void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Whether it came true before the time was up; which it is at once where spinning would keep its
// processor from the one who is waited for.
template <class Hinders, class Condition>
bool spin(nanoseconds time, const Hinders& hinders, const Condition& condition) {
    for (auto end = Clock::now() + time; Clock::now() < end;) {
        if (hinders()) return condition();
        for (int turn = 0; turn < 32; ++turn) {
            if (condition()) return true;
            relax();
        }
    }
    return false;
}

int64_t nanoseconds_now() { return nanoseconds(Clock::now().time_since_epoch()).count(); }

}  // namespace

ThreadPool::ThreadPool(int threads) {
    threads = std::min(threads, processors());
    try {
        for (int worker = 1; worker < threads; ++worker) {
            Worker& self = workers_.emplace_back();
            self.thread = std::thread([this, &self] { work(self); });
        }
    } catch (...) {
        end();
        throw;
    }
}

ThreadPool::~ThreadPool() { end(); }

void ThreadPool::end() {
    stop_ = true;
    wake();
    for (Worker& each : workers_)
        if (each.thread.joinable()) each.thread.join();
}

// Who fell asleep where the caller is would wake up there, and have to wait for it.
void ThreadPool::wake() {
    std::deque<Confined> elsewhere;
    for (Worker& each : workers_)
        if (each.sleeps && each.seat.is_here()) elsewhere.emplace_back(each.seat, Confined::ELSEWHERE);
    { std::lock_guard lock(mutex_); }
    awake_.notify_all();
}

void ThreadPool::run(uint32_t chunks, double nanoseconds, Function function, const void* body) {
    function_ = function;
    body_ = body;
    if (workers_.empty() || chunks <= 1 || nanoseconds < ALONE) {
        for (uint32_t chunk = 0; chunk < chunks; ++chunk) compute(chunk);
        return;
    }
    caller_.take();
    done_.store(0, std::memory_order_relaxed);
    ticket_.store(++loops_ << 2 * Ticket::BITS | (uint64_t)chunks << Ticket::BITS);
    if (nanoseconds >= WAKES && sleepers_.load() > 0) wake();
    take_chunks(caller_);
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
void ThreadPool::take_chunks(ThreadSeat& seat) {
    while (Ticket{ticket_.load(std::memory_order_acquire)}.open()) {
        Ticket mine{ticket_.fetch_add(1, std::memory_order_acq_rel)};
        if (!mine.open()) return;
        seat.look();
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
    auto hinders = [this] {
        return std::any_of(workers_.begin(), workers_.end(), [](const Worker& each) {
            return each.computes && each.seat.is_here();
        });
    };
    if (spin(USUAL, hinders, finished)) return;
    for (Worker& each : workers_) each.computed = each.computes ? each.seat.computed() : 0;
    if (spin(LONG, hinders, finished)) return;
    call_late();
    std::unique_lock lock(mutex_);
    caller_sleeps_ = true;
    finished_.wait(lock, finished);
    caller_sleeps_ = false;
}

// Who has a chunk and has hardly computed since has lost its processor: it gets the caller's.
void ThreadPool::call_late() {
    for (Worker& each : workers_)
        if (each.computed && each.computes && !each.seat.is_here() &&
            each.seat.computed() - each.computed < LONG.count() / 2)
            each.seat.come_here();
}

void ThreadPool::work(Worker& self) {
    self.seat.take();
    while (wait_for_work(self)) {
        self.computes = true;
        take_chunks(self.seat);
        self.computes = false;
    }
}

bool ThreadPool::wait_for_work(Worker& self) {
    auto work = [this] { return stop_ || Ticket{ticket_.load()}.open(); };
    auto hinders = [this] { return caller_.is_here(); };
    self.seat.look();
    if (!spin(USUAL + LONG, hinders, work)) {
        std::unique_lock lock(mutex_);
        self.sleeps = true;
        ++sleepers_;
        awake_.wait(lock, work);
        --sleepers_;
        self.sleeps = false;
    }
    return !stop_;
}
