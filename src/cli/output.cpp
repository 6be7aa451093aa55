#include "cli/output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.hpp"

namespace agri::cli {

namespace {

base::Status& Kept() {
    static base::Status kept;
    return kept;
}

bool HasNoReader() {
    pollfd output{STDOUT_FILENO, 0, 0};
    return poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

}  // namespace

void HoldStandardDescriptors() {
    // The lowest free number is taken: the one that was looked at.
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) std::abort();
}

void WriteOut(std::string_view text) {
    if (Kept()) Kept() = base::WriteAll(STDOUT_FILENO, base::AsBytes(text), "standard output");
}

void WriteErr(std::string_view text) {
    (void)base::WriteAll(STDERR_FILENO, base::AsBytes(text), "standard error");
}

base::Status OutputState() {
    if (HasNoReader()) return {};
    return Kept();
}

}  // namespace agri::cli
