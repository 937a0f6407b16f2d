#pragma once

#include <QMetaObject>
#include <QObject>
#include <QThreadPool>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "gui/jobs/outcome.h"

namespace headroom::gui {

/// Works on one input at a time on a thread of its own. Of the inputs given meanwhile only the last
/// one is worked on, and a result is told only when nothing was asked for since. Lives, is used and
/// tells on one thread, which has an event loop; its end waits for the work to stop.
template <class In, class Out>
class LatestJob {
public:
    using Work = std::function<Out(const In&, const std::stop_token&)>;
    using Tell = std::function<void(Outcome<Out>)>;

    LatestJob(Work work, Tell tell) : m_work(std::move(work)), m_tell(std::move(tell)) {
        m_pool.setMaxThreadCount(1);
    }
    ~LatestJob() {
        cancel();
        m_pool.waitForDone();
    }
    LatestJob(const LatestJob&) = delete;
    LatestJob(LatestJob&&) = delete;
    LatestJob& operator=(const LatestJob&) = delete;
    LatestJob& operator=(LatestJob&&) = delete;

    void start(In input) {
        ++m_asked;
        m_stop.request_stop();
        m_next = std::move(input);
        if (!m_running) launch();
    }

    /// Nothing asked for so far will be told.
    void cancel() {
        ++m_asked;
        m_next.reset();
        m_stop.request_stop();
    }

    [[nodiscard]] bool busy() const { return m_running || m_next.has_value(); }

private:
    void launch() {
        m_running = true;
        m_stop = std::stop_source();
        m_pool.start(
            [this, input = std::move(*m_next), asked = m_asked, token = m_stop.get_token()] {
                auto outcome = outcome_of(input, token);
                QMetaObject::invokeMethod(&m_home,
                                          [this, asked, outcome = std::move(outcome)]() mutable {
                                              finish(asked, std::move(outcome));
                                          });
            });
        m_next.reset();
    }

    Outcome<Out> outcome_of(const In& input, const std::stop_token& token) const {
        try {
            return m_work(input, token);
        } catch (...) {
            return refusal_in_flight();
        }
    }

    void finish(quint64 asked, Outcome<Out> outcome) {
        m_running = false;
        if (m_next) launch();
        if (asked == m_asked) m_tell(std::move(outcome));
    }

    Work m_work;
    Tell m_tell;
    QObject m_home{};  ///< results wait in its event queue, and go with it
    std::optional<In> m_next{};
    std::stop_source m_stop{};
    quint64 m_asked = 0;
    bool m_running = false;
    QThreadPool m_pool{};
};

}  // namespace headroom::gui
