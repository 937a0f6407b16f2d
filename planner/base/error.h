#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace headroom {

/// Exit codes of every program (DESIGN 11).
enum class Exit {
    done = 0,
    internal = 1,
    usage = 2,
    does_not_fit = 3,
    bad_input = 4,
    outside_tolerance = 5,
    interrupted = 130
};

/// Input that cannot be used: a JSON pointer (or file) and one sentence with the value and the
/// limit.
class InputError : public std::runtime_error {
public:
    InputError(std::string pointer, const std::string& sentence)
        : std::runtime_error(pointer.empty() ? sentence : pointer + ": " + sentence),
          pointer_(std::move(pointer)) {}

    [[nodiscard]] const std::string& pointer() const { return pointer_; }
    /// What is wrong, without where.
    [[nodiscard]] std::string sentence() const {
        return std::string(what()).substr(pointer_.empty() ? 0 : pointer_.size() + 2);
    }

private:
    std::string pointer_;
};

/// A broken promise of our own (a graph that fails verification); never the user's fault.
class InternalError : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// Up to `limit` of `names`, nearest to `text` by edit distance (case ignored), nearest first.
std::vector<std::string> nearest(const std::string& text, const std::vector<std::string>& names,
                                 std::size_t limit = 3);

}  // namespace headroom
