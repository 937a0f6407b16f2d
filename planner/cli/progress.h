#pragma once

#include "planner/search/search.h"

namespace headroom::cli {

enum class Drawing { off, on };

/// While it lives, Ctrl-C asks the search to stop instead of ending the program; a second one ends
/// it. The search tells its progress now and then, and is told to stop on that occasion.
class SearchWatch {
public:
    explicit SearchWatch(Drawing drawing);
    ~SearchWatch();
    SearchWatch(const SearchWatch&) = delete;
    SearchWatch(SearchWatch&&) = delete;
    SearchWatch& operator=(const SearchWatch&) = delete;
    SearchWatch& operator=(SearchWatch&&) = delete;

    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
    /// Valid as long as the watch is.
    [[nodiscard]] Progress progress();
    /// Ctrl-C was pressed.
    [[nodiscard]] static bool interrupted();

private:
    Drawing drawing_;
    std::stop_source source_{};
};

}  // namespace headroom::cli
