// Debian packages no C++ progress bar, so this is a small one: phase, bar, bytes, rate, time left.
#include "cli/progress_bar.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "cli/output.hpp"
#include "cli/table.hpp"

namespace agri::cli {

using namespace std::chrono_literals;

namespace {

constexpr int kBarCells = 24;
constexpr auto kRedraw = 200ms;  // on a terminal
constexpr auto kReport = 30s;    // elsewhere

}  // namespace

ProgressBar::ProgressBar(const engine::Progress& progress, const base::Clock& clock)
    : progress_(progress),
      clock_(clock),
      started_(clock.Monotonic()),
      is_terminal_(isatty(STDERR_FILENO)),
      thread_([this] { Run(); }) {}

ProgressBar::~ProgressBar() {
    {
        std::lock_guard lock(mutex_);
        done_ = true;
    }
    wake_.notify_all();
    thread_.join();
    if (!is_terminal_) return;
    Draw();
    std::fputc('\n', stderr);
}

void ProgressBar::Run() {
    std::unique_lock lock(mutex_);
    while (!done_) {
        if (is_terminal_) Draw();
        if (wake_.wait_for(lock, is_terminal_ ? std::chrono::milliseconds(kRedraw) : kReport,
                           [&] { return done_; }))
            return;
        if (!is_terminal_) Draw();
    }
}

void ProgressBar::Draw() const {
    uint64_t done = progress_.bytes_done, total = progress_.bytes_total;
    double seconds = std::chrono::duration<double>(clock_.Monotonic() - started_).count();
    double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
    double part = total ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 0;
    int cells = static_cast<int>(part * kBarCells);
    std::string left = total > done && rate > 0
                           ? HumanDuration(static_cast<uint64_t>(static_cast<double>(total - done) /
                                                                 rate * 1000)) +
                                 " left"
                           : "";
    std::string line = fmt::format("{:<16} [{}{}] {:3.0f} %  {} of {}  {}/s  {}", progress_.phase(),
                                   std::string(cells, '#'), std::string(kBarCells - cells, '.'),
                                   part * 100, HumanBytes(done), HumanBytes(total),
                                   HumanBytes(static_cast<uint64_t>(rate)), left);
    if (is_terminal_)
        PrintErr("\r\033[K{}", line);
    else
        PrintErr("{}\n", line);
}

}  // namespace agri::cli
