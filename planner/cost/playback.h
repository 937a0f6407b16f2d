#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "planner/cost/timeline.h"

namespace headroom {

/// How an op holds up the ones issued after it.
enum class Issue : std::uint8_t { compute, blocking, async, wait };

struct TimedOp {
    double seconds = 0.0;
    Stream stream = Stream::compute;
    Bound bound = Bound::latency;
    Issue issue = Issue::compute;
};

/// Times every op once.
std::vector<TimedOp> time_ops(const StepGraph& graph, std::span<const Work> work,
                              const TimeModel& model);

/// Everything a playback knows. All members are times or sums of times, so a stretch of equal
/// micro-steps moves each of them by the same amount a micro-step.
struct PlaybackState {
    std::array<double, kStreams> clock{};
    std::array<double, kPhases> phase{};     ///< time of the compute stream, waiting included
    std::array<double, kStreams> exposed{};  ///< of `phase`, what was spent waiting for a stream
    double compute = 0.0;                    ///< kernels of micro-steps
    double optimizer = 0.0;                  ///< kernels of the update
    std::vector<double> start{};             ///< by op: of its last run beside the compute stream
    std::vector<double> end{};

    /// Adds `times` further equal changes after the one from `before` to this state.
    void extend(const PlaybackState& before, double times);
};

/// Which ops of a micro-step run.
struct MicroStep {
    bool first = false;
    bool last = false;

    [[nodiscard]] bool runs(When when) const {
        return when == When::every || (when == When::first ? first : last);
    }
};

/// Issues ops in order over the streams.
class Playback {
public:
    Playback(const StepGraph& graph, std::span<const TimedOp> times);

    void micro_step(MicroStep which);
    /// The update, then every stream drains.
    void update();
    void record(std::vector<OpRecord>* records) { records_ = records; }
    [[nodiscard]] PlaybackState& state() { return state_; }

private:
    void issue(std::size_t at);
    void compute(const OpNode& node, const TimedOp& op);
    /// Queues an op on its stream.
    void start(std::size_t at);
    /// Runs a collective that everything waits for. It has a group of ranks and a queue of its own,
    /// so it does not stand behind those that were queued for later; where both use one wire, each
    /// has half of it for as long as both last.
    void exchange(std::size_t at);
    /// Makes way for a collective of `seconds` on `wire` from `begin` on; returns by how much the
    /// two hold each other up.
    double share_wire(double begin, double seconds, Bound wire);
    void use(std::size_t at);
    void wait(const OpNode& node);
    void drain();
    /// Holds up the compute stream until a queued op ends; the time goes to the streams of that op
    /// and of those that it had to follow.
    void hold_until(std::int32_t op);
    void touch(TensorId id, std::size_t at);
    double& clock(Stream stream) { return state_.clock[static_cast<std::size_t>(stream)]; }
    [[nodiscard]] double end_of(std::int32_t op) const;

    const StepGraph& graph_;
    std::span<const TimedOp> times_;
    PlaybackState state_{};
    std::vector<std::int32_t> writer_{};  ///< by storage: queued op that wrote it last; -1: none
    std::vector<std::int32_t>
        toucher_{};  ///< by storage: the latest to end that reads or writes it
    std::vector<std::int32_t> follows_{};  ///< by op: the one whose end was its start; -1: none
    std::array<std::int32_t, kStreams> latest_{};  ///< by stream: op queued last
    std::vector<std::int32_t> queued_{};  ///< collectives queued for later that may not have ended
    double interference_ = 0.0;           ///< of the collective queued last
    std::vector<OpRecord>* records_ = nullptr;
};

}  // namespace headroom
